"""Compiling a shadow, and what the compilers say."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

from msgspec import Struct

from otp_genesis_refactorers.mix.own_code import COMPILE, run_own_task
from otp_genesis_refactorers.mix.reports import path_in, reported
from otp_genesis_refactorers.mix.results import CompileResult, Diagnostic, Severity
from otp_genesis_refactorers.mix.running import OnOutput
from otp_genesis_refactorers.sandbox.limits import DEFAULT_LIMITS, Limits
from otp_genesis_refactorers.shadow.workspace import Shadow


class _Diagnostic(Struct):
    file: str
    line: int
    severity: Severity
    message: str
    compiler: str


def compile(
    shadow: Shadow,
    *,
    force: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    on_output: OnOutput | None = None,
    cancel: Event | None = None,
) -> CompileResult:
    """Compile the project, dependencies included; all its warnings, also of files not compiled anew.

    `force` compiles every file of the project anew (not of its dependencies).
    """
    args = ["otp_genesis.compile", *(["--force"] if force else [])]
    run, entries = run_own_task(shadow, COMPILE, args, limits=limits, on_output=on_output, cancel=cancel)
    run = replace(run, command=("mix", "compile", *args[1:]))
    found = {_diagnostic(shadow, each) for each in reported(entries, "diagnostic", _Diagnostic)}
    return CompileResult(run, tuple(sorted(found, key=lambda each: (each.path, each.line, each.message))))


def _diagnostic(shadow: Shadow, said: _Diagnostic) -> Diagnostic:
    path = path_in(shadow, said.file)
    return Diagnostic(path, said.line, said.severity, said.message.strip(), said.compiler)
