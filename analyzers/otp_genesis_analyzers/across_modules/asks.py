"""Who waits for whom: the calls by which the server of one module waits for that of another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otp_genesis_analyzers.across_modules.client_apis import (
    goes_by_name,
    sent_through,
    server_asked,
)
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules
from otp_genesis_analyzers.facts.messages.client_api import Request, addressee, looked_up
from otp_genesis_analyzers.facts.messages.shapes import sent_by
from otp_genesis_analyzers.facts.model import Call, Clause, Function
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.processes.kinds import Kind, kinds
from otp_genesis_analyzers.facts.processes.registered_names import is_self
from otp_genesis_analyzers.project import ModuleEntry, Project

_ASKING: frozenset[Kind] = frozenset({"GenServer", "GenStage", "gen_statem"})


class Ask(NamedTuple):
    """A server waits for another one.

    `entry` is the asking server, `callback` with `clause` what runs in it, `site` the call that leads out
    of its module. `request` is the waiting call, in the file at `request_path`: the site itself, or what
    stands behind a client function. `server` is who has to answer.
    """

    entry: ModuleEntry
    callback: Function
    clause: Clause
    site: Site
    request: Request
    request_path: str
    server: ModuleEntry

    @property
    def by_name(self) -> bool:
        """There is one such server, not one for each of many things."""
        return goes_by_name(self.request)

    @property
    def direct(self) -> bool:
        return self.request.call is self.site.call


def asks(project: Project) -> tuple[Ask, ...]:
    """Every place where a callback, or what it calls in its module, waits for another server."""
    return project.derived(_asks)


def _asks(project: Project) -> tuple[Ask, ...]:
    return tuple(
        ask
        for path, analysis in sorted(project.files.items())
        for module in production_modules(analysis.facts, project.role_of(path))
        if kinds(module) & _ASKING
        for ask in _asks_of(project, ModuleEntry(path, module))
    )


def _asks_of(project: Project, entry: ModuleEntry) -> Iterator[Ask]:
    graph = call_graph(entry.module)
    seen: set[tuple[str, int]] = set()
    for callback in callbacks(entry.module):
        for clause in callback.clauses:
            for site in _sites_from(graph, callback, clause):
                for request, path in _requests_at(project, entry, site):
                    server = server_asked(project, request)
                    key = (callback.id, site.call.head.start)
                    if server is not None and server.module.name != entry.module.name and key not in seen:
                        seen.add(key)
                        yield Ask(entry, callback, clause, site, request, path, server)


def _sites_from(graph: CallGraph, callback: Function, clause: Clause) -> Iterator[Site]:
    """The calls that run when a clause of a callback does, those in the functions behind it included."""
    own = [call for call in clause.calls if call.runs == "here"]
    for call in own:
        yield Site(graph.module, callback, clause, call)
    targets = [target for call in own if (target := graph.target(call)) is not None]
    for function_id in graph.reached(targets):
        function = graph.functions[function_id]
        for inner in function.clauses:
            for call in inner.calls:
                if call.runs == "here":
                    yield Site(graph.module, function, inner, call)


def _requests_at(project: Project, entry: ModuleEntry, site: Site) -> Iterator[tuple[Request, str]]:
    """The waiting calls at a site; of a pid that is only known at run time nothing is said."""
    message = sent_by(site.call)
    if message is not None:
        way, server, content = message
        if way == "call" and looked_up(server).kind in ("module", "atom") and not is_self(server):
            yield Request(way, addressee(entry.module, server), content, site.call), entry.path
    elif site.call.module != entry.module.name:
        for path, request in sent_through(project, site.call):
            if request.way == "call" and not _is_asked_elsewhere_first(project, site.call, request):
                yield request, path


def _is_asked_elsewhere_first(project: Project, call: Call, request: Request) -> bool:
    """The client function looks into an ETS table first, and asks the server in some cases only."""
    if not request.call.branch:
        return False
    entry = project.modules[call.module]
    function = entry.module.function(call.name, call.arity)
    clauses = function.clauses if function is not None else ()
    return any(inner.module in (":ets", ":persistent_term") for clause in clauses for inner in clause.calls)
