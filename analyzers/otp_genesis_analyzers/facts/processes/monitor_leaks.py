"""Monitors that pile up: one more each time somebody comes, and none taken away when he goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes, variables_in
from otp_genesis_analyzers.facts.calls.results import kept_variables, thrown_away
from otp_genesis_analyzers.facts.calls.sites import Site, sites
from otp_genesis_analyzers.facts.messages.shapes import Taken, taken, unwrapped
from otp_genesis_analyzers.facts.model import Call, Clause
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.processes.monitors import monitors_process
from otp_genesis_analyzers.facts.state.state_use import StateUses
from otp_genesis_analyzers.source import Source

Leak = Literal["left behind", "each turn", "each request", "overwritten"]
"""Left behind by the clause that lets go; set again at each turn of a loop, or by each request; or kept
under the process, over the reference of an earlier request."""

_OPPOSITES: dict[str, frozenset[str]] = {
    "subscribe": frozenset({"unsubscribe", "cancel"}),
    "listen": frozenset({"unlisten", "ignore"}),
    "register": frozenset({"unregister", "deregister"}),
    "join": frozenset({"leave"}),
    "enter": frozenset({"leave", "exit"}),
    "add": frozenset({"remove", "delete", "drop", "pop"}),
    "put": frozenset({"remove", "delete", "drop", "pop"}),
    "attach": frozenset({"detach"}),
    "watch": frozenset({"unwatch", "forget"}),
    "track": frozenset({"untrack"}),
    "monitor": frozenset({"demonitor", "unmonitor"}),
    "lock": frozenset({"unlock", "release"}),
    "acquire": frozenset({"release"}),
    "claim": frozenset({"release", "unclaim"}),
    "checkout": frozenset({"checkin"}),
    "connect": frozenset({"disconnect"}),
    "observe": frozenset({"unobserve"}),
}
_REMOVERS = frozenset(
    {"delete", "delete_at", "pop", "pop!", "pop_in", "drop", "reject", "filter", "take", "update", "update!"}
    | {"--", "delete_object", "match_delete", "unregister", "difference", "split", "without", "delete_all"}
)
_ENDINGS = frozenset({"terminate_child", "stop", "exit", "kill", "shutdown", "close"})
"""With these the process ends, and so does the monitor of it."""
_TESTS = frozenset({"has_key?", "member?", "is_map_key", "get", "fetch", "lookup", "find", "any?", "whereis"})


class LeakedMonitor(NamedTuple):
    """`site` sets the monitor; `opposite` is the clause that should take it away."""

    site: Site
    leak: Leak
    opposite: Taken | None = None


def leaked_monitors(source: Source, graph: CallGraph) -> Iterator[LeakedMonitor]:
    """The monitors of a module that has no `demonitor` at all, and those whose references are lost."""
    module = graph.module
    if not module.complete:
        return
    takes_away = b"demonitor" in source.content[module.span.start : module.span.end]
    for site in sites(module):
        if monitors_process(site.call):
            found = None
            if not takes_away:
                found = _each_turn(source, graph, site) or _of_server(source, graph, site)
            found = found or _overwritten(source, graph, site)
            if found is not None:
                yield found


def _each_turn(source: Source, graph: CallGraph, site: Site) -> LeakedMonitor | None:
    """A function that monitors its own parameter and calls itself with the same again."""
    arguments = argument_nodes(source, site.call)
    at = 1 if site.call.module == ":erlang" else 0
    name = syntax.text(arguments[at]) if len(arguments) > at else ""
    positions = [i for i, parameter in enumerate(site.clause.head) if name and parameter.value == name]
    for call in site.clause.calls:
        if _comes_again(source, graph, site, call) and call.runs == site.call.runs and positions:
            given = [syntax.text(node) for node in argument_nodes(source, call)]
            again = len(given) > positions[0] and given[positions[0]] == name
            if again and not set(given) & set(kept_variables(site.call)) and _on_the_way(site.call, call):
                return LeakedMonitor(site, "each turn")
    return None


def _comes_again(source: Source, graph: CallGraph, site: Site, call: Call) -> bool:
    """A call of the function itself; not one that goes on to another clause, which comes to an end."""
    if graph.target(call) is not site.function:
        return False
    given = zip(site.clause.head, argument_nodes(source, call), strict=False)
    if not any(
        head.kind == "atom" and node.type == "atom" and not head.is_atom(syntax.text(node)[1:])
        for head, node in given
    ):
        return True
    others = [clause for clause in site.function.clauses if clause is not site.clause]
    return any(graph.target(inner) is site.function for clause in others for inner in clause.calls)


def _on_the_way(monitor: Call, again: Call) -> bool:
    """Whoever comes to `again` has come through `monitor`."""
    depth = len(monitor.branch)
    return monitor.span.end <= again.span.start and again.branch[:depth] == monitor.branch


def _of_server(source: Source, graph: CallGraph, site: Site) -> LeakedMonitor | None:
    if not kinds(graph.module) & SERVERS or site.call.runs != "here":
        return None
    messages = [message for message in taken(graph.module) if unwrapped(message.pattern).tag != "DOWN"]
    comes = [message for message in messages if _leads_to(graph, message.clause, site)]
    for coming in comes:
        for going in messages:
            if (
                _is_opposite(coming, going)
                and _lets_go(source, graph, going.clause)
                and _of_one_collection(source, graph, coming.clause, going.clause)
            ):
                return LeakedMonitor(site, "left behind", going)
    for coming in comes:
        if coming.clause is site.clause and coming.way in ("call", "cast") and _asks_nothing(source, site):
            return LeakedMonitor(site, "each request")
    return None


def _leads_to(graph: CallGraph, clause: Clause, site: Site) -> bool:
    if clause is site.clause:
        return True
    targets = (graph.target(call) for call in clause.calls if call.runs == "here")
    return site.function.id in graph.reached(target for target in targets if target is not None)


def _is_opposite(coming: Taken, going: Taken) -> bool:
    """`:subscribe` and `:unsubscribe`, `:add_listener` and `:remove_listener`."""
    come, go = unwrapped(coming.pattern).tag, unwrapped(going.pattern).tag
    if come is None or go is None:
        return False
    first, _, of_what = come.partition("_")
    other, _, from_what = go.partition("_")
    return other in _OPPOSITES.get(first, ()) and (not of_what or not from_what or of_what == from_what)


def _lets_go(source: Source, graph: CallGraph, clause: Clause) -> bool:
    """Takes something out of a collection, and doesn't end the process that it was kept for."""
    names = set(_called_names(source, clause))
    for call in clause.calls:
        target = graph.target(call)
        for reached in graph.reached([target]) if target is not None else ():
            for inner in graph.functions[reached].clauses:
                names |= set(_called_names(source, inner))
    return bool(names & _REMOVERS) and not names & _ENDINGS


def _of_one_collection(source: Source, graph: CallGraph, coming: Clause, going: Clause) -> bool:
    """Both change the same field of the state, as far as that is known: not guests here and jobs there."""
    uses = StateUses(source, graph)
    come, go = (uses.of_clause(clause, len(clause.head) - 1) for clause in (coming, going))
    known = come.writes and go.writes and not (come.whole or go.whole)
    return not known or bool(come.writes & go.writes)


def _called_names(source: Source, clause: Clause) -> Iterator[str]:
    if clause.body is None:
        return
    for node in syntax.below(source.node_at(clause.body)):
        if node.type == "binary_operator" and syntax.operator(node) == "--":
            yield "--"
        target = syntax.call_target(node) if node.type == "call" else None
        name = syntax.right(target) if target is not None and target.type == "dot" else target
        if name is not None:
            yield syntax.text(name)


def _overwritten(source: Source, graph: CallGraph, site: Site) -> LeakedMonitor | None:
    """`Map.put(refs, pid, Process.monitor(pid))` for each request, also one of a process known already."""
    clause = site.clause
    if not kinds(graph.module) & SERVERS or clause.body is None:
        return None
    requests = [message for message in taken(graph.module) if message.way in ("call", "cast")]
    own = next((message for message in requests if message.clause is clause), None)
    if own is None or not _asks_whatever_comes(source, site) or "demonitor" in _called_names(source, clause):
        return None
    if any(other.clause is not clause and other.pattern == own.pattern for other in requests):
        return None  # the other clause may be for whom it knows
    monitored = [syntax.text(node) for node in argument_nodes(source, site.call)]
    references = {source.text(site.call.span), *kept_variables(site.call)}
    for node in syntax.below(source.node_at(clause.body)):
        target = syntax.call_target(node) if node.type == "call" else None
        if target is not None and syntax.text(target) in ("Map.put", "put_in"):
            given = [syntax.text(argument).strip("[]") for argument in syntax.arguments(node)]
            key = given[-2].rpartition(", ")[2] if len(given) > 1 else ""
            if given[-1:] and given[-1] in references and key in monitored:
                return LeakedMonitor(site, "overwritten")
    return None


def _asks_nothing(source: Source, site: Site) -> bool:
    """Monitors what the request brings, whether it is known already or not, and keeps no reference."""
    return thrown_away(site.clause, site.call) and _asks_whatever_comes(source, site)


def _asks_whatever_comes(source: Source, site: Site) -> bool:
    if site.call.branch or site.call.closure >= 0:
        return False
    brought = {term.value for parameter in site.clause.head[:-1] for term in parameter.walk()}
    monitored = {
        syntax.text(name) for node in argument_nodes(source, site.call) for name in variables_in(node)
    }
    if not monitored & brought or site.clause.guard is not None:
        return False
    return not set(_called_names(source, site.clause)) & _TESTS
