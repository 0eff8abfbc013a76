"""Tasks that are started under a Task.Supervisor: it has no list of them, each call adds one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.sites import production_modules, sites
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.processes.addresses import addressed_name
from otp_genesis_analyzers.forest.model import Place, Process
from otp_genesis_analyzers.project import MixApp, Project

_ADD = ("start_child", "async", "async_nolink", "async_stream", "async_stream_nolink")


class SupervisedTask(NamedTuple):
    app: MixApp | None
    supervisor: str
    """The registered name; empty when only the run time knows it."""
    process: Process


def supervised_tasks(project: Project) -> Iterator[SupervisedTask]:
    """One for each function that starts tasks under a supervisor, in the order of their places."""
    for path, analysis in sorted(project.files.items()):
        found: dict[tuple[str, str], SupervisedTask] = {}
        for module in production_modules(analysis.facts, project.role_of(path)):
            for site in sites(module):
                if site.call.is_to("Task.Supervisor", *_ADD):
                    name = addressed_name(site.call.args[0]) if site.call.args else ""
                    process = Process(
                        role="worker",
                        started="dynamic",
                        module="Task",
                        restart=_restart_in(site.call),
                        starters=(site.scope,),
                        started_at=Place(path, site.call.head),
                    )
                    found.setdefault((site.scope, name), SupervisedTask(project.app_of(path), name, process))
        yield from found.values()


def _restart_in(call: Call) -> str:
    """Tasks are not restarted, unless an option of `start_child` says so."""
    options = call.args[-1] if call.name == "start_child" and call.args else None
    if options is None or options.kind != "list":
        return "temporary"
    restart = options.get("restart")
    return "temporary" if restart is None else restart.value if restart.kind == "atom" else ""
