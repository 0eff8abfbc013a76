"""Who calls functions of a module from outside it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from otp_genesis_analyzers.facts.calls.sites import Site, sites
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.project import Project


def outside_calls(project: Project, module: Module, functions: Collection[Function]) -> Iterator[Site]:
    """The calls of public functions from other modules of the application; tests are left out."""
    public = [function for function in functions if function.public]
    names = {function.name for function in public}
    for facts in project.naming(module.name, calling=names, in_application=True) if public else ():
        for other in facts.modules:
            for site in sites(other) if other.name != module.name else ():
                call = site.call
                if call.module == module.name and any(
                    function.name == call.name and function.accepts(call.arity) for function in public
                ):
                    yield site
