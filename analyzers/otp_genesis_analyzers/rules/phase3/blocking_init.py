from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.call_graph import call_graph
from otp_genesis_analyzers.facts.callback_waits import CallbackWait, callback_waits
from otp_genesis_analyzers.facts.kinds import SERVERS, Kind, kinds
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.sites import production_modules
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of

_STARTED_BY_SUPERVISORS: frozenset[Kind] = SERVERS | {"Supervisor"}


class BlockingInit(Rule):
    """A server's `init` waits for a network, a command or another process.

    ## What it does
    """

    code = "OTP303"
    name = "blocking-init"
    severity = Severity.WARNING
    anchors = ("init(",)
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = []
    VALID: ClassVar = []

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            init = module.function("init", 1)
            if init is None or not init.public or not kinds(module) & _STARTED_BY_SUPERVISORS:
                continue
            for wait in callback_waits(call_graph(module), init):
                yield self._finding(file, module, wait)

    def _finding(self, file: FileView, module: Module, wait: CallbackWait) -> Finding:
        found = wait.found
        behind = "" if wait.direct else f", reached through `{wait.call.target}`"
        related: tuple[Related, ...] = ()
        if not wait.direct:
            related = (Related(file.facts.path, found.call.head, f"waits for {found.wait.words} here"),)
        return self.report(
            file.facts.path,
            wait.call.head,
            f"`init/1` waits for {found.wait.words} in `{found.call.target}`{behind}: "
            "its supervisor starts nothing else meanwhile, and a failure fails the start",
            snippet=file.source.text(wait.call.span),
            scope=scope_of(module, wait.callback),
            severity=_severity(wait),
            confidence=Confidence.EXACT if wait.direct else Confidence.STRONG,
            related=related,
            fix=FixKind.LLM,
        )


def _severity(wait: CallbackWait) -> Severity:
    found = wait.found.wait
    if found.kind == "query" or (found.kind == "process" and wait.found.call.guarded_by_rescue):
        return Severity.HINT
    return Severity.WARNING if found.certain else Severity.INFORMATION
