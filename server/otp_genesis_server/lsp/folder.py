"""One workspace folder: what is known of its project now, and how that follows the typing.

A `Folder` is only touched on the event loop. Threads get immutable data and give some back; a
result is taken only when the text it was computed from is still the newest. The findings of the
file that is typed in are shown at once, what needs the whole project follows when typing pauses.
Before the folder was read, open documents show what nothing in the project can take back.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Protocol

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import CONFIG_NAME, ConfigProblem, load_config
from otp_genesis_analyzers.discovery import SUFFIXES, elixir_files, find_apps, is_ignored
from otp_genesis_analyzers.facts.processes.kinds import explained
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.last_good import moved, retyped, typed_between, unfinished
from otp_genesis_analyzers.project import FileAnalysis, FileSettings, Project
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.rules import find_rule
from otp_genesis_analyzers.rules.contract import Rule
from otp_genesis_analyzers.source import Source
from otp_genesis_server.lsp.settings import Settings
from otp_genesis_server.lsp.snapshot import Document, Snapshot, reader

PROJECT_PAUSE_SECONDS = 0.2
"""How long typing must pause before the rules that need the whole project run again."""


class Surroundings(Protocol):
    """What a folder needs of the server around it."""

    @property
    def settings(self) -> Settings: ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run in the background; an exception is reported."""
        ...

    def publish(self, snapshot: Snapshot, path: str, findings: tuple[Finding, ...]) -> None:
        """Show these findings, perhaps none, in one file, and no others."""
        ...

    def log(self, message: str) -> None: ...

    def warn(self, message: str) -> None:
        """Tell the user what they can set right."""
        ...


@dataclass(frozen=True)
class FileState:
    """The text of one file, what it gave, and the findings of the rules that look at one file."""

    source: Source
    analysis: FileAnalysis
    findings: tuple[Finding, ...]
    healthy: bool
    """Not in the middle of being typed."""
    role: Role
    settings: FileSettings
    """What it was analysed with."""


class Folder:
    def __init__(self, root: Path, around: Surroundings, *, alone: bool = False, opened: bool = True) -> None:
        """`alone`: holds files that belong to no mix project. `opened`: the user opened the folder
        itself, so that findings are shown in all its files, not in the open ones only."""
        self.root = root
        self.alone = alone
        self.documents: dict[str, Document] = {}
        self.forgotten = False
        self.watching: asyncio.Task[None] | None = None
        """Ends with the folder."""
        self._around = around
        self._opened = opened
        self._loading = asyncio.Lock()
        self._loads_asked_for = 0
        self._config_problems: tuple[ConfigProblem, ...] = ()
        self._loaded = asyncio.Event()
        self._project: Project | None = None
        self._findings: dict[str, tuple[Finding, ...]] = {}
        self._shown: dict[str, tuple[Finding, ...]] = {}
        self._typed_in: dict[str, Source] = {}
        """The text of each open document that its findings fit."""
        self._healthy: dict[str, FileState] = {}
        """The newest healthy state of each open document."""
        self._revisions: Counter[str] = Counter()
        self._analyses: dict[str, asyncio.Task[None]] = {}
        self._check: asyncio.Task[None] | None = None
        self._check_due = 0.0

    # --- what happens to it ---------------------------------------------------------------------------

    async def load(self, on_progress: Callable[[int, int], None]) -> None:
        """Read all of it. `on_progress(done, total)` is called in a thread; what it raises ends the load.

        Of those that wait for the one before them, only the last one reads.
        """
        self._loads_asked_for = asked_for = self._loads_asked_for + 1
        async with self._loading:
            if asked_for != self._loads_asked_for:
                return
            revisions = self._revisions.copy()
            read = reader(self.root, self.documents)
            try:
                if self.alone:
                    self._project = Project((), {}, read)
                else:
                    await self._load_project(read, on_progress)
            finally:
                self._loaded.set()
        changed_meanwhile = {path for path, count in self._revisions.items() if count > revisions[path]}
        for path in changed_meanwhile | self.documents.keys():
            self._changed(path)
        self._check_after(0)

    def put(self, path: str, document: Document) -> None:
        """A document was opened, or its text has changed."""
        self.documents[path] = document
        self._changed(path)

    def close(self, path: str) -> None:
        """A document was closed: what the disk holds counts again."""
        for state in (self.documents, self._healthy, self._typed_in):
            state.pop(path, None)
        self._changed(path)

    def disk_changed(self, path: str) -> None:
        """Someone wrote, made or deleted a file. An open document is not touched by that."""
        if path not in self.documents:
            self._changed(path)

    def files_at(self, path: str) -> list[str]:
        """The files that a change of `path` is about: itself, or all in it that are known or on disk."""
        if path.endswith((*SUFFIXES, CONFIG_NAME)):
            return [path]
        if is_ignored(f"{path}/"):
            return []
        known = self._project.files if self._project else ()
        on_disk = (f"{path}/{file}" for file in elixir_files(self.root / path))
        return [*(file for file in known if file.startswith(f"{path}/")), *on_disk]

    async def current(self) -> Snapshot | None:
        """The folder as of now, once the texts typed so far are analysed; None before it was first read."""
        while self._analyses:
            # Not `gather`: who waits may be cancelled, and the analyses are for everyone.
            await asyncio.wait([*self._analyses.values()])
        return self._snapshot()

    async def read(self) -> Snapshot | None:
        """Like `current`, but once the folder was read; None when it can't be."""
        await self._loaded.wait()
        return await self.current()

    async def checked(self) -> Snapshot | None:
        """The folder once all rules have seen what was typed so far; None when it can't be read."""
        await self._loaded.wait()
        while self._analyses or (self._check and not self._check.done()):
            await self.current()
            if self._check:
                await asyncio.wait([self._check])
        return self._snapshot()

    def show(self) -> None:
        """The settings have changed: show what is to be shown now."""
        self._show(self._findings)

    def show_again(self) -> None:
        """Someone else spoke about these files meanwhile: say again what is known of them."""
        self._shown = {}
        self._show(self._findings)

    def forget(self) -> None:
        """Take back everything shown, and stay silent from now on."""
        self._show({})
        self.forgotten = True
        for task in (*self._analyses.values(), self._check, self.watching):
            if task:
                task.cancel()

    async def _load_project(
        self, read: Callable[[str], bytes], on_progress: Callable[[int, int], None]
    ) -> None:
        loaded = await asyncio.to_thread(engine.load, self.root, read=read, on_progress=on_progress)
        self._project = loaded.project
        for path in loaded.unparsed:
            self._around.log(f"{self.root / path} is left out: it can't be read as UTF-8 text")
        for problem in loaded.config_problems:
            if problem not in self._config_problems:
                self._around.warn(str(problem))
        self._config_problems = loaded.config_problems

    def _snapshot(self) -> Snapshot | None:
        return self._now(self._project) if self._project is not None else None

    def _unread(self) -> Snapshot:
        return self._now(Project((), {}, reader(self.root, {})))

    def _now(self, project: Project) -> Snapshot:
        project = replace(project, read=reader(self.root, self.documents))
        return Snapshot(self.root, project, dict(self._findings), dict(self.documents))

    # --- one file -------------------------------------------------------------------------------------

    def _changed(self, path: str) -> None:
        self._revisions[path] += 1
        wanted = self._project is not None or path in self.documents or path in self._findings
        if wanted and path not in self._analyses and not self.forgotten:
            self._analyses[path] = self._around.spawn(self._analyse(path))

    async def _analyse(self, path: str) -> None:
        """Bring one file up to date; begin anew while its text changes meanwhile."""
        try:
            while True:
                revision, snapshot = self._revisions[path], self._snapshot()
                before, healthy = self._typed_in.get(path), self._healthy.get(path)
                if snapshot is not None:
                    state = await asyncio.to_thread(_state_of, snapshot, path, before, healthy)
                else:
                    state = await asyncio.to_thread(_first_state_of, self._unread(), path, before, healthy)
                if self._revisions[path] == revision:
                    self._take(path, state)
                    return
        finally:
            del self._analyses[path]
            if self._project is not None:
                self._check_after(PROJECT_PAUSE_SECONDS)

    def _take(self, path: str, state: FileState | None) -> None:
        if self._project is not None:
            others = {other: file for other, file in self._project.files.items() if other != path}
            self._project = replace(
                self._project, files={**others, path: state.analysis} if state else others
            )
        findings: tuple[Finding, ...] = ()
        if state is None:
            if (self.root / path).exists():
                self._around.log(f"{self.root / path} is left out: it can't be read as UTF-8 text")
        else:
            carried = _carried(self._findings.get(path, ()), self._typed_in.get(path), state.source)
            findings = tuple(sorted((*state.findings, *carried), key=lambda finding: finding.sort_key))
            if path in self.documents:
                self._typed_in[path] = state.source
                if state.healthy:
                    self._healthy[path] = state
        self._show({**self._findings, path: findings}, retyped=path)

    # --- the whole folder -----------------------------------------------------------------------------

    def _check_after(self, pause_seconds: float) -> None:
        self._check_due = asyncio.get_running_loop().time() + pause_seconds
        if (self._check is None or self._check.done()) and not self.forgotten:
            self._check = self._around.spawn(self._check_project())

    async def _check_project(self) -> None:
        """Run all rules once typing has paused; again when it went on meanwhile."""
        while True:
            snapshot = await self._paused()
            if snapshot is None:
                return
            changes = self._revisions.total()
            project, findings = await asyncio.to_thread(_checked, snapshot.project)
            if self._revisions.total() == changes:
                self._project = project
                self._show(_by_path(findings))
                return

    async def _paused(self) -> Snapshot | None:
        while (wait_seconds := self._check_due - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(wait_seconds)
        return await self.current()

    def _show(self, findings: dict[str, tuple[Finding, ...]], *, retyped: str | None = None) -> None:
        """Publish what differs from what is shown, and in any case the file whose text is new."""
        self._findings = {path: found for path, found in findings.items() if found}
        visible = dict(self._visible())
        before, self._shown = self._shown, visible
        if self.forgotten:
            return
        snapshot = self._snapshot() or self._unread()
        changed = {path for path in before.keys() | visible.keys() if before.get(path) != visible.get(path)}
        if retyped and (self._project is not None or retyped in visible):
            changed.add(retyped)  # before the folder was read, nothing found says nothing
        for path in sorted(changed):
            self._around.publish(snapshot, path, visible.get(path, ()))

    def _visible(self) -> Iterator[tuple[str, tuple[Finding, ...]]]:
        settings = self._around.settings
        everywhere = self._opened and not settings.open_files_only
        for path, found in self._findings.items():
            shown = tuple(finding for finding in found if finding.severity >= settings.minimum_severity)
            if shown and (everywhere or path in self.documents):
                yield path, shown


def _state_of(
    snapshot: Snapshot, path: str, before: Source | None, healthy: FileState | None
) -> FileState | None:
    """Analyse one file in the light of its project; None when there is no text to be read.

    `before` is the text last analysed, which spares parsing what is still the same, `healthy` the
    last one that was not half typed.
    """
    project = snapshot.project
    source = engine.read_source(path, project.read)
    if source is None:
        return None
    if before is not None:
        source = retyped(before, source.content)
    role, settings = project.role_of(path), project.settings_of(path)
    if healthy is None and path in snapshot.documents:
        healthy = _saved(snapshot, path)
    elif healthy is not None and (healthy.role, healthy.settings) != (role, settings):
        healthy = _healthy_state(healthy.source, role, settings)
    if healthy is None:
        analysis, finished = engine.analyze(source, role, settings), not source.broken
    else:
        analysis = engine.reanalyze(source, role, healthy.source, healthy.analysis, settings)
        finished = not unfinished(source, healthy.source)
    project = replace(project, files={**project.files, path: analysis})
    findings = engine.check_file(project, project.config, path)
    return FileState(source, analysis, findings, finished, role, settings)


def _first_state_of(
    snapshot: Snapshot, path: str, before: Source | None, healthy: FileState | None
) -> FileState | None:
    """One file of a folder that was not read yet, with the findings that nothing in it can take back."""
    read = snapshot.project.read
    above = [f"{folder}/mix.exs" for folder in PurePath(path).parents if folder != PurePath()]
    apps = find_apps(["mix.exs", *above], read)
    config, _ = load_config(snapshot.root, [app.folder for app in apps], read)
    project = Project(apps, {}, read, config)
    state = _state_of(replace(snapshot, project=project), path, before, healthy)
    if state is None:
        return None
    settled = explained(state.analysis.facts)
    findings = tuple(finding for finding in state.findings if settled and _stands_alone(finding))
    return replace(state, findings=findings)


def _stands_alone(finding: Finding) -> bool:
    rule = find_rule(finding.code)
    return rule is not None and type(rule).refine is Rule.refine


def _saved(snapshot: Snapshot, path: str) -> FileState | None:
    """What the disk holds under a document that was just opened, perhaps half typed."""
    source = engine.read_source(path, reader(snapshot.root, {}))
    if source is None or source.broken:
        return None
    role, settings = snapshot.project.role_of(path), snapshot.project.settings_of(path)
    return _healthy_state(source, role, settings)


def _healthy_state(source: Source, role: Role, settings: FileSettings) -> FileState:
    analysis = engine.analyze(source, role, settings)
    return FileState(source, analysis, (), healthy=True, role=role, settings=settings)


def _carried(findings: Iterable[Finding], before: Source | None, now: Source) -> Iterator[Finding]:
    """Findings that only the whole project shows, moved by what was typed, until it is checked again."""
    typed = typed_between((before or now).content, now.content)
    for finding in findings:
        rule = find_rule(finding.code)
        if rule and rule.project_wide and not typed.touches(finding.span):
            yield moved(finding, typed)


def _checked(project: Project) -> tuple[Project, tuple[Finding, ...]]:
    """All findings, and the project in which what was typed has reached the files that build on it."""
    project = engine.with_wrappers(project)
    return project, engine.check(project, project.config)


def _by_path(findings: Iterable[Finding]) -> dict[str, tuple[Finding, ...]]:
    by_path: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_path[finding.path].append(finding)
    return {path: tuple(found) for path, found in by_path.items()}
