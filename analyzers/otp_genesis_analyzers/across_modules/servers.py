"""Which server of the project answers to a name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from otp_genesis_analyzers.across_modules.registered_children import registration
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.processes.registered_names import registered_names
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.terms import Term


def server_named(project: Project, name: Term) -> ModuleEntry | None:
    """The server registered as `Shop.Mailer` or `:mailer`, where the project shows exactly one.

    A module's own name counts for a server that doesn't say how it is registered.
    """
    found = {
        **project.derived(_by_registered_name).get(name, {}),
        **project.derived(_by_name_of_child).get(_as_text(name), {}),
    }
    if found:
        return next(iter(found.values())) if len(found) == 1 else None
    entry = _of_application(project, name.value) if name.kind == "module" else None
    return entry if entry is not None and kinds(entry.module) & SERVERS else None


def server_in_registry(project: Project, registry: str) -> ModuleEntry | None:
    """The server that takes its names in the Registry `Shop.Names`, where it is the only one that does."""
    found = [
        entry
        for entry in project.application_modules.values()
        if kinds(entry.module) & SERVERS and registration(project, entry, registry) is not None
    ]
    return found[0] if len(found) == 1 else None


def _by_registered_name(project: Project) -> Mapping[Term, Mapping[str, ModuleEntry]]:
    """The servers by what they register themselves as, each under its module."""
    found: dict[Term, dict[str, ModuleEntry]] = defaultdict(dict)
    for entry in project.application_modules.values():
        names = registered_names(entry.module)
        if names and kinds(entry.module) & SERVERS:
            for name in names:
                found[name][entry.module.name] = entry
    return dict(found)


def _by_name_of_child(project: Project) -> Mapping[str, Mapping[str, ModuleEntry]]:
    """The modules by the `name:` that a list of children gives them."""
    found: dict[str, dict[str, ModuleEntry]] = defaultdict(dict)
    for entry in project.application_modules.values():
        for children in entry.module.child_lists:
            for child in children.children:
                entry = _of_application(project, child.module) if child.name else None
                if entry is not None:
                    found[child.name][child.module] = entry
    return dict(found)


def _of_application(project: Project, name: str) -> ModuleEntry | None:
    """A module that runs in production, also one that holds no word of any rule."""
    entry = project.outline(name)
    return entry if entry is not None and project.role_of(entry.path).is_application_code else None


def _as_text(name: Term) -> str:
    """A name as child lists keep it: `Shop.Mailer`, `:mailer`."""
    return f":{name.value}" if name.kind == "atom" else name.value
