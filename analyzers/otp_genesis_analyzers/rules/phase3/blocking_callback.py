from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers.facts.call_graph import call_graph
from otp_genesis_analyzers.facts.callback_waits import CallbackWait, audience, callback_waits
from otp_genesis_analyzers.facts.callbacks import callbacks
from otp_genesis_analyzers.facts.called_values import called_fields
from otp_genesis_analyzers.facts.kinds import WEB_PROCESSES, Kind, kinds
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.facts.sites import production_modules
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of
from otp_genesis_analyzers.source import Span

_JUDGED: frozenset[Kind] = frozenset({"GenServer", "gen_statem"})
_WORK_IS_WAITING: frozenset[Kind] = frozenset({"GenStage", "Broadway", "Job"})
_NOT_JUDGED = frozenset({"init/1", "terminate/2", "terminate/3"})


class BlockingCallback(Rule):
    """A server's callback waits for the world while its callers queue up.

    ## What it does
    """

    code = "OTP304"
    name = "blocking-callback"
    severity = Severity.WARNING
    anchors = ("handle_", "GenServer", "gen_statem", "GenStateMachine")
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = []
    VALID: ClassVar = []

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            found = kinds(module)
            if found & _WORK_IS_WAITING:
                continue
            if found & _JUDGED:
                yield from self._in_server(file, module)
            elif found & WEB_PROCESSES:
                yield from self._in_view(file, module)

    def _in_server(self, file: FileView, module: Module) -> Iterator[Finding]:
        graph = call_graph(module)
        seen: set[Span] = set()
        for callback in callbacks(module):
            if callback.id in _NOT_JUDGED:
                continue
            for wait in callback_waits(graph, callback):
                severity = _severity(file, module, wait)
                span = _place(wait)
                if severity is not None and span not in seen:
                    seen.add(span)
                    yield self._finding(file, module, wait, severity)
            if callback.id == "handle_call/3":
                yield from self._unknown_functions(file, module, callback)

    def _in_view(self, file: FileView, module: Module) -> Iterator[Finding]:
        seen: set[Span] = set()
        for callback in callbacks(module):
            for wait in callback_waits(call_graph(module), callback):
                if wait.found.wait.kind == "sleep" and wait.found.wait.certain and _place(wait) not in seen:
                    seen.add(_place(wait))
                    yield self._finding(file, module, wait, Severity.WARNING)

    def _unknown_functions(self, file: FileView, module: Module, callback: Function) -> Iterator[Finding]:
        for clause in callback.clauses:
            for span in called_fields(file.source, clause):
                function = file.source.text(span)
                yield self.report(
                    file.facts.path,
                    span,
                    f"`{callback.id}` calls `{function}`, which may take any time: every caller of "
                    f"`{module.name}` waits for it",
                    snippet=function,
                    scope=scope_of(module, callback),
                    severity=Severity.INFORMATION,
                    confidence=Confidence.HEURISTIC,
                    fix=FixKind.LLM,
                )

    def _finding(self, file: FileView, module: Module, wait: CallbackWait, severity: Severity) -> Finding:
        found, span = wait.found, _place(wait)
        at_wait = span == found.call.head
        behind = "" if at_wait else f", reached through `{wait.call.target}`"
        related: tuple[Related, ...] = ()
        if not wait.direct:
            other = Related(file.facts.path, wait.call.head, f"`{wait.callback.id}` comes to it from here")
            there = Related(file.facts.path, found.call.head, f"waits for {found.wait.words} here")
            related = (other if at_wait else there,)
        return self.report(
            file.facts.path,
            span,
            f"`{wait.callback.id}` waits for {found.wait.words} in `{found.call.target}`{behind}: "
            f"{_consequence(file, module, wait)}",
            snippet=file.source.text(found.call.span if at_wait else wait.call.span),
            scope=scope_of(module, found.function if at_wait else wait.callback),
            severity=severity,
            confidence=Confidence.EXACT if wait.direct else Confidence.STRONG,
            related=related,
            fix=FixKind.LLM,
        )


def _place(wait: CallbackWait) -> Span:
    """A sleep is to be replaced where it stands; anything else is moved out of the callback."""
    return wait.found.call.head if wait.found.wait.kind == "sleep" else wait.call.head


def _severity(file: FileView, module: Module, wait: CallbackWait) -> Severity | None:
    found = wait.found.wait
    waiting = audience(file.source, module, wait.callback, wait.clause)
    if waiting == "nobody":
        is_long_sleep = found.kind == "sleep" and found.certain and "GenServer" in kinds(module)
        return Severity.HINT if is_long_sleep else None
    if found.kind == "query":
        return Severity.HINT if wait.callback.id == "handle_call/3" else None
    if found.kind == "process" and wait.found.call.guarded_by_rescue:
        return Severity.HINT
    return Severity.WARNING if found.certain else Severity.INFORMATION


def _consequence(file: FileView, module: Module, wait: CallbackWait) -> str:
    if kinds(module) & WEB_PROCESSES:
        return "the user's page answers nothing meanwhile; `Process.send_after/3` would let it"
    if audience(file.source, module, wait.callback, wait.clause) == "nobody":
        return "it takes no other message meanwhile; `Process.send_after/3` would let it"
    return f"every caller of `{module.name}` waits too"
