"""Playbooks: for flaws that no local edit mends, the structure to reach, the order, and what proves it.

A playbook is a file of `prompts/`, named as the rule, and one for each way that a person can choose between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

from otp_genesis_analyzers.facts.state.cohesion import Cluster, clusters
from otp_genesis_analyzers.facts.state.server_state import ServerState, server_state
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import MixApp, Project
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.supervision import forest
from otp_genesis_refactorers.gates.trial import Goal

_MIN_CLUSTER = 2


@dataclass(frozen=True)
class Way:
    """One way to go about it. `name` is what a command line or an editor names it by."""

    name: str
    title: str
    text: str
    """For the model."""
    about: str = ""
    """What belongs to it in words of the project: data, to be fenced."""
    goal: Goal | None = None
    """What the change must reach where it is a step, after which the finding may still be there."""


@dataclass(frozen=True)
class Playbook:
    text: str
    ways: tuple[Way, ...]
    """The first is the one that suits the project best. Never empty."""

    def way(self, name: str) -> Way | None:
        return next((way for way in self.ways if way.name == name), None)


def prompt(name: str) -> str:
    """A text of `prompts/`, by its name."""
    return (files("otp_genesis_refactorers.llm") / "prompts" / f"{name}.md").read_text(encoding="utf-8")


def playbook_of(finding: Finding, project: Project) -> Playbook | None:
    """None for a finding that an edit at its place can mend, or where none of the ways is open."""
    name = finding.name.replace("-", "_")
    make = _PLAYBOOKS.get(name)
    ways = tuple(make(finding, project)) if make is not None else ()
    return Playbook(prompt(name), ways) if ways else None


def _stores(finding: Finding, project: Project) -> Iterator[Way]:
    if _has_repo(project, finding):
        yield Way("repo", "keep it with the project's Repo", prompt("volatile_state_repo"))
    yield Way("ets", "keep it in an ETS table with an owner of its own", prompt("volatile_state_ets"))
    yield Way("dets", "keep it in a DETS file", prompt("volatile_state_dets"))


def _dispatches(finding: Finding, project: Project) -> Iterator[Way]:
    yield Way("call", "call what the handler drove", prompt("telemetry_control_flow_call"))
    app = project.app_of(finding.path)
    if app is not None and _starts(project, app, "Phoenix.PubSub"):
        yield Way("pubsub", "broadcast with Phoenix.PubSub", prompt("telemetry_control_flow_pubsub"))
    yield Way("registry", "dispatch through a Registry", prompt("telemetry_control_flow_registry"))


def _groups(finding: Finding, project: Project) -> Iterator[Way]:
    """A way for each group of messages but the largest, which stays where it is."""
    state = _state_of(finding.scope, finding.path, project)
    found = [group for group in clusters(state) if len(group.messages) >= _MIN_CLUSTER] if state else []
    for group in found[1:]:
        messages = ", ".join(f"`{message}`" for message in group.messages)
        fields = ", ".join(f"`{field}`" for field in group.fields)
        yield Way(
            "-".join(group.fields),
            f"take out what belongs to {', '.join(group.fields)}",
            "### The group to take out",
            f"of {finding.scope}: the messages {messages}, with {fields}",
            lambda trial, group=group: _left_behind(trial.after, finding, group),
        )


_PLAYBOOKS: Mapping[str, Callable[[Finding, Project], Iterator[Way]]] = {
    "volatile_state": _stores,
    "god_process": _groups,
    "telemetry_control_flow": _dispatches,
}


def _left_behind(project: Project, finding: Finding, group: Cluster) -> str:
    """What of a group its old server still has; empty when it is out of it."""
    state = _state_of(finding.scope, finding.path, project)
    if state is None:
        return f"{finding.scope} is no longer in {finding.path}"
    messages = sorted(state.by_tag().keys() & set(group.messages))
    used = [message.use.reads | message.use.writes for message in state.messages]
    fields = sorted(frozenset[str]().union(*used) & set(group.fields))
    if messages or fields:
        what = ", ".join([*messages, *fields])
        return f"{finding.scope} still has {what}, which this step takes out of it"
    return ""


def _state_of(module: str, path: str, project: Project) -> ServerState | None:
    if path not in project.files:
        return None
    facts = project.all_facts(path)
    found = next((each for each in facts.modules if each.name == module), None)
    return server_state(Source(path, project.read(path)), facts, found) if found is not None else None


def _has_repo(project: Project, finding: Finding) -> bool:
    app = project.app_of(finding.path)
    return app is not None and any(
        use.module == "Ecto.Repo"
        for facts in project.files_of(app)
        for module in facts.modules
        for use in module.uses
    )


def _starts(project: Project, app: MixApp, module: str) -> bool:
    return any(
        child.module == module for node in forest(project).of_app(app) for child in node.children.children
    )
