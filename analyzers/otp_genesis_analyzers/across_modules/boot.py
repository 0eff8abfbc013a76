"""What runs while an application starts, and never again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from otp_genesis_analyzers.across_modules.outside_calls import outside_calls
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.project import Project

Runs = Literal["at boot", "later", "unknown"]
"""Unknown: nobody in the project calls it, so perhaps a person does."""

_INITIALISED_AT_BOOT = frozenset({"Ecto.Repo", "Phoenix.Endpoint"})
_MAX_HOPS = 4


def belongs_to_boot(module: Module, function: Function) -> bool:
    """Run by the start of the application, by a supervisor, or by what those start first."""
    if kinds(module) & {"Application", "Supervisor"}:
        return True
    return function.id == "init/2" and any(use.module in _INITIALISED_AT_BOOT for use in module.uses)


def when_run(project: Project, module: Module, function: Function, hops: int = _MAX_HOPS) -> Runs:
    """At boot where every caller is, and those that call them in turn."""
    if belongs_to_boot(module, function):
        return "at boot"
    callers = list(_callers(project, module, function)) if hops else []
    if not callers:
        return "later" if hops == 0 else "unknown"
    found = {when_run(project, site.module, site.function, hops - 1) for site in callers}
    return "at boot" if found == {"at boot"} else "later"


def is_started_by_application(project: Project, module: Module, function: Function) -> bool:
    """Called by nothing but the `start/2` of applications, so that what it starts is theirs."""
    callers = list(_callers(project, module, function))
    return bool(callers) and all(
        "Application" in kinds(site.module) and site.function.id == "start/2" and site.call.runs == "here"
        for site in callers
    )


def _callers(project: Project, module: Module, function: Function) -> Iterator[Site]:
    """Every call of a function in application code, but for its own recursion."""
    for caller, clause, call in call_graph(module).callers(function):
        if caller is not function:
            yield Site(module, caller, clause, call)
    yield from outside_calls(project, module, [function])
