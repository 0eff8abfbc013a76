"""What is started outside of every supervisor, as the code says it, whether that is a flaw or not."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.across_modules.process_owners import is_named_by_child
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, sites
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.processes.starts import (
    Tie,
    belongs_to_start,
    belongs_to_start_link,
    is_start_function,
    spawn_tie,
    start_of,
)
from otp_genesis_analyzers.forest.model import Outside, Place
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.supervision import Forest

_STARTS = ("start", "start_link")


def outside(project: Project, trees: Forest) -> Iterator[Outside]:
    """In the order of their places."""
    for path, analysis in sorted(project.files.items()):
        for module in production_modules(analysis.facts, project.role_of(path)):
            for site, started, tie in _in_module(project, trees, module):
                call = site.call.target.removeprefix("Kernel.")
                place = Place(path, site.call.head)
                yield Outside(call, started, project.app_of(path), site.scope, place, tie)


def starts_outside(project: Project, trees: Forest, name: str) -> Iterator[tuple[str, Place]]:
    """The functions that start a module outside of every supervisor, and where."""
    for path, analysis in sorted(project.files.items()):
        if name not in analysis.facts.references and all(m.name != name for m in analysis.facts.modules):
            continue
        for module in production_modules(analysis.facts, project.role_of(path)):
            for site, started, _ in _in_module(project, trees, module):
                if started == name:
                    yield site.scope, Place(path, site.call.head)


def _in_module(project: Project, trees: Forest, module: Module) -> Iterator[tuple[Site, str, Tie]]:
    graph = call_graph(module)
    for site in sites(module):
        found = _raw(graph, site) or _process_of_module(project, trees, graph, site)
        if found is not None:
            yield site, *found


def _raw(graph: CallGraph, site: Site) -> tuple[str, Tie] | None:
    """A spawned function or a task."""
    tie = spawn_tie(site.call)
    if tie is None and site.call.is_to("Task", *_STARTS):
        tie = "link" if site.call.name == "start_link" else "none"
    return None if tie is None or belongs_to_start_link(graph, site.function) else ("", tie)


def _process_of_module(
    project: Project, trees: Forest, graph: CallGraph, site: Site
) -> tuple[str, Tie] | None:
    if site.call.name not in _STARTS or site.call.form == "capture" or _starts_for_another(graph, site):
        return None
    start = start_of(site.call)
    if start is not None:
        if is_named_by_child(trees, site.module, site.function):
            return None
        return start.module, "link" if start.linked else "none"
    started = _module_started_by(project, site)
    return (started, "link" if site.call.name == "start_link" else "none") if started else None


def _starts_for_another(graph: CallGraph, site: Site) -> bool:
    """In a start function, whose caller gets the process. A server's `init/1` keeps what it starts."""
    if not belongs_to_start(graph, site.function):
        return False
    return not (kinds(site.module) & SERVERS and site.function.id in callback_chains(graph))


def _module_started_by(project: Project, site: Site) -> str:
    """The module of this project whose start function is called."""
    name = site.call.module or site.module.name
    entry = project.modules.get(name)
    function = entry.module.function(site.call.name, site.call.arity) if entry is not None else None
    if function is None or not is_start_function(function):
        return ""
    calls = [call for clause in function.clauses for call in clause.calls]
    return name if any(map(_starts_process, calls)) else ""


def _starts_process(call: Call) -> bool:
    return (
        start_of(call) is not None
        or spawn_tie(call) is not None
        or call.is_to("Task", *_STARTS)
        or call.is_to(":proc_lib", *_STARTS, "spawn", "spawn_link")
    )
