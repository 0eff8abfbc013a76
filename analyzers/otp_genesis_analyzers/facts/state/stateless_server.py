"""Servers that answer calls without using or changing a state, and hold nothing that needs a process."""

from __future__ import annotations

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.called_values import called_fields
from otp_genesis_analyzers.facts.calls.clause_results import results
from otp_genesis_analyzers.facts.model import Call, Clause
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.state.saving import may_save
from otp_genesis_analyzers.facts.state.server_returns import tag_of
from otp_genesis_analyzers.facts.waits.blocking import wait_in
from otp_genesis_analyzers.source import Source

_CALLBACKS = frozenset({"init/1", "handle_call/3"})
_NEEDS_A_PROCESS = frozenset(
    {"Process", "Port", ":ets", ":dets", ":timer", ":erlang", ":gen_tcp", ":gen_udp", ":ssl", ":global"}
    | {"Task", "Task.Supervisor", "Agent", "Registry", "Node", ":telemetry", "IO", ":file", "Phoenix.PubSub"}
    | {"GenServer", ":persistent_term", "Circuits.UART", "Circuits.I2C", "Circuits.SPI"}
)
_KEEPS_ORDER = frozenset({"rate", "limit", "limiter", "throttle", "serial", "serializer", "lock", "mutex"})
_KEEPS_ORDER_TOO = frozenset({"queue", "semaphore", "gate", "writer", "sequencer", "leader", "serializer"})
_READS = frozenset({"http", "query"})
"""Waits that many processes may do side by side as well."""


def is_stateless_server(source: Source, graph: CallGraph) -> bool:
    """Every `handle_call/3` gives its state back as it came and does not look at it."""
    own = callbacks(graph.module)
    if frozenset(function.id for function in own) != _CALLBACKS or _is_named_for_order(graph.module.name):
        return False
    reached = [clause for name in graph.reached(own) for clause in graph.functions[name].clauses]
    if any(clause.receives for clause in reached):
        return False
    if any(_needs_a_process(graph, call) for clause in reached for call in clause.calls):
        return False
    asks = next(function for function in own if function.id == "handle_call/3")
    return all(_leaves_state_alone(source, clause) for clause in asks.clauses)


def _is_named_for_order(module_name: str) -> bool:
    """`Shop.RateLimiter`, `Shop.PrintQueue`: one after another is what it is for."""
    last = module_name.rpartition(".")[2]
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in last).split()
    return any(word in _KEEPS_ORDER for word in words)


def _needs_a_process(graph: CallGraph, call: Call) -> bool:
    """It holds something, acts on the world, or runs what a caller hands it."""
    if call.module in _NEEDS_A_PROCESS or call.module == "?" or call.name in ("self", "send", "apply"):
        return True
    wait = wait_in(call)
    if wait is not None and wait.kind not in _READS:
        return True
    return may_save(graph, call) or call.name.rstrip("!?").split("_", 1)[0] in ("delete", "run", "write")


def _leaves_state_alone(source: Source, clause: Clause) -> bool:
    """Whatever it gives is `{:reply, value, state}` with the state that it got, which stands nowhere else."""
    given = list(results(source, clause))
    state = clause.head[2]
    if (
        not given
        or clause.body is None
        or any(called_fields(source, clause))
        or _calls_a_value(source, clause)
    ):
        return False
    for node in given:
        parts = syntax.children(node)
        if node.type != "tuple" or tag_of(node) != "reply" or len(parts) != 3:
            return False
        same = syntax.text(parts[2]) == state.value and parts[2].type == "identifier"
        if not same and not (state.kind == "atom" and syntax.text(parts[2]).removeprefix(":") == state.value):
            return False
    if state.kind != "variable":
        return state.kind == "atom"
    body = source.node_at(clause.body)
    uses = sum(node.type == "identifier" and syntax.text(node) == state.value for node in syntax.below(body))
    in_guard = clause.guard is not None and state.value in source.text(clause.guard)
    return uses == len(given) and not in_guard


def _calls_a_value(source: Source, clause: Clause) -> bool:
    """`fun.()`: what it does is the caller's business, and perhaps that it does it alone."""
    if clause.body is None:
        return False
    for node in syntax.below(source.node_at(clause.body)):
        target = syntax.call_target(node) if node.type == "call" else None
        if target is not None and target.type == "dot" and syntax.right(target) is None:
            return True
    return False
