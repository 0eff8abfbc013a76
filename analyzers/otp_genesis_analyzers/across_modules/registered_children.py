"""Supervisors whose children are kept by name in a Registry that stands beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.sites import sites
from otp_genesis_analyzers.facts.model import Call, Child, Clause
from otp_genesis_analyzers.facts.processes.addresses import constant_name
from otp_genesis_analyzers.facts.processes.starts import start_of
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.supervision import SupervisorNode, forest
from otp_genesis_analyzers.terms import Term

MAX_RESTARTED_TOGETHER = 8
"""In longer lists too much would be restarted with the registry."""


class Coupled(NamedTuple):
    """In the list of `node`, the children of `supervisor` register in `registry`, by `call` in `worker`."""

    node: SupervisorNode
    registry: Child
    supervisor: Child
    worker: ModuleEntry
    call: Call

    @property
    def in_order(self) -> bool:
        """The registry is started first."""
        children = self.node.children.children
        return children.index(self.registry) < children.index(self.supervisor)

    @property
    def in_long_list(self) -> bool:
        return len(self.node.children.children) > MAX_RESTARTED_TOGETHER


def coupled_children(project: Project) -> Iterator[Coupled]:
    """Every registry with a dynamic supervisor beside it that relies on it."""
    for node in forest(project).nodes:
        is_whole = node.children.kind == "static" and node.module.complete
        children = node.children.children if is_whole else ()
        registries = [child for child in children if child.module == "Registry" and child.name]
        for supervisor in children if registries else ():
            if _is_dynamic(project, supervisor):
                for registry in registries:
                    found = _registering(project, supervisor, registry.name)
                    if found is not None:
                        yield Coupled(node, registry, supervisor, *found)


def _is_dynamic(project: Project, child: Child) -> bool:
    if child.module == "PartitionSupervisor" and child.argument is not None:
        return any(term.value == "DynamicSupervisor" for term in child.argument.walk())
    if child.module == "DynamicSupervisor":
        return True
    entry = project.application_modules.get(child.module)
    return entry is not None and any(use.module == "DynamicSupervisor" for use in entry.module.uses)


def _registering(project: Project, supervisor: Child, registry: str) -> tuple[ModuleEntry, Call] | None:
    """A module that is started under the supervisor, and where it registers."""
    names = {supervisor.name, supervisor.module} - {"", "DynamicSupervisor", "PartitionSupervisor"}
    for node in forest(project).nodes:
        if node.children.kind == "dynamic" and node.children.supervisor in names:
            for child in node.children.children:
                entry = project.application_modules.get(child.module)
                call = registration(project, entry, registry) if entry is not None else None
                if entry is not None and call is not None:
                    return entry, call
    return None


def registration(project: Project, entry: ModuleEntry, registry: str) -> Call | None:
    """The call by which a module takes a name in the registry, at its start or later."""
    for site in sites(entry.module):
        call = site.call
        if call.is_to("Registry", "register") and call.args and constant_name(call.args[0]) == registry:
            return call
        start = start_of(call)
        if start is None or start.name is None or start.module not in ("", entry.module.name):
            continue
        if _kept_in(start.name) == registry:
            return call
        is_made = start.name.kind == "call" or _is_made_before(site.clause, start.name)
        if is_made and registry.lstrip(":") in project.all_facts(entry.path).mentions:
            return call
    return None


def _is_made_before(clause: Clause, name: Term) -> bool:
    """A variable that the function binds itself: `name = {:via, Registry, {Shop.Names, id}}`."""
    given = (part for parameter in clause.head for part in parameter.walk())
    return name.kind == "variable" and name not in given


def _kept_in(name: Term) -> str:
    """The registry in `{:via, Registry, {Shop.Names, key}}`, also as the name in the options."""
    for term in name.walk():
        if term.tag == "via" and len(term.items) == 3 and term.items[1].value == "Registry":
            key = term.items[2]
            return constant_name(key.items[0]) if key.kind == "tuple" and key.items else ""
    return ""
