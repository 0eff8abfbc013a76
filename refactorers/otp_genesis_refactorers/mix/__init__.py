"""Running mix on a shadow of a project, never on the project: sandboxed, limited, its answers as data.

Nothing here raises for what mix does, nor for what it lacks: that is said by the result.
"""

from otp_genesis_refactorers.mix.compiling import compile
from otp_genesis_refactorers.mix.formatting import format_check
from otp_genesis_refactorers.mix.linting import credo, has_credo
from otp_genesis_refactorers.mix.own_code import run_own_task
from otp_genesis_refactorers.mix.readiness import NotReady, Ready, readiness
from otp_genesis_refactorers.mix.results import (
    CompileResult,
    CredoIssue,
    CredoResult,
    Diagnostic,
    FormatResult,
    MixResult,
    TestCase,
    TestResult,
)
from otp_genesis_refactorers.mix.running import run
from otp_genesis_refactorers.mix.testing import test
from otp_genesis_refactorers.mix.trying import try_mix

__all__ = [
    "CompileResult",
    "CredoIssue",
    "CredoResult",
    "Diagnostic",
    "FormatResult",
    "MixResult",
    "NotReady",
    "Ready",
    "TestCase",
    "TestResult",
    "compile",
    "credo",
    "format_check",
    "has_credo",
    "readiness",
    "run",
    "run_own_task",
    "test",
    "try_mix",
]
