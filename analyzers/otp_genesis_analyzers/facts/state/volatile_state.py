"""How much speaks for it that a server's state is worth keeping and kept nowhere: a score with reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.model import Call, Clause, FileFacts, Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.facts.processes.starts import start_of
from otp_genesis_analyzers.facts.state.agent_state import agent_writes, starts_empty_agent
from otp_genesis_analyzers.facts.state.declared_state import DeclaredField
from otp_genesis_analyzers.facts.state.initial_state import initial_state
from otp_genesis_analyzers.facts.state.persistence import persistence_call, rebuilding_call, saving_call
from otp_genesis_analyzers.facts.state.server_returns import tag_of, tuples_below
from otp_genesis_analyzers.facts.state.server_state import Message, ServerState, server_state
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import OTHER, Term

_PRECIOUS = frozenset(
    {"account", "backlog", "balance", "booking", "cart", "deployment", "draft", "event", "execution"}
    | {"invoice", "job", "ledger", "order", "payment", "queue", "reservation", "schedule", "session"}
    | {"subscription", "task", "transaction", "wallet", "workflow"}
)
_REBUILDABLE = frozenset(
    {"availability", "breaker", "cache", "cached", "circuit", "count", "counter", "debounce", "error"}
    | {"guard", "health", "limit", "limiter", "lock", "metric", "monitor", "pool", "presence", "proxy"}
    | {"rate", "stat", "telemetry", "throttle", "tracker", "tracking", "usage"}
)
_HANDLES = frozenset(
    {"callback", "caller", "channel", "client", "connection", "from", "fun", "handler", "listener"}
    | {"monitor", "node", "owner", "pid", "port", "process", "ref", "reference", "socket", "subscriber"}
    | {"timer", "waiter", "waiting", "watcher", "worker"}
)
_HANDLE_CALLS = frozenset(
    {("Process", "monitor"), ("Process", "link"), ("Kernel", "self"), ("DynamicSupervisor", "start_child")}
)
_CONNECTION_CALLS = frozenset({":gen_tcp", ":gen_udp", ":ssl", "Port", ":socket"})


class Reason(NamedTuple):
    points: int
    words: str

    def __str__(self) -> str:
        return f"{self.points:+d} {self.words}"


@dataclass(frozen=True)
class Evidence:
    """`fields` are the collections at stake, `writes` the clauses that take data in."""

    reasons: tuple[Reason, ...]
    fields: tuple[str, ...]
    writes: tuple[Message, ...] = ()

    @property
    def score(self) -> int:
        return sum(reason.points for reason in self.reasons)


def evidence_of(source: Source, facts: FileFacts, module: Module) -> Evidence | None:
    """None when no call or cast adds data of its caller to a collection that starts empty, or all save it."""
    if not initial_state(source, facts, module).empty_collections:
        return None
    state = server_state(source, facts, module)
    writes = tuple(message for message in state.messages if _takes_data_in(state, message))
    if not writes:
        return None
    graph = call_graph(module)
    if all(_saves(graph, message.clause) for message in writes):
        return None
    fields = sorted(frozenset[str]().union(*(_grown(state, message) for message in writes)))
    taken = f"{_clauses(writes)} {'adds' if len(writes) == 1 else 'add'} what callers hand in"
    reasons = [Reason(2, taken), *_reasons(source, graph, fields, writes)]
    return Evidence(tuple(reasons), tuple(fields), writes)


def declared_evidence(field: DeclaredField) -> Evidence:
    """The evidence for a field that a module declares to a framework, whose code is out of sight."""
    reasons = [Reason(2, "it starts empty")]
    if _words(field.name) & _PRECIOUS or field.name.startswith(("active_", "pending_")):
        reasons.append(Reason(2, "the name speaks of work"))
    if field.store:
        reasons.append(Reason(-3, f"`{field.store}` is used"))
    if "Persist" in field.framework:
        reasons.append(Reason(-3, f"`{field.framework}` is named for keeping it"))
    return Evidence(tuple(reasons), (field.name,))


def _reasons(
    source: Source, graph: CallGraph, fields: list[str], writes: tuple[Message, ...]
) -> Iterator[Reason]:
    module = graph.module
    if _starts_empty(graph):
        yield Reason(2, "`init` starts from nothing but its options")
    if any(_acknowledges(source, message.clause) for message in writes):
        yield Reason(1, "the caller is told `:ok`")
    precious = (
        _words(module.name.rpartition(".")[2], *fields, *(message.tag for message in writes)) & _PRECIOUS
    )
    if precious or any(name.startswith(("active_", "pending_")) for name in fields):
        yield Reason(1, f"the names speak of work ({', '.join(sorted(precious) or fields)})")
    if all(any(call.is_to("Enum", "take", "slice") for call in message.clause.calls) for message in writes):
        yield Reason(-4, "only the last of them are kept")
    if _holds_handles(fields, writes):
        yield Reason(-2, "the values are processes, references or sockets")
    yield from _circumstances(graph, fields, tuple(_callback_calls(graph)))


def agent_evidence(source: Source, module: Module) -> Evidence | None:
    """The evidence for the agent that a module is; None when nothing adds to a state that starts empty."""
    if "Agent" not in kinds(module) and not _is_singleton(module):
        return None
    writes = tuple(agent_writes(source, module))
    if not writes or not starts_empty_agent(source, module):
        return None
    graph = call_graph(module)
    names = tuple(dict.fromkeys(function.name for function, _ in writes))
    shown = ", ".join(f"`{function.id}`" for function in dict.fromkeys(function for function, _ in writes))
    reasons = [
        Reason(2, f"{shown} {'adds' if len(names) == 1 else 'add'} what callers hand in"),
        Reason(2, "its state starts from nothing"),
    ]
    if any(call.name == "update" and call.result in ("returned", "piped") for _, call in writes):
        reasons.append(Reason(1, "the caller is told `:ok`"))
    precious = _words(module.name.rpartition(".")[2], *names) & _PRECIOUS
    if precious:
        reasons.append(Reason(1, f"the names speak of work ({', '.join(sorted(precious))})"))
    done = tuple(call for function in module.functions for call in _calls_of(function))
    taken = {term.value for function, _ in writes for clause in function.clauses for term in clause.head}
    if taken and all(_words(name) & _HANDLES for name in taken):
        reasons.append(Reason(-2, "the values are processes, references or sockets"))
    return Evidence((*reasons, *_circumstances(graph, [], done)), ())


def _circumstances(graph: CallGraph, fields: list[str], done: tuple[Call, ...]) -> Iterator[Reason]:
    """What does not depend on the messages: `done` is whatever the process does."""
    module = graph.module
    if _is_singleton(module):
        yield Reason(1, "there is one of it, under a fixed name")
    saved = persistence_call(graph, done) or saving_call(graph, done)
    if saved is not None:
        yield Reason(-3, f"`{saved.target}` saves or restores")
    if _words(module.name, *fields) & _REBUILDABLE:
        yield Reason(-2, "the names speak of what can be computed again")
    if any(call.module in _CONNECTION_CALLS for call in done):
        yield Reason(-2, "it is tied to a connection")
    if any(_option(use.options, "restart").is_atom("temporary") for use in module.uses):
        yield Reason(-2, "it is never restarted")


def _saves(graph: CallGraph, clause: Clause) -> bool:
    """What the clause takes in is written down by the clause itself, or by what it calls; not in a table."""
    targets = [target for call in clause.calls if (target := graph.target(call)) is not None]
    called = (call for name in graph.reached(targets) for call in _calls_of(graph.functions[name]))
    done = tuple(
        call for call in (*clause.calls, *called) if not call.is_to(":ets", "insert", "lookup", "new")
    )
    return (persistence_call(graph, done) or saving_call(graph, done)) is not None


def _takes_data_in(state: ServerState, message: Message) -> bool:
    from_callers = message.callback.id in ("handle_call/3", "handle_cast/2")
    has_data = any(
        term.kind == "variable" and not term.value.startswith("_") for term in message.pattern.walk()
    )
    return from_callers and has_data and bool(_grown(state, message))


def _grown(state: ServerState, message: Message) -> frozenset[str]:
    return message.use.grows & state.initial.empty_collections


def _clauses(writes: tuple[Message, ...]) -> str:
    tags = list(dict.fromkeys(message.tag or message.callback.name for message in writes))
    shown = ", ".join(f"`{tag}`" for tag in tags[:4])
    return f"{shown} and {len(tags) - 4} more" if len(tags) > 4 else shown


def _starts_empty(graph: CallGraph) -> bool:
    roots = [
        function
        for function in graph.module.functions
        if function.id in ("init/1", "handle_continue/2") and function.public
    ]
    calls = (call for function_id in graph.reached(roots) for call in _calls_of(graph.functions[function_id]))
    return bool(roots) and rebuilding_call(graph, calls) is None


def _acknowledges(source: Source, clause: Clause) -> bool:
    """Some `{:reply, :ok, _}` or `{:reply, {:ok, ...}, _}` in the clause."""
    if clause.body is None:
        return False
    for node in tuples_below(source.node_at(clause.body)):
        items = syntax.children(node)
        if tag_of(node) == "reply" and len(items) > 2 and _is_ok(items[1]):
            return True
    return False


def _is_ok(node: Node) -> bool:
    return syntax.text(node) == ":ok" or (node.type == "tuple" and tag_of(node) == "ok")


def _is_singleton(module: Module) -> bool:
    start_link = (function for function in module.functions if function.name in ("start_link", "start"))
    starts = (start_of(call) for function in start_link for call in _calls_of(function))
    return any(
        start is not None and start.module in (module.name, "Agent") and start.constant_name
        for start in starts
    )


def _callback_calls(graph: CallGraph) -> Iterator[Call]:
    """Whatever the server does, perhaps on a timer."""
    for function_id in callback_chains(graph):
        yield from _calls_of(graph.functions[function_id])


def _holds_handles(fields: list[str], writes: tuple[Message, ...]) -> bool:
    """Subscribers, workers, waiting callers: worth nothing to the next process."""
    if _words(*fields) & _HANDLES:
        return True
    if any((call.module, call.name) in _HANDLE_CALLS for message in writes for call in message.clause.calls):
        return True
    taken = {term.value for message in writes for term in message.pattern.walk() if term.kind == "variable"}
    return bool(taken) and all(_words(name) & _HANDLES for name in taken)


def _words(*names: str) -> frozenset[str]:
    """The words in `Shop.JobQueue`, `active_jobs`, `:place_order`, in the singular too."""
    found: set[str] = set()
    for name in names:
        spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
        for word in spaced.replace("_", " ").replace(".", " ").replace(":", " ").split():
            found |= {word, word.removesuffix("s"), f"{word.removesuffix('ies')}y"}
    return frozenset(found)


def _option(options: Term | None, name: str) -> Term:
    value = options.get(name) if options is not None else None
    return OTHER if value is None else value


def _calls_of(function: Function) -> Iterator[Call]:
    for clause in function.clauses:
        yield from clause.calls
