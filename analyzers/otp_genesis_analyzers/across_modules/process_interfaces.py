"""Processes that are addressed past the functions of their module: by name, from other modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from otp_genesis_analyzers.across_modules.message_map import messages
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, sites
from otp_genesis_analyzers.facts.messages.client_api import looked_up
from otp_genesis_analyzers.facts.processes.addresses import constant_name
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.facts.processes.registered_names import registered_names
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.terms import Term

_USES_OF_AGENTS = frozenset({"cast", "get", "get_and_update", "update"})


class Bypass(NamedTuple):
    """A call, a cast or a use of an agent in the file at `path`, whose process `server` is."""

    path: str
    site: Site
    server: ModuleEntry


def bypasses(project: Project) -> Iterator[Bypass]:
    """Every place in the application code that addresses a process of a module not akin to its own."""
    for message in messages(project):
        site = message.sent.site
        if message.sent.way in ("call", "cast") and not is_on_other_node(message.sent.server):
            bypass = Bypass(message.path, site, message.server)
            if not are_akin(site.module.name, message.server.module.name) and _may_name(project, bypass):
                yield bypass
    agents = project.derived(_agents)
    for path, analysis in sorted(project.files.items() if agents else ()):
        for module in production_modules(analysis.facts, project.role_of(path)):
            for site in sites(module):
                if (
                    site.call.is_to("Agent", *_USES_OF_AGENTS)
                    and site.call.args
                    and site.call.form != "capture"
                ):
                    agent = agents.get(constant_name(looked_up(site.call.args[0])))
                    if agent is not None and not are_akin(module.name, agent.module.name):
                        yield Bypass(path, site, agent)


def are_akin(one: str, other: str) -> bool:
    """One stands in the namespace of the other, or both in one below the application's own.

    `Shop.Cart` may be the face of `Shop.Cart.Server`, and so may `Shop.Cart.Client`.
    """
    if one == other or one.startswith(f"{other}.") or other.startswith(f"{one}."):
        return True
    parent = one.rpartition(".")[0]
    return parent == other.rpartition(".")[0] and "." in parent


def is_on_other_node(server: Term) -> bool:
    """`{name, node}`: which modules both nodes have is not known."""
    return looked_up(server) != server and server.kind == "tuple"


def _may_name(project: Project, bypass: Bypass) -> bool:
    """The server is in the same application, or in one that this one lists as a dependency.

    Any other application of an umbrella can only be reached by the names of its processes.
    """
    app, other = project.app_of(bypass.path), project.app_of(bypass.server.path)
    if app is None or other is None or app == other:
        return True
    mix_file = f"{app.folder}/mix.exs" if app.folder else "mix.exs"
    try:
        dependencies = project.read(mix_file).replace(b" ", b"")
    except OSError:
        return False
    return f"{{:{other.name},".encode() in dependencies


def _agents(project: Project) -> Mapping[str, ModuleEntry]:
    """The agents with a module of their own, by the names that they register."""
    return {
        constant_name(name): entry
        for entry in project.application_modules.values()
        if "Agent" in kinds(entry.module)
        for name in registered_names(entry.module)
    }
