"""Handlers that take every failure and go on as if it had not been."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.guarded import Guarded, Handler, guarded_in
from otp_genesis_analyzers.facts.model import Call, Clause, Function
from otp_genesis_analyzers.facts.waits.blocking import Wait, waits_behind
from otp_genesis_analyzers.source import Source, Span

_CONVERTS = frozenset(
    {"Access", "Application", "Atom", "Base", "Bitwise", "Calendar", "Code", "Date", "DateTime", "Decimal"}
    | {"Enum", "Float", "Integer", "JSON", "Jason", "Kernel", "Keyword", "List", "Macro", "Map", "MapSet"}
    | {"Module", "NaiveDateTime", "Path", "Poison", "Process", "Regex", "Stream", "String", "System", "Time"}
    | {"Timex", "Tuple", "URI", "Version", ":base64", ":binary", ":crypto", ":erlang", ":ets", ":inet"}
    | {":json", ":lists", ":maps", ":math", ":public_key", ":re", ":unicode", ":zlib"}
)
"""Modules whose functions raise for a value that they can't make anything of."""
_CONVERTING = (
    "decode",
    "encode",
    "format",
    "parse",
    "to_",
    "from_",
    "cast",
    "load",
    "render",
    "valid",
    "inspect",
)
_REPORTING = ("emit", "execute", "log", "measure", "report", "track")
_BEST_EFFORT = (
    "safe_",
    "maybe_",
    "try_",
    "ignore",
    "cleanup",
    "clean_up",
    "close",
    "stop",
    "shutdown",
    "terminate",
)
_REPORTS = frozenset({"Logger", ":telemetry", "Sentry", "IO"})
_OUTSIDE = frozenset({"http", "connect", "command", "rpc", "query"})


class Swallowed(NamedTuple):
    """A handler of everything whose value is fixed; `clause` is the function clause around it."""

    function: Function
    clause: Clause
    guarded: Guarded
    handler: Handler

    @property
    def value(self) -> Node:
        return self.handler.body[-1]


def swallowed_in(source: Source, function: Function, clause: Clause) -> Iterator[Swallowed]:
    """The first such handler of each guard. None in functions that are named for doing what they can."""
    if function.name.startswith((*_BEST_EFFORT, *_REPORTING)) or function.name.endswith("_safely"):
        return
    for guarded in guarded_in(source, clause):
        for handler in guarded.handlers:
            if (
                _takes_everything(handler)
                and handler.body
                and all(_is_fixed(node, handler) for node in handler.body)
            ):
                yield Swallowed(function, clause, guarded, handler)
                break


def retried_for_ever(source: Source, function: Function, clause: Clause) -> Iterator[Swallowed]:
    """Handlers of everything that do nothing but call the function again, with just what it was given."""
    names = [parameter.value for parameter in clause.head if parameter.kind == "variable"]
    comes_back = any(not call.module and call.name == function.name for call in clause.calls)
    if not comes_back or len(names) != len(clause.head):
        return
    for guarded in guarded_in(source, clause):
        for handler in guarded.handlers:
            if _takes_everything(handler) and len(handler.body) == 1:
                again = handler.body[0]
                given = [syntax.text(argument) for argument in syntax.arguments(again)]
                if syntax.local_name(again) == function.name and given == names:
                    yield Swallowed(function, clause, guarded, handler)


def _takes_everything(handler: Handler) -> bool:
    """Every exception, every exit, or every way to fail; `catch value` takes only what is thrown."""
    return handler.takes_all and (handler.section == "rescue" or len(handler.patterns) == 2)


def calls_under(found: Swallowed) -> tuple[Call, ...]:
    return tuple(call for call in found.clause.calls if found.guarded.holds(call.span))


def only_converts(graph: CallGraph, calls: tuple[Call, ...]) -> bool:
    """Values are read, made or shown, or something is reported: that these fail is an answer.

    Functions of the module are followed; a function of another one without arguments gives a value.
    """
    reached = graph.reached(target for call in calls if (target := graph.target(call)) is not None)
    inside = (call for name in reached for clause in graph.functions[name].clauses for call in clause.calls)
    return all(_converts(graph, call) for call in (*calls, *inside))


def _converts(graph: CallGraph, call: Call) -> bool:
    if graph.target(call) is not None or not call.arity or call.module in _CONVERTS | _REPORTS:
        return True
    if call.module.endswith(("Telemetry", "Metrics")):
        return True
    return call.name.startswith((*_CONVERTING, *_REPORTING, *_BEST_EFFORT))


def is_named_for_converting(function: Function) -> bool:
    return function.name.startswith(_CONVERTING) or "_to_" in function.name


def is_explained(found: Swallowed) -> bool:
    """A comment in the handler or right above it says why."""
    section = found.handler.node.parent
    before = found.handler.node.prev_sibling
    nodes = list(syntax.below(found.handler.node))
    while section is not None and before is not None and before.type == "comment":
        nodes.append(before)
        before = before.prev_sibling
    return any(node.type == "comment" for node in nodes)


def reaches_outside(graph: CallGraph, found: Swallowed) -> Wait | None:
    """What the guarded code waits for in the world around it; None when it doesn't."""
    for call in calls_under(found):
        for wait in waits_behind(graph, found.function, found.clause, call):
            if wait.wait.kind in _OUTSIDE:
                return wait.wait
    return None


def receiver_around(found: Swallowed) -> str:
    """`Task.async/1` where the handler stands in a `fn` given to it; empty outside any."""
    place = Span.of(found.handler.node)
    around = [closure for closure in found.clause.closures if closure.span.contains(place)]
    return around[-1].receiver if around else ""


def _is_fixed(node: Node, handler: Handler) -> bool:
    """Nothing is called in it, and nothing of the failure is in it."""
    kept = {
        syntax.text(name)
        for pattern in handler.patterns
        for name in syntax.below(pattern)
        if name.type == "identifier"
    }
    return not any(
        inner.type == "call" or (inner.type == "identifier" and syntax.text(inner) in kept)
        for inner in syntax.below(node)
    )
