"""Where in a list of children a supervisor of tasks belongs.

Children start from first to last and stop from last to first. The supervisor must run before
the first child that may start a task, and must end before what the tasks rely on (the
repository, the PubSub) is gone: so it goes as late as its users allow, never simply first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otp_genesis_analyzers.facts.model import FileFacts, Module
from otp_genesis_analyzers.project import MixApp
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.whole_project import WholeProject

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
_MAX_STEPS = 4
"""Over how many modules a child is followed; further off, nearly everything leads to everything."""

_CODES = frozenset({"OTP101", "OTP102", "OTP103"})
"""The rules whose fixes start tasks: where they find something, tasks will be started."""


def position_before_users(
    whole: WholeProject, children: Sequence[Sequence[str]], starting: frozenset[str]
) -> int:
    """The index of the first child that may start a task; the number of children when none may.

    `children` are the modules that each child names, its own first; `starting` are the modules
    that start tasks themselves. A child may start one that it leads to through what it names.
    """
    for index, modules in enumerate(children):
        if modules and _may_start(whole, modules, starting):
            return index
    return len(children)


def _may_start(whole: WholeProject, modules: Sequence[str], starting: frozenset[str]) -> bool:
    own = modules[0]
    last_name = own.rpartition(".")[2]
    if own in _INFRASTRUCTURE or last_name in _INFRASTRUCTURE_NAMES:
        return own in starting
    if own in _ENTRANCES or last_name in _ENTRANCE_NAMES:
        return True
    seen, reached = set[str](), set(modules)
    for _ in range(_MAX_STEPS):
        if not starting.isdisjoint(reached):
            return True
        seen |= reached
        reached = {name for module in reached for name in _named_by(whole, module)} - seen
    return False


def starting_modules(whole: WholeProject, app: MixApp) -> frozenset[str]:
    """The modules of an app in which the rules find a start, so that a task will be started there."""
    return frozenset(
        _module_at(analysis.facts, finding.span)
        for path, analysis in whole.project.files.items()
        for finding in analysis.findings
        if finding.code in _CODES and whole.project.app_of(path) == app
    )


def _module_at(facts: FileFacts, span: Span) -> str:
    """The innermost module: of those around a place, the one that starts last."""
    around = [module for module in facts.modules if module.span.contains(span)]
    return max(around, key=lambda module: module.span.start).name if around else ""


def _named_by(whole: WholeProject, module: str) -> Iterable[str]:
    """The modules of the project that a module names."""
    entry = whole.module(module)
    return _named_in(entry.module, whole.facts(entry.path)) if entry is not None else ()


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
