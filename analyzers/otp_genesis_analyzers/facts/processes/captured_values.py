"""Large values that go to another process whole: in a function that it runs, or in a message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.messages.self_sends import is_own
from otp_genesis_analyzers.facts.messages.shapes import sent_by
from otp_genesis_analyzers.facts.model import Call, Clause, Closure, Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, WEB_PROCESSES, kinds
from otp_genesis_analyzers.facts.state.state_shapes import names_in
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

ValueKind = Literal["conn", "socket", "state"]

_CONN_FIELDS = frozenset(
    {
        "adapter",
        "assigns",
        "body_params",
        "cookies",
        "halted",
        "host",
        "method",
        "owner",
        "params",
        "path_info",
    }
    | {"path_params", "port", "private", "query_params", "query_string", "remote_ip", "req_cookies"}
    | {"req_headers", "request_path", "resp_body", "resp_cookies", "resp_headers", "scheme", "script_name"}
    | {"secret_key_base", "state", "status"}
)
_SOCKET_FIELDS = frozenset(
    {"assigns", "channel", "channel_pid", "endpoint", "handler", "host_uri", "id", "join_ref", "joined"}
    | {"parent_pid", "private", "pubsub_server", "redirected", "ref", "root_pid", "router", "serializer"}
    | {"topic", "transport", "transport_pid", "view"}
)
FIELDS: Mapping[ValueKind, frozenset[str]] = {
    "conn": _CONN_FIELDS,
    "socket": _SOCKET_FIELDS,
    "state": frozenset(),
}
"""The fields that a struct of the kind surely has."""
_STRUCTS: Mapping[str, ValueKind] = {
    "Plug.Conn": "conn",
    "Phoenix.Socket": "socket",
    "Phoenix.LiveView.Socket": "socket",
}
_RECEIVERS = (
    "Task.",
    "Agent.",
    "Kernel.spawn",
    "Process.spawn",
    "Node.spawn",
    ":erlang.spawn",
    ":timer.apply_",
)
_ASYNC = frozenset({"start_async", "assign_async", "stream_async"})
_CONTAINERS = frozenset({"tuple", "list", "map", "struct", "pair"})
_OF_PHOENIX = ("Plug.", "Phoenix.")
"""Their functions give the connection or the socket that they were given."""


class _Large(NamedTuple):
    """`certain` says that the variable holds a struct of its kind; else its name alone speaks for it."""

    kind: ValueKind
    certain: bool


class Captured(NamedTuple):
    """A variable of which the function that `site` hands to another process reads nothing but fields.

    `paths` are the expressions, `conn.assigns.user`, in the order of the text.
    """

    site: Site
    closure: Closure
    name: str
    kind: ValueKind
    certain: bool
    paths: tuple[Node, ...]


class SentWhole(NamedTuple):
    """A variable that stands as a whole in a message to another process."""

    site: Site
    name: str


def captured_values(source: Source, module: Module, function: Function, clause: Clause) -> Iterator[Captured]:
    started = [
        (closure, call) for closure in clause.closures if (call := _starter(clause, closure)) is not None
    ]
    large = _large_variables(module, function, clause) if started else {}
    for closure, starter in started:
        body = source.node_at(closure.span)
        text = source.content[closure.span.start : closure.span.end]
        for name, (kind, certain) in large.items():
            if name.encode() not in text:  # walking through closures in closures for nothing takes long
                continue
            paths = _paths(body, name)
            known = {field_names(path)[0] for path in paths or ()} <= FIELDS[kind]
            if paths and (certain or known or kind == "state"):
                site = Site(module, function, clause, starter)
                still = certain and not _may_become_another(source, module, clause, name)
                yield Captured(site, closure, name, kind, still, tuple(paths))


def sent_values(module: Module, function: Function, clause: Clause) -> Iterator[SentWhole]:
    """Only of variables that surely hold a connection or a socket."""
    messages = [(call, sent) for call in clause.calls if (sent := sent_by(call)) is not None]
    found = _large_variables(module, function, clause) if messages else {}
    large = {name for name, value in found.items() if value.certain}
    for call, (_, server, message) in messages:
        whole = [name for name in _variables_in(message) if name in large]
        if whole and not is_own(clause, server) and not _comes_back(clause, call, whole[0]):
            yield SentWhole(Site(module, function, clause, call), whole[0])


def _comes_back(clause: Clause, call: Call, name: str) -> bool:
    """A `receive` behind the message takes it again: the other process answers on this one's behalf."""
    return any(
        receive.span.start >= call.span.end
        and any(name in _variables_in(pattern) for pattern in receive.patterns)
        for receive in clause.receives
    )


def field_names(path: Node) -> list[str]:
    """`["assigns", "user"]` of `conn.assigns.user`."""
    names: list[str] = []
    node = path
    while (parts := _field_access(node)) is not None:
        node = parts[0]
        names.append(parts[1])
    return names[::-1]


def _large_variables(module: Module, function: Function, clause: Clause) -> dict[str, _Large]:
    found = kinds(module)
    large: dict[str, _Large] = {
        "conn": _Large("conn", bool(found & {"Controller", "Plug"})),
        "socket": _Large("socket", bool(found & WEB_PROCESSES)),
    }
    for parameter in clause.head:
        for part in _top(parameter):
            if part.kind == "struct" and part.value in _STRUCTS:
                typed = _Large(_STRUCTS[part.value], certain=True)
                large |= dict.fromkeys(names_in(parameter), typed)
    if found & SERVERS and clause.head and function in callbacks(module) and function.name != "init":
        large |= dict.fromkeys(names_in(clause.head[-1]), _Large("state", certain=False))
    return large


def _top(parameter: Term) -> tuple[Term, ...]:
    return parameter.items if parameter.kind == "match" else (parameter,)


def _starter(clause: Clause, closure: Closure) -> Call | None:
    """The call in whose new process, or in whose agent, a closure runs."""
    name = closure.receiver.rpartition("/")[0].rpartition(".")[2]
    if not closure.receiver.startswith(_RECEIVERS) and name not in _ASYNC:
        return None
    for call in clause.calls:
        handed = call.span.contains(closure.span) or (call.piped and closure.span.end <= call.span.start)
        if call.target == closure.receiver and call.closure == closure.parent and handed:
            return call
    return None


def _may_become_another(source: Source, module: Module, clause: Clause, name: str) -> bool:
    """`conn = lookup(conn)`: bound anew, by a function that may give anything."""
    bound = (
        syntax.right(node)
        for node in syntax.below(source.node_at(clause.body or clause.span))
        if node.type == "binary_operator" and syntax.operator(node) == "="
        if (pattern := syntax.left(node)) is not None
        and any(part.type == "identifier" and syntax.text(part) == name for part in syntax.below(pattern))
    )
    return any(value is not None and not _gives_its_like(module, clause, value) for value in bound)


def _gives_its_like(module: Module, clause: Clause, value: Node) -> bool:
    """The last of a chain of calls is one of Plug or Phoenix, or imported."""
    last = syntax.right(value) if syntax.operator(value) == "|>" else value
    call = next((c for c in clause.calls if last is not None and c.span.start == last.start_byte), None)
    if call is None:
        return False
    if call.module:
        return call.module.startswith(_OF_PHOENIX)
    return module.function(call.name, call.arity) is None


def _paths(body: Node, name: str) -> list[Node] | None:
    """Every reading of a field of the variable; None where the variable is used in another way."""
    paths: list[Node] = []
    waiting = [body]
    while waiting:
        node = waiting.pop()
        if _root(node) == name:
            paths.append(node)
        elif node.type == "identifier":
            if syntax.text(node) == name:
                return None
        else:
            waiting += values_in(node)
    return sorted(paths, key=lambda path: path.start_byte)


def values_in(node: Node) -> list[Node]:
    """The children that may hold variables: names of functions and fields are none."""
    children = node.named_children
    if node.type == "call" and children and children[0].type == "identifier" and syntax.has_arguments(node):
        return children[1:]
    return children[:1] if node.type == "dot" else children


def _root(node: Node) -> str:
    """`conn` of `conn.assigns.user`; empty where that is not what a node is."""
    current: Node = node
    while (parts := _field_access(current)) is not None:
        current = parts[0]
    return syntax.text(current) if current is not node and current.type == "identifier" else ""


def _field_access(node: Node) -> tuple[Node, str] | None:
    """What stands in front of the dot, and the field behind it."""
    target = syntax.call_target(node) if node.type == "call" and not syntax.has_arguments(node) else None
    if target is None or target.type != "dot" or syntax.do_block(node) is not None:
        return None
    before, field = syntax.left(target), syntax.right(target)
    return (before, syntax.text(field)) if before is not None and field is not None else None


def _variables_in(message: Term) -> Iterator[str]:
    if message.kind == "variable":
        yield message.value
    elif message.kind in _CONTAINERS:
        for item in message.items:
            yield from _variables_in(item)
