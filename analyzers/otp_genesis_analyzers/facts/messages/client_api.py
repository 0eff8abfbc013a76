"""The client functions of a module: what each asks of which server when somebody calls it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.messages.shapes import Way, is_later, sent_by
from otp_genesis_analyzers.facts.model import Call, Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.processes.registered_names import is_self, registered_names
from otp_genesis_analyzers.terms import Term

LOOKUPS = frozenset({"Process.whereis", "GenServer.whereis", ":erlang.whereis"})


class Request(NamedTuple):
    """A message that a client function sends in the process of its caller.

    `server` is the full name of the server's module, ":name" for a registered atom of a server
    that is defined elsewhere, "" where only run time can tell.
    """

    way: Way
    server: str
    message: Term
    call: Call


ClientApi = Mapping[str, tuple[Request, ...]]
"""By `name/arity` of a public function: what it sends, its helpers included."""


def client_api(graph: CallGraph) -> ClientApi:
    """The requests of every public function of a module that is no callback; none for most modules."""
    own = {function.id for function in callbacks(graph.module)}
    found = {
        function.id: tuple(requests(graph, function))
        for function in graph.module.functions
        if function.public and function.id not in own
    }
    return {name: sent for name, sent in found.items() if sent}


def requests(graph: CallGraph, function: Function) -> Iterator[Request]:
    """What a function sends to other processes, in the process that calls it."""
    for reached_id in graph.reached([function]):
        for clause in graph.functions[reached_id].clauses:
            for call in clause.calls:
                message = sent_by(call)
                if message is not None and call.runs == "here" and not is_later(call):
                    way, server, content = message
                    if not is_self(server):
                        yield Request(way, addressee(graph.module, server), content, call)


def addressee(module: Module, server: Term) -> str:
    """The module of the server that a term in `module` names; see `Request.server`.

    In a server's own module a variable, a via tuple and the result of a local function are taken
    for that server: a client function is written beside the callbacks that answer it.
    """
    named = looked_up(server)
    if named in registered_names(module):
        return module.name
    if named.kind == "module":
        return named.value
    if named.kind == "atom":
        return f":{named.value}"
    if named.kind == "tuple" and named.tag == "global":
        return ""
    is_server = bool(kinds(module) & SERVERS)
    is_made = named.kind in ("variable", "tuple", "call") or named.value == "|>"
    return module.name if is_server and is_made else ""


def looked_up(server: Term) -> Term:
    """The name in `Process.whereis(name)` and in `{name, node}`; any other term as it is."""
    if server.kind == "call" and server.value in LOOKUPS and server.items:
        return server.items[0]
    if server.kind == "operator" and server.value == "|>" and server.items[1].value in LOOKUPS:
        return server.items[0]
    is_remote = server.kind == "tuple" and len(server.items) == 2 and server.tag not in ("via", "global")
    return server.items[0] if is_remote and server.items[0].kind in ("atom", "module") else server
