"""Which server of the project answers to a name."""

from __future__ import annotations

from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.processes.registered_names import registered_names
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.terms import Term


def server_named(project: Project, name: Term) -> ModuleEntry | None:
    """The server registered as `Shop.Mailer` or `:mailer`, where the project shows exactly one.

    A module's own name counts for a server that doesn't say how it is registered.
    """
    found = {entry.module.name: entry for entry in project.modules.values() if _is_registered_as(entry, name)}
    found |= {
        child.module: project.modules[child.module]
        for entry in project.modules.values()
        for children in entry.module.child_lists
        for child in children.children
        if child.name and child.name == _as_text(name) and child.module in project.modules
    }
    if found:
        return next(iter(found.values())) if len(found) == 1 else None
    entry = project.modules.get(name.value) if name.kind == "module" else None
    return entry if entry is not None and kinds(entry.module) & SERVERS else None


def _is_registered_as(entry: ModuleEntry, name: Term) -> bool:
    return name in registered_names(entry.module) and bool(kinds(entry.module) & SERVERS)


def _as_text(name: Term) -> str:
    """A name as child lists keep it: `Shop.Mailer`, `:mailer`."""
    return f":{name.value}" if name.kind == "atom" else name.value
