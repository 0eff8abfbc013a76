"""Waits for the world that lie behind a call of a server into another module of the project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.certain_calls import RunCall, calls_run_by
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.messages.receives import takes_what_is_there
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, Kind, kinds
from otp_genesis_analyzers.facts.waits.blocking import (
    Wait,
    WaitKind,
    brought_wait,
    is_named_as_request,
    is_only_named,
    wait_at,
)
from otp_genesis_analyzers.facts.waits.callback_waits import OUTSIDE
from otp_genesis_analyzers.facts.waits.held_up import holds_up_callers
from otp_genesis_analyzers.project import ModuleEntry, Project

_WAITS = OUTSIDE | frozenset[WaitKind](("await",))
"""Not the database, which contexts are there for, nor calls of servers, which OTP305 judges."""
_BY_HAND = Wait("process", "the answer to what it sends")
_MAX_MODULES = 3
"""Over how many modules a call is followed."""
_IN_PROCESSES: frozenset[Kind] = SERVERS | frozenset[Kind](("Supervisor",))


class FarWait(NamedTuple):
    """`call` waits, in the file at `path`. `certain`: it does so whenever the function is called."""

    path: str
    call: Call
    wait: Wait
    certain: bool


class WaitElsewhere(NamedTuple):
    """A callback waits. `call` stands in its clause, `out` is the call that leaves the module."""

    path: str
    module: Module
    callback: Function
    clause: Clause
    call: Call
    out: Call
    far: FarWait


def waits_elsewhere(project: Project) -> tuple[WaitElsewhere, ...]:
    """Where `init/1`, or a callback that others wait for, calls what certainly waits.

    In `init/1` also what may wait, where nothing certain lies behind the same call.
    """
    return project.derived(_waits_elsewhere)


def _waits_elsewhere(project: Project) -> tuple[WaitElsewhere, ...]:
    search = _Search(project)
    return tuple(
        found
        for path, analysis in sorted(project.files.items())
        for module in production_modules(analysis.facts, project.role_of(path))
        if kinds(module) & _IN_PROCESSES
        for found in _in_module(search, path, module)
    )


def _in_module(search: _Search, path: str, module: Module) -> Iterator[WaitElsewhere]:
    graph = call_graph(module)
    init = module.function("init", 1)
    for callback in callbacks(module) or ((init,) if init is not None and init.public else ()):
        in_init = callback.id == "init/1"
        for clause in callback.clauses:
            if in_init or holds_up_callers(module, callback, clause):
                for call in clause.calls:
                    found = _behind(search, path, graph, call, maybe=in_init) if call.runs == "here" else None
                    if found is not None:
                        yield WaitElsewhere(path, module, callback, clause, call, *found)


def _behind(
    search: _Search, path: str, graph: CallGraph, call: Call, *, maybe: bool
) -> tuple[Call, FarWait] | None:
    """What lies behind a call in a clause: in another module at once, or through functions of its own."""
    target = graph.target(call)
    here = path, graph.module
    if target is None:
        far = search.far_wait(here, call, _MAX_MODULES, maybe=maybe)
        return (call, far) if far is not None else None
    possible: tuple[Call, FarWait] | None = None
    for run in calls_run_by(graph, target):
        if graph.target(run.call) is None:
            far = search.far_wait(here, run.call, _MAX_MODULES, maybe=maybe)
            if far is not None and far.certain:
                return run.call, far
            possible = possible or ((run.call, far) if far is not None else None)
    return possible


@dataclass(frozen=True)
class _Search:
    """One search over the project. Each function is looked into once."""

    project: Project
    known: dict[tuple[str, str, int, bool], FarWait | None] = field(
        default_factory=dict[tuple[str, str, int, bool], "FarWait | None"]
    )

    def far_wait(self, here: tuple[str, Module], call: Call, modules: int, *, maybe: bool) -> FarWait | None:
        """What a call of another module waits for; with `maybe` an uncertain wait, if no other.

        `here` are the path and the module in which the call stands. It is itself the wait where it goes
        to a function that a library has given to the module.
        """
        if is_only_named(call):
            return None
        brought = self._brought(here[1], call)
        if brought is not None:
            return FarWait(here[0], call, brought, certain=True)
        if modules == 0 or not call.module[:1].isupper() or call.module == here[1].name:
            return None
        key = call.module, f"{call.name}/{call.arity}", modules, maybe
        if key not in self.known:
            self.known[key] = None  # for functions that call each other
            callee = self.project.callee(call)
            if callee is not None and callee[1].public:
                self.known[key] = self._first_wait(*callee, modules, maybe=maybe)
        return self.known[key]

    def _brought(self, module: Module, call: Call) -> Wait | None:
        """What a function waits for that `use Tesla` gives to its module, this one or another."""
        if not is_named_as_request(call):
            return None
        if call.module in ("", module.name):
            return brought_wait(module, call)
        entry = self.project.module(call.module) if call.module[:1].isupper() else None
        return brought_wait(entry.module, call) if entry is not None else None

    def _first_wait(
        self, entry: ModuleEntry, function: Function, modules: int, *, maybe: bool
    ) -> FarWait | None:
        always = self._wait_of_each_clause(entry, function, modules)
        if always is not None:
            return always
        possible: FarWait | None = None
        for run in calls_run_by(call_graph(entry.module), function):
            if not run.certain and not maybe:
                continue
            found = self._wait_of(entry, run, modules, maybe=maybe)
            if found is not None and run.certain and found.certain:
                return found
            if found is not None and possible is None:
                possible = found._replace(certain=False)
        return possible

    def _wait_of_each_clause(self, entry: ModuleEntry, function: Function, modules: int) -> FarWait | None:
        """The wait of the first of several clauses, where each of them surely waits."""
        if len(function.clauses) == 1:
            return None
        waits: list[FarWait] = []
        for clause in function.clauses:
            runs = (
                RunCall(function, clause, call, certain=True)
                for call in clause.calls
                if call.runs == "here" and not call.branch
            )
            found = (self._wait_of(entry, run, modules, maybe=False) for run in runs)
            sure = next((wait for wait in found if wait is not None and wait.certain), None)
            if sure is None:
                return None
            waits.append(sure)
        return waits[0] if waits else None

    def _wait_of(self, entry: ModuleEntry, run: RunCall, modules: int, *, maybe: bool) -> FarWait | None:
        own = wait_at(run.clause, run.call) or _asked_by_hand(run)
        if own is not None:
            return _as_far_wait(entry.path, run, own, maybe=maybe)
        return self.far_wait((entry.path, entry.module), run.call, modules - 1, maybe=maybe)


def _as_far_wait(path: str, run: RunCall, wait: Wait, *, maybe: bool) -> FarWait | None:
    if wait.kind not in _WAITS and wait != _BY_HAND:
        return None
    if not wait.certain and not (maybe and wait.kind == "await"):
        return None
    return FarWait(path, run.call, wait, run.certain and wait.certain)


def _asked_by_hand(run: RunCall) -> Wait | None:
    """A message is sent, and the answer waited for in a `receive` behind it."""
    sends = any(
        run.call.is_to(*send) for send in (("Kernel", "send"), ("Process", "send"), (":erlang", "send"))
    )
    waits = sends and any(
        receive.runs == "here"
        and receive.closure == run.call.closure
        and receive.span.start >= run.call.span.end
        and not takes_what_is_there(run.clause, receive)
        for receive in run.clause.receives
    )
    return _BY_HAND if waits else None
