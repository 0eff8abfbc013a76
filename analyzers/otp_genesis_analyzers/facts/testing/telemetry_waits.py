"""Tests that wait for a telemetry event and then look at something else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.messages.shapes import may_match, sent_by
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.processes.started_work import started_work
from otp_genesis_analyzers.facts.reading.read_terms import read_term
from otp_genesis_analyzers.facts.telemetry.attached import is_attach
from otp_genesis_analyzers.facts.testing.test_blocks import (
    TestBlock,
    asserts,
    describe_of,
    statements,
    test_blocks,
)
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import OTHER, Term

_ABOUT_EVENTS = ("telemetry", "event", "emit", "metric", "instrument", "report", "measure", "trace", "log")
"""Parts of the names of tests whose subject the event itself is."""
_OF_LIBRARIES = frozenset(
    {"oban", "phoenix", "ecto", "broadway", "finch", "tesla", "plug", "bandit", "cowboy", "absinthe", "redix"}
    | {
        "commanded",
        "nebulex",
        "cachex",
        "db_connection",
        "thousand_island",
        "vm",
        "req",
        "swoosh",
        "gen_stage",
    }
)
"""First parts of events of libraries, for whose work there is no call to wait in."""


class TelemetryWait(NamedTuple):
    """`waits` is the `assert_receive`, `looks` the assertion behind it, `attach` the handler's attachment."""

    waits: Node
    looks: Node
    attach: Call


def telemetry_waits(source: Source, graph: CallGraph) -> Iterator[tuple[TestBlock, TelemetryWait]]:
    """The first such wait of each test of a module."""
    blocks = list(test_blocks(graph.module))
    of_setups = [site for block in blocks if block.is_setup for site in _attaches(graph, block)]
    for block in blocks:
        if block.is_setup or _is_about_events(source, block):
            continue
        events = [
            (site, message)
            for site in (*_attaches(graph, block), *of_setups)
            for message in _messages(graph, site)
        ]
        found = _wait_in(statements(source, block.clause), events) if events else None
        if found is not None:
            yield block, found


def _wait_in(nodes: list[Node], events: list[tuple[Site, Term]]) -> TelemetryWait | None:
    for index, node in enumerate(nodes):
        pattern = _awaited(node)
        if pattern is None or not _takes_nothing(pattern):
            continue
        fitting = [(site.call, message) for site, message in events if may_match(pattern, message)]
        if any(_asserts_on(pattern, message) for _, message in fitting):
            continue
        attach = next((call for call, _ in fitting), None)
        looks = _next_assertion(nodes[index + 1 :])
        if attach is not None and looks is not None:
            return TelemetryWait(node, looks, attach)
    return None


def _next_assertion(nodes: list[Node]) -> Node | None:
    """`assert` of something that is there by now; None where the next thing is another message or event.

    None too where the test sleeps before it looks, and where it only asks for processes to live on.
    """
    for node in nodes:
        target = syntax.call_target(node) if node.type == "call" else None
        if target is not None and syntax.text(target) in ("Process.sleep", ":timer.sleep"):
            return None
        if syntax.local_name(node) == "assert":
            return None if "Process.alive?" in map(syntax.text, _targets_below(node)) else node
        if asserts(node) or syntax.local_name(node).startswith(("refute", "receive", "flush")):
            return None
    return None


def _targets_below(node: Node) -> Iterator[Node]:
    for inner in syntax.below(node):
        target = syntax.call_target(inner) if inner.type == "call" else None
        if target is not None:
            yield target


def _awaited(node: Node) -> Term | None:
    """The pattern of `assert_receive pattern`."""
    if syntax.local_name(node) != "assert_receive":
        return None
    arguments = syntax.arguments(node)
    return read_term(arguments[0], Scope()) if arguments else None


def _takes_nothing(pattern: Term) -> bool:
    """A message with a tag, of whose parts none is looked at and none is kept for later."""
    if pattern.kind == "variable":
        return False
    return all(
        part.kind in ("atom", "tuple", "list", "pin", "module", "string")
        or (part.kind == "variable" and part.value.startswith("_"))
        or (part.kind == "map" and not part.items)
        for part in pattern.walk()
    )


def _asserts_on(pattern: Term, message: Term) -> bool:
    """The pattern has an atom where the handler puts what the event brought: the event is what is tested."""
    if pattern.kind != "tuple" or message.kind != "tuple" or len(pattern.items) != len(message.items):
        return False
    return any(
        taken.kind in ("atom", "string") and sent.kind not in ("atom", "string", "list", "other")
        for taken, sent in zip(pattern.items, message.items, strict=True)
    )


def _attaches(graph: CallGraph, block: TestBlock) -> Iterator[Site]:
    """The handlers that a block attaches, itself or in functions of its module."""
    for call in block.clause.calls:
        if _is_attach(call):
            yield block.site(call)
        target = graph.target(call)
        for clause in target.clauses if target is not None else ():
            for inner in clause.calls:
                if target is not None and _is_attach(inner):
                    yield Site(graph.module, target, clause, inner)


def _is_attach(call: Call) -> bool:
    if call.is_to(":telemetry_test", "attach_event_handlers"):
        return True
    return is_attach(call) and not _is_of_library(call.args[1])


def _messages(graph: CallGraph, attach: Site) -> Iterator[Term]:
    """What the handler sends when the event comes."""
    if attach.call.module == ":telemetry_test":
        yield Term("tuple", "", (OTHER, OTHER, OTHER, OTHER))
        return
    for call in started_work(graph, attach.clause, attach.call).calls:
        message = sent_by(call)
        if message is not None and message[0] == "info" and message[2].kind in ("tuple", "atom"):
            yield message[2]


def _is_of_library(events: Term) -> bool:
    first = next((part for part in events.walk() if part.kind == "atom"), None)
    return first is not None and first.value in _OF_LIBRARIES


def _is_about_events(source: Source, block: TestBlock) -> bool:
    about = f"{describe_of(source, block.clause)} {block.function.name.removeprefix('test ')}".lower()
    return any(word in about for word in _ABOUT_EVENTS)
