"""Which process of the project comes to own a table that a function makes for its callers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from otp_genesis_analyzers.across_modules.outside_calls import outside_calls
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.processes.starts import belongs_to_start
from otp_genesis_analyzers.project import Project

Owner = Literal[
    "lasting",  # made at the start of the application, or by a server in a callback
    "passing",  # by a request, a task, any process
    "unknown",  # nobody in the project calls it
]

_MAX_HOPS = 3
"""How many modules up the callers are followed."""


def owner_of(project: Project, module: Module, entries: Iterable[Function], hops: int = _MAX_HOPS) -> Owner:
    """Lasting where one caller is: whoever comes later finds the table there."""
    found: list[Owner] = []
    for site in outside_calls(project, module, list(entries)):
        if _lasts(site):
            return "lasting"
        found.append(_owner_above(project, site, hops))
    if "lasting" in found:
        return "lasting"
    return "passing" if found else "unknown"


def _owner_above(project: Project, site: Site, hops: int) -> Owner:
    if hops == 0 or not site.function.public:
        return "passing"
    return owner_of(project, site.module, [site.function], hops - 1)


def _lasts(site: Site) -> bool:
    """Run by a supervisor, by the start of the application, or in the process of a server."""
    if site.call.runs == "elsewhere":
        return False
    found = kinds(site.module)
    graph = call_graph(site.module)
    if belongs_to_start(graph, site.function) or found & {"Application", "Supervisor"}:
        return True
    return bool(found & SERVERS) and site.function.id in callback_chains(graph)
