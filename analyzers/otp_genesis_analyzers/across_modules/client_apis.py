"""The client functions of the whole project: what a call of another module asks of which server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from otp_genesis_analyzers.across_modules.servers import server_named
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.certain_calls import calls_run_by
from otp_genesis_analyzers.facts.calls.sites import production_modules, sites
from otp_genesis_analyzers.facts.messages.client_api import ClientApi, Request, client_api, looked_up
from otp_genesis_analyzers.facts.messages.shapes import sent_by
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.terms import Term


class ModuleApi(NamedTuple):
    """`path` is the file of the module, `functions` what each of its public functions sends."""

    path: str
    functions: ClientApi


def client_apis(project: Project) -> Mapping[str, ModuleApi]:
    """By module name, for every module of the application code that sends anything to a server."""
    return project.derived(_client_apis)


class SentFrom(NamedTuple):
    """A request, and the file in which it is sent."""

    path: str
    request: Request


def sent_through(project: Project, call: Call) -> tuple[SentFrom, ...]:
    """What a call of a function of another module sends, in the process that makes the call.

    A module that stands before the server's own, as a facade does, is looked through.
    """
    return _sent_by_function_of(project, call) or tuple(_sent_behind(project, call))


def _sent_by_function_of(project: Project, call: Call) -> tuple[SentFrom, ...]:
    api = client_apis(project).get(call.module)
    entry = project.modules.get(call.module)
    if api is None or entry is None:
        return ()
    function = entry.module.function(call.name, call.arity)
    requests = api.functions.get(function.id, ()) if function is not None else ()
    return tuple(SentFrom(api.path, request) for request in requests)


def _sent_behind(project: Project, call: Call) -> Iterator[SentFrom]:
    """What the function surely sends by the client functions of other modules."""
    if not call.module[:1].isupper() or project.derived(_before_apis).isdisjoint(
        project.paths_defining(call.module)
    ):
        return
    callee = project.callee(call)
    if callee is None or not callee[1].public:
        return
    entry, function = callee
    for run in calls_run_by(call_graph(entry.module), function):
        if run.certain and run.call.module not in ("", entry.module.name):
            for sent in _sent_by_function_of(project, run.call):
                if not sent.request.call.branch:
                    yield sent


def server_asked(project: Project, request: Request) -> ModuleEntry | None:
    """The server of the project that a request goes to."""
    if request.server.startswith(":"):
        return server_named(project, Term("atom", request.server[1:]))
    entry = project.application_modules.get(request.server)
    if entry is not None and kinds(entry.module) & SERVERS:
        return entry
    return server_named(project, Term("module", request.server)) if request.server else None


def goes_by_name(request: Request) -> bool:
    """It goes to a registered name, so that all who send it reach one and the same process."""
    return looked_up(request.call.args[0]).kind in ("module", "atom")


def _client_apis(project: Project) -> Mapping[str, ModuleApi]:
    found: dict[str, ModuleApi] = {}
    for path, analysis in project.files.items():
        for module in production_modules(analysis.facts, project.role_of(path)):
            if _sends(module) and (api := client_api(call_graph(module))):
                found[module.name] = ModuleApi(path, api)
    return found


def _before_apis(project: Project) -> frozenset[str]:
    """The files that may call a client function."""
    return project.paths_naming_any(client_apis(project))


def _sends(module: Module) -> bool:
    return any(sent_by(site.call) is not None for site in sites(module))
