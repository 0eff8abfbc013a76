"""Tasks whose result nobody takes, because nobody has kept the task."""

from __future__ import annotations

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.results import is_unused
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.messages.mailbox import takes_task_replies
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains


def starts_async(call: Call) -> bool:
    return call.is_to("Task", "async") or call.is_to("Task.Supervisor", "async", "async_nolink")


def nobody_takes_result(graph: CallGraph, site: Site) -> bool:
    """The task of a `Task.async` is dropped, and no clause or `receive` takes its message."""
    if not is_unused(graph, site.function, site.clause, site.call) or received(graph, site):
        return False
    if not site.module.complete:
        return False  # the clause that takes the result may be the one being typed
    return not (takes_task_replies(site.module) and _may_run_in_server(graph, site))


def _may_run_in_server(graph: CallGraph, site: Site) -> bool:
    """A callback leads there, or hands a `fn` that leads there to a function which may call it at once."""
    chains = callback_chains(graph)
    if site.function.id in chains:
        return True
    through = (
        target
        for name in chains
        for clause in graph.functions[name].clauses
        for call in clause.calls
        if call.runs == "unknown" and (target := graph.target(call)) is not None
    )
    return site.function.id in graph.reached(through)


def received(graph: CallGraph, site: Site) -> bool:
    """A `receive` later in the clause or in a function called there, in the process that started the task."""
    call = site.call
    return any(
        receive.closure == call.closure and receive.span.start >= call.span.end
        for receive in site.clause.receives
    ) or (
        call.runs == "here"
        and any(_waits(graph, later) for later in site.clause.calls if _is_later(call, later))
    )


def _is_later(call: Call, later: Call) -> bool:
    return later.runs == "here" and later.span.start >= call.span.end


def _waits(graph: CallGraph, call: Call) -> bool:
    target = graph.target(call)
    return target is not None and any(clause.receives for clause in target.clauses)
