"""The cast that a test waits for with a sleep, and the server that has to handle it."""

from __future__ import annotations

from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.messages.client_api import client_api
from otp_genesis_analyzers.facts.model import Call, Function
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.terms import Term


class AwaitedCast(NamedTuple):
    """`position` is the argument of `call` that is the server; None where the server has the name `name`."""

    call: Call
    position: int | None
    name: str = ""


def awaited_cast(project: Project, sleep: Site) -> AwaitedCast | None:
    """The call in front of a sleep, when all that it does is to cast to one server."""
    call = _in_front(sleep)
    if call is None or call.piped or call.result not in ("discarded", "bound"):
        return None
    if call.is_to("GenServer", "cast"):
        return AwaitedCast(call, 0)
    callee = project.callee(call, holding=["cast"])
    if callee is None:
        return None
    entry, function = callee
    sent = client_api(call_graph(entry.module)).get(function.id, ())
    if len(sent) != 1 or sent[0].way != "cast":
        return None
    server = sent[0].call.args[0]
    if server.kind == "module":
        return AwaitedCast(call, None, server.value)
    position = _parameter(function, server)
    return AwaitedCast(call, position) if position is not None else None


def _in_front(sleep: Site) -> Call | None:
    """The last statement that is a call, or a match of one, before the sleep and beside it."""
    beside = [
        call
        for call in sleep.clause.calls
        if call.closure == sleep.call.closure
        and call.branch == sleep.call.branch
        and call.span.end <= sleep.call.span.start
    ]
    last = max(beside, key=lambda call: call.span.end, default=None)
    return next((call for call in beside if last is not None and call.span.contains(last.span)), None)


def _parameter(function: Function, server: Term) -> int | None:
    """Which parameter a variable is, in a function of one clause without defaults."""
    if len(function.clauses) != 1 or function.defaults or server.kind != "variable":
        return None
    head = function.clauses[0].head
    return head.index(server) if server in head else None
