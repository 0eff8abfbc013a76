"""What one file says while it is typed in. Pure: the folder calls it in threads, on immutable data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePath
from time import thread_time
from typing import NamedTuple

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import load_config
from otp_genesis_analyzers.discovery import find_apps
from otp_genesis_analyzers.facts.processes.kinds import explained
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.last_good import carried_over, moved, retyped, seen_unfinished, typed_since
from otp_genesis_analyzers.project import FileAnalysis, FileSettings, Project
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.rules.cards import find_card
from otp_genesis_analyzers.rules.contract import Rule
from otp_genesis_analyzers.source import Source
from otp_genesis_server.lsp.workspace.snapshot import Snapshot, reader

SLOW_SECONDS = 0.008
"""A file that takes longer is analysed when typing pauses. Until then what was found moves along."""


class Context(NamedTuple):
    """What an analysis depends on besides the text."""

    role: Role
    settings: FileSettings
    in_project: bool
    """The other files of the project are known."""


@dataclass(frozen=True)
class FileState:
    """The text of one file, what it gave, and the findings of the rules that look at one file."""

    source: Source
    read: FileAnalysis
    read_from: Source
    """The text that was read: this one, or a healthy one before it."""
    findings: tuple[Finding, ...]
    context: Context
    seconds: float
    """How long a processor was at it."""
    settled: bool = True
    """False while what was found in the text before stands in for what is in this one."""
    can_wait: bool = True
    """All that was found in the text before still stands; else what is in this one is to be seen at once."""

    @property
    def carried_over(self) -> bool:
        return self.read_from is not self.source

    @property
    def healthy(self) -> bool:
        """Surely not in the middle of being typed. What the gate keeps out is not known to be."""
        return not (self.carried_over or self.read.facts.broken or self.read.facts.unread)

    @cached_property
    def analysis(self) -> FileAnalysis:
        """What was read, in the places of this text: moved when somebody asks, not at each keystroke."""
        return carried_over(self.source, self.read_from, self.read) if self.carried_over else self.read


class States(NamedTuple):
    newest: FileState
    healthy: FileState | None
    """The newest that is healthy, if there was one."""


def states_of(
    snapshot: Snapshot, path: str, before: Source | None, healthy: FileState | None, *, paused: bool
) -> States | None:
    """Analyse one file in the light of its project; None when there is no text to be read.

    `before` is the text shown last, `healthy` the last state that was not half typed. They spare parsing
    and reading what is still the same. `paused` says that typing has paused, so that it may take long.
    """
    project = snapshot.project
    source = engine.read_source(path, project.read)
    if source is None:
        return None
    if healthy is None and path in snapshot.documents:
        healthy = _saved(snapshot, path)
    elif healthy is not None and healthy.context != _context(project, path):
        healthy = _state_of(project, healthy.source)
    if healthy is None:
        newest = _state_of(project, retyped(before, source.content) if before else source)
    else:
        newest = _state_after(project, healthy, retyped(healthy.source, source.content), paused=paused)
    return States(newest, newest if newest.healthy else healthy)


def first_states_of(
    snapshot: Snapshot, path: str, before: Source | None, healthy: FileState | None, *, paused: bool
) -> States | None:
    """One file of a folder that was not read yet, with the findings that nothing in it can take back."""
    read = snapshot.project.read
    above = [f"{folder}/mix.exs" for folder in PurePath(path).parents if folder != PurePath()]
    apps = find_apps(["mix.exs", *above], read)
    config, _ = load_config(snapshot.root, [app.folder for app in apps], read)
    project = Project(apps, {}, read, config)
    states = states_of(replace(snapshot, project=project), path, before, healthy, paused=paused)
    if states is None:
        return None
    settled = explained(states.newest.read.facts)
    findings = tuple(finding for finding in states.newest.findings if settled and _stands_alone(finding))
    return states._replace(newest=replace(states.newest, findings=findings))


def carried_findings(findings: Iterable[Finding], before: Source | None, now: Source) -> Iterator[Finding]:
    """Findings that only the whole project shows, moved by what was typed, until it is checked again."""
    carried = [f for f in findings if (card := find_card(f.code)) and card.project_wide]
    if carried:
        typed = typed_since(before or now, now)
        yield from (moved(finding, typed) for finding in carried if not typed.touches(finding.span))


def _saved(snapshot: Snapshot, path: str) -> FileState | None:
    """What the disk holds under a document that was just opened, perhaps half typed."""
    source = engine.read_source(path, reader(snapshot.root, {}))
    state = _state_of(snapshot.project, source) if source else None
    return None if state is None or state.read.facts.broken else state


def _state_of(project: Project, source: Source, healthy: FileState | None = None) -> FileState:
    begun, context = thread_time(), _context(project, source.path)
    if healthy is None:
        analysis = engine.analyze(source, context.role, context.settings)
    else:
        analysis = engine.reanalyze(source, context.role, healthy.source, healthy.read, context.settings)
        if analysis is None:
            return _moved(healthy, source)
    with_it = project.with_file(source.path, analysis)
    findings = engine.check_file(with_it, project.config, source.path)
    return FileState(source, analysis, source, findings, context, thread_time() - begun)


def _state_after(project: Project, healthy: FileState, source: Source, *, paused: bool) -> FileState:
    if paused or healthy.seconds < SLOW_SECONDS:
        return _state_of(project, source, healthy)
    state = _moved(healthy, source)
    return replace(
        state,
        settled=seen_unfinished(source, healthy.source),
        can_wait=len(state.findings) == len(healthy.findings),
    )


def _moved(healthy: FileState, now: Source) -> FileState:
    """What was found in a healthy text and not typed in since, for the text that it is now."""
    findings = healthy.findings
    if findings:
        typed = typed_since(healthy.source, now)
        findings = tuple(moved(finding, typed) for finding in findings if not typed.touches(finding.span))
    return replace(healthy, source=now, findings=findings)


def _context(project: Project, path: str) -> Context:
    return Context(project.role_of(path), project.settings_of(path), bool(project.files))


def _stands_alone(finding: Finding) -> bool:
    card = find_card(finding.code)
    return card is not None and (card.rule.refined_by_app or type(card.rule).refine is Rule.refine)
