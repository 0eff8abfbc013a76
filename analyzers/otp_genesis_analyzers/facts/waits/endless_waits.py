"""Calls that are told to wait for ever, and what shows that they may have to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.sites import Site, sites
from otp_genesis_analyzers.facts.model import Call, Clause
from otp_genesis_analyzers.facts.processes.started_work import started_work
from otp_genesis_analyzers.facts.processes.starts import spawn_tie
from otp_genesis_analyzers.facts.processes.task_owners import starts_task
from otp_genesis_analyzers.facts.waits.blocking import wait_in

_SERVER_CALLS = frozenset({"GenServer", "GenStage", ":gen_server", ":gen_statem"})
_TASK_WAITS = frozenset({"await", "await_many", "yield", "yield_many"})
_STREAMS = frozenset({"async_stream", "async_stream_nolink"})
_OTHERS_WORDS = ("checkout", "check_out", "checkin", "acquire", "enqueue", "reload")
"""Parts of messages and functions that wait by right: their turn in a pool or a queue, a compiler."""
_WORLD = frozenset({"http", "connect", "command", "rpc"})


class EndlessWait(NamedTuple):
    """`work` names the call that the awaited tasks make of the world outside; empty when none is in sight."""

    site: Site
    work: str = ""


def endless_waits(graph: CallGraph) -> Iterator[EndlessWait]:
    for site in sites(graph.module):
        if site.call.form == "call" and _waits_for_ever(site.call) and not _waits_by_right(site):
            yield EndlessWait(site, _work_of_tasks(graph, site))


def is_server_call(call: Call) -> bool:
    return call.module in _SERVER_CALLS and call.name == "call"


def unwatched_reply(graph: CallGraph, clause: Clause) -> Call | None:
    """The start of a process, by a clause of a server, that owes the caller its answer.

    Nobody tells the caller when it ends without one: it is neither linked to the server nor monitored.
    """
    for call in clause.calls:
        alone = spawn_tie(call) == "none" or call.is_to("Task", "start")
        if alone or call.is_to("Task.Supervisor", "start_child"):
            work = started_work(graph, clause, call)
            if any(done.name == "reply" and done.module in _SERVER_CALLS for done in work.calls):
                return call
    return None


def _waits_for_ever(call: Call) -> bool:
    if is_server_call(call):
        return len(call.args) == 3 and call.args[2].is_atom("infinity")
    if call.module == "Task" and call.name in _TASK_WAITS and len(call.args) == 2:
        options = call.args[1]
        timeout = options.get("timeout") if options.kind == "list" else options
        return timeout is not None and timeout.is_atom("infinity")
    if call.module in ("Task", "Task.Supervisor") and call.name in _STREAMS and call.args:
        timeout = call.args[-1].get("timeout") if call.args[-1].kind == "list" else None
        return timeout is not None and timeout.is_atom("infinity")
    return False


def _waits_by_right(site: Site) -> bool:
    message = site.call.args[1].tag if is_server_call(site.call) else None
    words = f"{site.function.name} {message or ''} {site.module.name.rpartition('.')[2].lower()}"
    return any(word in words for word in _OTHERS_WORDS)


def _work_of_tasks(graph: CallGraph, site: Site) -> str:
    """What the tasks that are started in the same clause, and awaited, ask the world for."""
    if site.call.module != "Task" or site.call.name not in _TASK_WAITS:
        return ""
    for call in site.clause.calls:
        if starts_task(call) and call.head.start < site.call.span.end:
            for done in started_work(graph, site.clause, call).calls:
                wait = wait_in(done)
                if wait is not None and wait.kind in _WORLD:
                    return done.target.rpartition("/")[0]
    return ""
