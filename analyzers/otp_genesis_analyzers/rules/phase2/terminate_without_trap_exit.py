from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.kinds import WEB_PROCESSES, Kind, kinds
from otp_genesis_analyzers.facts.mailbox import traps_exits
from otp_genesis_analyzers.facts.model import Clause, Function, Module
from otp_genesis_analyzers.facts.server_returns import stops_itself
from otp_genesis_analyzers.facts.shutdown_effects import ShutdownEffect, shutdown_effects
from otp_genesis_analyzers.facts.sites import production_modules
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of

_FRAMEWORK_DECIDES: frozenset[Kind] = WEB_PROCESSES | {"WebSockex", "gen_statem"}
_SERVER_BEHAVIOURS = frozenset({"GenServer", "GenStage", ":gen_server"})


class TerminateWithoutTrapExit(Rule):
    """A server does work in `terminate/2` that no supervisor's shutdown lets it do.

    ## What it does
    """

    code = "OTP203"
    name = "terminate-without-trap-exit"
    severity = Severity.INFORMATION
    anchors = ("terminate(",)
    fixes = (FixKind.UNSAFE,)

    INVALID: ClassVar = []
    VALID: ClassVar = []

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            terminate = module.function("terminate", 2)
            if terminate is None or not module.complete or not _decides_itself(module) or traps_exits(module):
                continue
            graph = call_graph(module)
            effects = sorted(shutdown_effects(graph, terminate), key=lambda effect: not effect.saves)
            if effects:
                yield self._finding(file, module, terminate, effects[0])

    def _finding(self, file: FileView, module: Module, terminate: Function, effect: ShutdownEffect) -> Finding:
        clause = _clause_leading_to(call_graph(module), terminate, effect)
        return self.report(
            file.facts.path,
            clause.name_span,
            f"`terminate/2` leads to `{effect.call.target}`, but nothing in `{module.name}` traps exits: "
            "when its supervisor stops it, `terminate/2` does not run",
            snippet="terminate/2",
            scope=scope_of(module, terminate),
            severity=_severity(file, module, effect),
            confidence=Confidence.STRONG,
            fix=FixKind.UNSAFE if module.function("init", 1) is not None else FixKind.LLM,
            related=(Related(file.facts.path, effect.call.head, "is not reached at shutdown"),),
        )


def _severity(file: FileView, module: Module, effect: ShutdownEffect) -> Severity:
    if stops_itself(file.source, module):
        return Severity.HINT
    return Severity.WARNING if effect.saves else Severity.INFORMATION


def _decides_itself(module: Module) -> bool:
    """A plain server: what a macro of the project or a framework adds to it is out of sight."""
    declared = _SERVER_BEHAVIOURS & {*(use.module for use in module.uses), *module.behaviours}
    return bool(declared) and not kinds(module) & _FRAMEWORK_DECIDES


def _clause_leading_to(graph: CallGraph, terminate: Function, effect: ShutdownEffect) -> Clause:
    for clause in terminate.clauses:
        targets = [target for call in clause.calls if (target := graph.target(call)) is not None]
        reached = graph.reached(targets)
        if effect.call in clause.calls or any(
            effect.call in inner.calls for name in reached for inner in graph.functions[name].clauses
        ):
            return clause
    return terminate.clauses[0]
