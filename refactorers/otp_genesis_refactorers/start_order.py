"""Where in a list of children a supervisor of tasks belongs.

Children start from first to last and stop from last to first. The supervisor must run before
the first child that may start a task, and must end before what the tasks rely on (the
repository, the PubSub) is gone: so it goes as late as its users allow, never simply first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otp_genesis_analyzers.facts.model import FileFacts, Module
from otp_genesis_analyzers.project import MixApp, Project

_INFRASTRUCTURE = frozenset(
    {
        "Cluster.Supervisor",
        "DNSCluster",
        "DynamicSupervisor",
        "Finch",
        "PartitionSupervisor",
        "Phoenix.PubSub",
        "Registry",
        "Task.Supervisor",
    }
)
_INFRASTRUCTURE_NAMES = frozenset({"Repo", "PubSub", "Telemetry", "Registry", "Vault"})
"""Last parts of module names by which such children usually go."""
_ENTRANCES = frozenset({"Bandit", "Oban", "Plug.Cowboy", "ThousandIsland"})
_ENTRANCE_NAMES = frozenset({"Endpoint"})
"""Children through which work comes in that may end up anywhere."""

_CODES = frozenset({"OTP101", "OTP102", "OTP103"})
"""The rules whose fixes start tasks: where they find something, tasks will be started."""


def position_before_users(
    children: Sequence[Sequence[str]], starting: frozenset[str], leading: frozenset[str]
) -> int:
    """The index of the first child that may start a task; the number of children when none may.

    `children` are the modules that each child names, its own first. `starting` are the modules
    that start tasks themselves, `leading` all that lead to one of these through what they name.
    """
    for index, modules in enumerate(children):
        if modules and _may_start(modules, starting, leading):
            return index
    return len(children)


def _may_start(modules: Sequence[str], starting: frozenset[str], leading: frozenset[str]) -> bool:
    own = modules[0]
    last_name = own.rpartition(".")[2]
    if own in _INFRASTRUCTURE or last_name in _INFRASTRUCTURE_NAMES:
        return own in starting
    if own in _ENTRANCES or last_name in _ENTRANCE_NAMES:
        return True
    return not leading.isdisjoint(modules)


def starting_modules(project: Project, app: MixApp, rewritten: Iterable[str]) -> frozenset[str]:
    """The modules of the files `rewritten` and of the app's others in which a task will be started."""
    paths = {
        *rewritten,
        *(
            path
            for path, analysis in project.files.items()
            if any(finding.code in _CODES for finding in analysis.findings) and project.app_of(path) == app
        ),
    }
    return frozenset(module.name for path in paths for module in project.files[path].facts.modules)


def leading_to(project: Project, modules: frozenset[str], without: str) -> frozenset[str]:
    """Every module that names one of `modules`, at first or at last hand.

    `without` is the application module, which names all its children.
    """
    named_by: dict[str, list[str]] = {}
    for analysis in project.files.values():
        for module in analysis.facts.modules:
            for name in _named_in(module, analysis.facts):
                named_by.setdefault(name, []).append(module.name)
    found, waiting = set(modules), list(modules)
    while waiting:
        new = set(named_by.get(waiting.pop(), ())) - found - {without}
        found |= new
        waiting += new
    return frozenset(found)


def _named_in(module: Module, facts: FileFacts) -> Iterable[str]:
    """What a module names; where it shares its file with others, what it calls and hands to OTP."""
    if len(facts.modules) == 1:
        return facts.references
    calls = [call for function in module.functions for clause in function.clauses for call in clause.calls]
    terms = (term for call in calls for argument in call.args for term in argument.walk())
    return {
        *(call.module for call in calls),
        *(use.module for use in module.uses),
        *(term.value for term in terms if term.kind == "module"),
        *(child.module for children in module.child_lists for child in children.children),
    }
