"""What a project's changed files already say at run time: the telemetry events that show how they fare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from otp_genesis_analyzers.facts.calls.sites import production_modules, sites
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.terms import Term

_OF_LIBRARIES: Mapping[str, str] = {
    "Oban.Worker": "[:oban, :job, :exception]",
    "Broadway": "[:broadway, :processor, :message, :exception]",
    "Phoenix.Router": "[:phoenix, :router_dispatch, :exception]",
    "Phoenix.LiveView": "[:phoenix, :live_view, :handle_event, :exception]",
    "Phoenix.Channel": "[:phoenix, :channel_handled_in]",
}
"""The event that a library emits of a module which uses it."""


def signals(project: Project, paths: Iterable[str]) -> dict[str, list[str]]:
    """The events, as they are written, with the files that each is about."""
    found: dict[str, list[str]] = {}
    for path in sorted(set(paths)):
        if path in project.files and project.role_of(path).is_application_code:
            for module in production_modules(project.all_facts(path), project.role_of(path)):
                for event in _events(module):
                    found.setdefault(event, []).append(path)
    return {event: list(dict.fromkeys(files)) for event, files in found.items()}


def _events(module: Module) -> Iterator[str]:
    for use in module.uses:
        if use.module in _OF_LIBRARIES:
            yield _OF_LIBRARIES[use.module]
    for site in sites(module):
        event = _emitted(site.call)
        if event:
            yield event


def _emitted(call: Call) -> str:
    """The event of `:telemetry.execute/3`, or the end of what `:telemetry.span/3` measures."""
    if not call.is_to(":telemetry", "execute", "span") or not call.args:
        return ""
    name: Term = call.args[0]
    if name.kind != "list" or not name.items or any(item.kind != "atom" for item in name.items):
        return ""
    parts = [item.value for item in name.items] + (["stop"] if call.name == "span" else [])
    return f"[{', '.join(f':{part}' for part in parts)}]"
