"""What goes wrong when a process that nothing links to or monitors dies."""

from __future__ import annotations

from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.branches import supervised_start_failed
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.messages.mailbox import sets_trap_exit
from otp_genesis_analyzers.facts.messages.shapes import unwrapped
from otp_genesis_analyzers.facts.model import Receive
from otp_genesis_analyzers.facts.processes.monitors import monitors_process
from otp_genesis_analyzers.facts.processes.started_work import Work, started_work, unending_function

_REPLIES = ("GenServer", ":gen_server", ":gen_statem", "GenStateMachine", "GenStage")


class Harm(NamedTuple):
    """`cured_by_supervisor` is false when more than the start itself is wrong."""

    words: str
    cured_by_supervisor: bool = True


def harm_of(graph: CallGraph, site: Site) -> Harm | None:
    """The harm that the module itself shows; None says nothing of the rest of the project."""
    work = started_work(graph, site.clause, site.call)
    reply = next((call for call in work.calls if call.name == "reply" and call.module in _REPLIES), None)
    if reply is not None:
        return Harm(f"it owes a caller `{reply.target}`, who waits when it crashes")
    if _waits_for_it(site, work):
        return Harm("a `receive` waits for its message and never ends when it crashes", False)
    unending = unending_function(graph, work)
    if unending is not None:
        return Harm(f"it goes on for ever in `{unending.id}`")
    if any(not receive.has_after and not _ends_with_another(work, receive) for receive in work.receives):
        return Harm("it waits in `receive` without end")
    failed = supervised_start_failed(site.clause, site.call)
    if failed is not None:
        return Harm(f"it stands in for `{failed.target}`", False)
    return None


def is_watchdog(work: Work) -> bool:
    """It does nothing but wait for the end of another process, and act on that."""
    return bool(work.receives) and all(_ends_with_another(work, receive) for receive in work.receives)


def _ends_with_another(work: Work, receive: Receive) -> bool:
    """It watches a process, whose end ends the wait: a watchdog goes with what it guards."""
    ends = {"DOWN"} if any(monitors_process(call) for call in work.calls) else set[str]()
    if any(map(sets_trap_exit, work.calls)):
        ends.add("EXIT")
    return bool(ends) and any(
        pattern.tag in ends or pattern.kind == "variable" for pattern in map(unwrapped, receive.patterns)
    )


def _waits_for_it(site: Site, work: Work) -> bool:
    """The starter goes on to a `receive` that nothing but the message of the new process ends."""
    if not any(call.is_to("Kernel", "send") or call.is_to("Process", "send") for call in work.calls):
        return False
    if any(call.is_to("Process", "monitor") for call in site.clause.calls):
        return False
    return any(
        receive.runs == site.call.runs == "here"
        and receive.span.start >= site.call.span.end
        and not receive.has_after
        and not any(pattern.tag == "DOWN" for pattern in receive.patterns)
        for receive in site.clause.receives
    )
