"""Functions that only one process of the project runs, so that they race with nobody."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.across_modules.outside_calls import outside_calls
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains, callbacks
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.processes.starts import is_start_function
from otp_genesis_analyzers.project import Project


def client_side(graph: CallGraph) -> frozenset[str]:
    """The functions that run in whatever process calls the module, and so in several at once.

    What a server's callbacks, a start function and an `@on_load` function call runs in one.
    """
    own = {function.id for function in callbacks(graph.module)}
    once = {attribute.value.value for attribute in graph.module.attributes if attribute.name == "on_load"}
    entries = [
        function
        for function in graph.module.functions
        if function.public
        and function.id not in own
        and function.name not in once
        and not is_start_function(function)
    ]
    return frozenset(graph.reached(entries))


def runs_in_one_process(project: Project, module: Module, function: Function) -> bool:
    """Every caller in the project is a callback of one and the same server, or starts the application.

    False for a function that nobody in the project calls: its callers are out of sight.
    """
    callers = _callers(project, module, _entries_to(call_graph(module), function))
    first = next(callers, None)
    return first is not None and all(caller == first for caller in callers)


def _entries_to(graph: CallGraph, function: Function) -> list[Function]:
    """The public functions through which a function runs in the process of a caller."""
    own = {callback.id for callback in callbacks(graph.module)}
    return [
        entry
        for entry in graph.module.functions
        if entry.public and entry.id not in own and function.id in graph.reached([entry])
    ]


def _callers(project: Project, module: Module, entries: list[Function]) -> Iterator[str | None]:
    """The server in whose process each call from another module runs; None for any process."""
    for site in outside_calls(project, module, entries):
        yield _process_of(site.module, site.function) if site.call.runs == "here" else None


def _process_of(module: Module, function: Function) -> str | None:
    """The server that alone runs a function; one name stands for the start of all applications."""
    if "Application" in kinds(module):
        return "Application" if function.name == "start" or function.kind == "defp" else None
    graph = call_graph(module)
    alone = kinds(module) & SERVERS and function.id in callback_chains(graph)
    return module.name if alone and function.id not in client_side(graph) else None
