"""Calls by which a server asks itself and waits: `GenServer.call(self(), ...)` and its like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, Chain
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.processes.registered_names import is_self, registered_names
from otp_genesis_analyzers.facts.processes.starts import start_of
from otp_genesis_analyzers.terms import Term

_AGENT_CALLS = ("get", "update", "get_and_update", "cast")
_WAITING_CALLS = frozenset({"GenServer", "GenStage", ":gen_server", ":gen_statem"})


class SelfCall(NamedTuple):
    """`site` is where the server turns to itself, `call` the waiting call that this leads to.

    `certain` is false when the server is only perhaps registered under the name that it calls.
    """

    site: Site
    call: Call
    callback: str
    certain: bool


@dataclass(frozen=True)
class _Names:
    """The names that the module's server surely has, and that it may have."""

    always: tuple[Term, ...]
    perhaps: tuple[Term, ...]


def self_calls(graph: CallGraph) -> Iterator[SelfCall]:
    """Where the callbacks of a module, or what only they run, call the module's own server.

    What clients run too is right for them: there the call of it is meant, not the call in it.
    """
    names = _names_of(graph.module)
    own = callbacks(graph.module)
    inside = graph.reached(own)
    outside = graph.reached(f for f in graph.module.functions if f.public and f not in own)
    for function_id, chain in inside.items():
        if function_id in outside:
            continue
        function = graph.functions[function_id]
        for clause in function.clauses:
            for call in clause.calls:
                if call.runs == "here" and call.form != "capture":
                    site = Site(graph.module, function, clause, call)
                    found = _waiting_call(graph, names, site, outside)
                    if found is not None:
                        yield SelfCall(site, found[0], chain[0], found[1])


def agent_self_calls(graph: CallGraph) -> Iterator[SelfCall]:
    """Where a function that an agent is given, and so runs, asks that agent: by its constant name."""
    for function in graph.module.functions:
        for clause in function.clauses:
            for call in clause.calls:
                if (
                    call.is_to("Agent", *_AGENT_CALLS)
                    and call.args
                    and call.args[0].kind in ("module", "atom")
                ):
                    for inner in _run_by_agent(clause, call):
                        waiting = _asking(graph, inner, call.args[0])
                        if waiting is not None:
                            yield SelfCall(
                                Site(graph.module, function, clause, inner), waiting, call.target, True
                            )


def _run_by_agent(clause: Clause, call: Call) -> Iterator[Call]:
    """The calls in the `fn` that the agent is given, those in a task started there left out."""
    for inner in clause.calls:
        if inner.closure >= 0 and call.span.contains(inner.span) and inner is not call:
            closure = clause.closures[inner.closure]
            if closure.receiver == call.target and call.span.contains(closure.span):
                yield inner


def _asking(graph: CallGraph, inner: Call, agent: Term) -> Call | None:
    """The call that waits for the agent: this one, or one in the function of the module that it calls."""
    target = graph.target(inner)
    reached = graph.reached([target]) if target is not None else ()
    behind = (
        call
        for name in reached
        for clause in graph.functions[name].clauses
        for call in clause.calls
        if call.runs == "here"
    )
    asks = ("get", "update", "get_and_update")
    return next(
        (call for call in (inner, *behind) if call.is_to("Agent", *asks) and call.args[:1] == (agent,)), None
    )


def _waiting_call(
    graph: CallGraph, names: _Names, site: Site, outside: Mapping[str, Chain]
) -> tuple[Call, bool] | None:
    """The waiting call that `site` is, or that the client function it calls makes; and if it is certain."""
    direct = _asks_itself(names, site.clause, site.call, {})
    if direct is not None:
        return site.call, direct
    target = graph.target(site.call)
    if target is None or target.id not in outside:
        return None
    return _in_client_function(graph, names, target, site.call.arity)


def _in_client_function(
    graph: CallGraph, names: _Names, function: Function, arity: int
) -> tuple[Call, bool] | None:
    for reached_id in graph.reached([function]):
        reached = graph.functions[reached_id]
        defaults = _defaults(reached, arity) if reached is function else {}
        for clause in reached.clauses:
            if _knows_itself(clause):
                continue
            for call in clause.calls:
                certain = _asks_itself(names, clause, call, defaults) if call.runs == "here" else None
                if certain is not None:
                    return call, certain
    return None


def _asks_itself(names: _Names, clause: Clause, call: Call, defaults: dict[str, Term]) -> bool | None:
    """Whether a call surely reaches the calling process; None when it is no such call."""
    if call.module not in _WAITING_CALLS or call.name != "call" or not call.args or call.form == "capture":
        return None
    server = call.args[0]
    if server.kind == "variable":
        server = defaults.get(server.value, server)
    if server.kind == "call" and server.value in ("Process.whereis", "GenServer.whereis") and server.items:
        server = server.items[0]
    if is_self(server) or _holds_self(clause, server):
        return True
    if _knows_itself(clause):
        return None
    if server in names.always:
        return True
    return False if server in names.perhaps else None


def _holds_self(clause: Clause, server: Term) -> bool:
    """`me` after `me = self()`."""
    return any(
        call.bound_to == server and call.is_to("Kernel", "self") and call.runs == "here"
        for call in clause.calls
        if call.bound_to is not None
    )


def _knows_itself(clause: Clause) -> bool:
    """Compares a name's process with `self()` before it calls: written to be run on both sides."""
    asked = {(call.module, call.name) for call in clause.calls}
    return ("Kernel", "self") in asked and bool(asked & {("Process", "whereis"), ("GenServer", "whereis")})


def _defaults(function: Function, arity: int) -> dict[str, Term]:
    """The parameters that a call with `arity` arguments leaves to their defaults."""
    head = next((clause.head for clause in function.clauses if any(map(_is_default, clause.head))), ())
    given = arity - (function.arity - function.defaults)
    defaults: dict[str, Term] = {}
    for parameter in filter(_is_default, head):
        name, value = parameter.items
        if given > 0:
            given -= 1
        elif name.kind == "variable":
            defaults[name.value] = value
    return defaults


def _is_default(parameter: Term) -> bool:
    return parameter.kind == "operator" and parameter.value == "\\\\"


def _names_of(module: Module) -> _Names:
    """What the module itself registers; one that others start may have any name, its own at first."""
    own_name = Term("module", module.name)
    always = registered_names(module)
    starts = [start for call in _calls(module) if (start := start_of(call)) is not None]
    own = [start for start in starts if start.module in (module.name, "Agent", "")]
    known = bool(own) and all(start.name is None or start.name in always for start in own)
    return _Names(always, () if known or own_name in always else (own_name,))


def _calls(module: Module) -> Iterator[Call]:
    for function in module.functions:
        for clause in function.clauses:
            yield from clause.calls
