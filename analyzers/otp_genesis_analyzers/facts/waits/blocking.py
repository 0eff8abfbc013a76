"""Calls that make the calling process wait for the world: a network, a command, another process.

`receive` is left out: a rule of its own judges it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.waits.durations import milliseconds
from otp_genesis_analyzers.terms import Term

WaitKind = Literal["http", "connect", "command", "rpc", "sleep", "await", "process", "query"]

SHORT_SLEEP_MS = 100
"""A shorter sleep holds nobody up."""

_HTTP_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request", "run"})
_HTTP_CLIENTS: dict[str, frozenset[str]] = {
    "Req": _HTTP_VERBS,
    "HTTPoison": _HTTP_VERBS,
    "Tesla": _HTTP_VERBS,
    "HTTPotion": _HTTP_VERBS,
    "Finch": frozenset({"request", "stream", "stream_while"}),
    "Mojito": _HTTP_VERBS,
    ":httpc": frozenset({"request"}),
    ":hackney": _HTTP_VERBS,
    ":gun": frozenset({"await", "await_body", "await_up"}),
    "ExAws": frozenset({"request", "stream"}),
    "Neuron": frozenset({"query", "mutation"}),
}
_BRINGS_REQUESTS = frozenset({"HTTPoison.Base", "HTTPotion.Base", "Tesla"})
"""`use` of these gives `get/1`, `post!/2` and the like to a module."""
_CONNECTS = frozenset(
    {
        (":gen_tcp", "connect"),
        (":ssl", "connect"),
        (":ssh", "connect"),
        (":socket", "connect"),
        ("Mint.HTTP", "connect"),
        ("Mint.HTTP1", "connect"),
        ("Mint.HTTP2", "connect"),
        ("GRPC.Stub", "connect"),
        ("AMQP.Connection", "open"),
        (":amqp_connection", "start"),
        (":epgsql", "connect"),
        (":eldap", "open"),
        (":emqtt", "connect"),
    }
)
_API_NAMESPACES = ("Nostrum.Api", "Slack.Web")
"""Every function of these and of the modules below them asks a service over HTTP."""
_API_CLIENTS: dict[str, frozenset[str]] = {
    "ExGram": frozenset(
        {"send_message", "send_photo", "edit_message_text", "answer_callback_query", "get_me"}
    ),
    "Nadia": frozenset({"send_message", "send_photo", "edit_message_text", "get_updates", "get_me"}),
    "OpenAI": frozenset({"chat_completion", "completions", "embeddings", "images_generations"}),
    "OpenaiEx.Chat.Completions": frozenset({"create"}),
    "OpenaiEx.Embeddings": frozenset({"create"}),
    "Anthropix": frozenset({"chat"}),
    "Ollama": frozenset({"chat", "completion", "embed", "embeddings"}),
    "Instructor": frozenset({"chat_completion"}),
    "LangChain.Chains.LLMChain": frozenset({"run"}),
}
_SLOW_TO_START = frozenset({("WebSockex", "start_link"), ("WebSockex", "start")})
"""These come back when the connection stands, unless told otherwise."""
_SOCKET_READS = frozenset(
    {(":gen_tcp", "recv"), (":ssl", "recv"), (":gen_tcp", "accept"), (":gen_udp", "recv")}
)
_COMMANDS = frozenset({("System", "cmd"), ("System", "shell"), (":os", "cmd"), ("MuonTrap", "cmd")})
_WITHOUT_TIMEOUT = frozenset(
    {(":rpc", "call", 4), (":rpc", "block_call", 4), (":rpc", "multicall", 3), (":erpc", "call", 2)}
    | {(":erpc", "call", 4), (":erpc", "multicall", 2), (":erpc", "multicall", 4)}
)
_AWAITS = frozenset({"await", "await_many", "yield", "yield_many"})
_SERVER_CALLS = frozenset({"GenServer", "GenStage", ":gen_server", ":gen_statem", "GenStateMachine"})
_QUERIES = frozenset(
    {"all", "one", "one!", "get", "get!", "get_by", "get_by!", "exists?", "aggregate", "stream", "reload"}
    | {
        "insert",
        "insert!",
        "insert_all",
        "update",
        "update!",
        "update_all",
        "delete",
        "delete!",
        "delete_all",
    }
    | {"insert_or_update", "insert_or_update!", "transaction", "query", "query!", "preload", "transact"}
)
_HALTS = frozenset({("System", "halt"), ("System", "stop"), (":erlang", "halt"), (":init", "stop")})


class Wait(NamedTuple):
    """`words` say what is waited for.

    `certain` is false when the wait may be short: a sleep of unknown length, a `Task.yield` that gives up.
    """

    kind: WaitKind
    words: str
    certain: bool = True


class FoundWait(NamedTuple):
    """A wait with the place of the waiting call."""

    function: Function
    clause: Clause
    call: Call
    wait: Wait


def wait_in(call: Call) -> Wait | None:
    """What the call itself waits for; None when it comes back at once."""
    if is_only_named(call):
        return None
    name = call.name.removesuffix("!")
    if name in _HTTP_CLIENTS.get(call.module, ()):
        return Wait("http", "an HTTP answer")
    if (call.module, name) in _CONNECTS and not _is_local_socket(call):
        return Wait("connect", "a connection")
    if _asks_service(call):
        return Wait("http", "an HTTP answer")
    if (call.module, call.name) in _SLOW_TO_START:
        return Wait("connect", "a connection", certain=False)
    if (call.module, call.name) in _SOCKET_READS:
        return Wait("connect", "what comes in at a socket", certain=False)
    if call.is_to("Node", "connect", "ping"):
        return Wait("rpc", "another node", certain=False)
    if (call.module, call.name) in _COMMANDS:
        return Wait("command", "a system command")
    if (call.module, call.name, call.arity) in _WITHOUT_TIMEOUT:
        return Wait("rpc", "another node, without a timeout")
    if call.name == "sleep" and call.module in ("Process", ":timer"):
        return _sleep(call.args[0]) if call.args else None
    if call.module == "Task" and call.name in _AWAITS:
        polls = len(call.args) > 1 and call.args[1].value == "0"
        return None if polls else Wait("await", "a task", certain=call.name.startswith("await"))
    if call.is_to("Task", "async_stream") or call.is_to(
        "Task.Supervisor", "async_stream", "async_stream_nolink"
    ):
        return Wait("await", "tasks", certain=False)
    if call.module in _SERVER_CALLS and call.name == "call" and call.args and _is_other_process(call.args[0]):
        return Wait("process", "another process")
    if call.module.rpartition(".")[2] == "Repo" and call.name in _QUERIES:
        return Wait("query", "the database")
    return None


def is_named_as_request(call: Call) -> bool:
    """`get!`, `post`: as the functions of HTTP clients are."""
    return call.name.removesuffix("!") in _HTTP_VERBS and call.arity > 0


def brought_wait(module: Module, call: Call) -> Wait | None:
    """What a call of a module's own function waits for, where the module has it from an HTTP client."""
    if not is_named_as_request(call) or module.function(call.name, call.arity) is not None:
        return None
    brought = any(use.module in _BRINGS_REQUESTS for use in module.uses)
    return Wait("http", "an HTTP answer") if brought else None


def is_only_named(call: Call) -> bool:
    """A captured function that is kept, or called elsewhere: `Enum.map(urls, &Req.get!/1)` calls it here."""
    return call.form == "capture" and call.runs != "here"


def wait_at(clause: Clause, call: Call) -> Wait | None:
    """What a call of a clause waits for. Not a sleep before the system ends: that one holds nobody up."""
    found = wait_in(call)
    return None if found is not None and found.kind == "sleep" and _halts_next(clause, call) else found


def waits_behind(graph: CallGraph, function: Function, clause: Clause, call: Call) -> tuple[FoundWait, ...]:
    """What a call waits for: by itself, or in the functions of the module that it goes through."""
    own = wait_at(clause, call)
    if own is not None:
        return (FoundWait(function, clause, call, own),)
    target = graph.target(call)
    if target is None or is_only_named(call):
        return ()
    reached = (graph.functions[function_id] for function_id in graph.reached([target]))
    return tuple(
        FoundWait(inner, inner_clause, inner_call, wait)
        for inner in reached
        for inner_clause in inner.clauses
        for inner_call in inner_clause.calls
        if inner_call.runs == "here" and (wait := wait_at(inner_clause, inner_call)) is not None
        if not (wait.kind == "process" and _is_other_form(inner, inner_clause, inner_call))
    )


def _is_other_form(function: Function, clause: Clause, call: Call) -> bool:
    """The clause for a pid of a function whose other clauses take the state: a server calls the latter."""
    for position, parameter in enumerate(clause.head):
        if parameter == call.args[0]:
            return any(other.head[position].kind in ("map", "struct", "match") for other in function.clauses)
    return False


def _halts_next(clause: Clause, sleep: Call) -> bool:
    """Behind it, in the same branch, the system ends, or the process does nothing any more."""
    return any(
        (_halts(call) or (call.name == sleep.name and call.args and call.args[0].is_atom("infinity")))
        and call.head.start > sleep.span.end
        and (call.branch, call.closure) == (sleep.branch, sleep.closure)
        for call in clause.calls
    )


def _halts(call: Call) -> bool:
    return (call.module, call.name) in _HALTS


def _asks_service(call: Call) -> bool:
    in_namespace = any(f"{call.module}.".startswith(f"{space}.") for space in _API_NAMESPACES)
    return in_namespace or call.name.removesuffix("!") in _API_CLIENTS.get(call.module, ())


def _is_local_socket(call: Call) -> bool:
    return bool(call.args) and call.args[0].tag == "local"


def _sleep(duration: Term) -> Wait | None:
    slept = milliseconds(duration)
    if slept is None:
        return None if duration.is_atom("infinity") else Wait("sleep", "a sleep", certain=False)
    return Wait("sleep", f"a sleep of {slept} ms") if slept >= SHORT_SLEEP_MS else None


def _is_other_process(server: Term) -> bool:
    """Taken from arguments or from the state (`pid`, `state.pid`); a fixed name is another matter."""
    return server.kind == "variable" or (server.kind == "call" and server.value.startswith("?."))
