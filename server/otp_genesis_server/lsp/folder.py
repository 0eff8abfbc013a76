"""One workspace folder: what is known of its project now, and how that follows the typing.

A `Folder` is only touched on the event loop. Threads get immutable data and give some back; a
result is taken only when the text it was computed from is still the newest. The findings of the
file that is typed in are shown at once, what needs the whole project follows when typing pauses.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.last_good import moved, retyped, typed_between, unfinished
from otp_genesis_analyzers.project import FileAnalysis, Project
from otp_genesis_analyzers.rules import find_rule
from otp_genesis_analyzers.source import Source
from otp_genesis_server.lsp.snapshot import Document, Snapshot, reader

PROJECT_PAUSE_SECONDS = 0.2
"""How long typing must pause before the rules that need the whole project run again."""


class Surroundings(Protocol):
    """What a folder needs of the server around it."""

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


class Folder:
    def __init__(self, root: Path, around: Surroundings, *, alone: bool = False, opened: bool = True) -> None:
        """`alone`: holds files that belong to no mix project. `opened`: the user opened the folder
        itself, so that findings are shown in all its files, not in the open ones only."""
        self.root = root
        self.alone = alone
        self.documents: dict[str, Document] = {}
        self.forgotten = False
        self._around = around
        self._opened = opened
        self._loading = asyncio.Lock()
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
        """Read all of it. `on_progress(done, total)` is called in a thread; what it raises ends the load."""
        async with self._loading:
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

    async def current(self) -> Snapshot | None:
        """The folder as of now, once the texts typed so far are analysed; None before it was first read."""
        while self._analyses:
            await asyncio.gather(*self._analyses.values(), return_exceptions=True)
        return self._snapshot()

    async def checked(self) -> Snapshot | None:
        """The folder once all rules have seen what was typed so far; None when it can't be read."""
        await self._loaded.wait()
        while self._analyses or (self._check and not self._check.done()):
            await self.current()
            if self._check:
                await asyncio.wait([self._check])
        return self._snapshot()

    def show_again(self) -> None:
        """Someone else spoke about these files meanwhile: say again what is known of them."""
        self._shown = {}
        self._show(self._findings)

    def forget(self) -> None:
        """Take back everything shown, and stay silent from now on."""
        self._show({})
        self.forgotten = True
        for task in (*self._analyses.values(), self._check):
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
            self._around.warn(str(problem))

    def _snapshot(self) -> Snapshot | None:
        if self._project is None:
            return None
        project = replace(self._project, read=reader(self.root, self.documents))
        return Snapshot(self.root, project, dict(self._findings), dict(self.documents))

    # --- one file -------------------------------------------------------------------------------------

    def _changed(self, path: str) -> None:
        self._revisions[path] += 1
        if self._project is not None and path not in self._analyses and not self.forgotten:
            self._analyses[path] = self._around.spawn(self._analyse(path))

    async def _analyse(self, path: str) -> None:
        """Bring one file up to date; begin anew while its text changes meanwhile."""
        try:
            while True:
                revision, snapshot = self._revisions[path], self._snapshot()
                assert snapshot is not None
                before, healthy = self._typed_in.get(path), self._healthy.get(path)
                state = await asyncio.to_thread(_state_of, snapshot, path, before, healthy)
                if self._revisions[path] == revision:
                    self._take(path, state)
                    return
        finally:
            del self._analyses[path]
            self._check_after(PROJECT_PAUSE_SECONDS)

    def _take(self, path: str, state: FileState | None) -> None:
        assert self._project is not None
        files = {**self._project.files}
        files.pop(path, None)
        findings: tuple[Finding, ...] = ()
        if state is None:
            if (self.root / path).exists():
                self._around.log(f"{self.root / path} is left out: it can't be read as UTF-8 text")
        else:
            files[path] = state.analysis
            carried = _carried(self._findings.get(path, ()), self._typed_in.get(path), state.source)
            findings = tuple(sorted((*state.findings, *carried), key=lambda finding: finding.sort_key))
            if path in self.documents:
                self._typed_in[path] = state.source
                if state.healthy:
                    self._healthy[path] = state
        self._project = replace(self._project, files=files)
        self._show({**self._findings, path: findings}, retyped=(path,) if path in self.documents else ())

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

    def _show(self, findings: dict[str, tuple[Finding, ...]], *, retyped: tuple[str, ...] = ()) -> None:
        """Publish what differs from what is shown, and in any case the files whose text is new."""
        self._findings = {path: found for path, found in findings.items() if found}
        visible = {
            path: found for path, found in self._findings.items() if self._opened or path in self.documents
        }
        before, self._shown = self._shown, visible
        snapshot = self._snapshot()
        if snapshot is None or self.forgotten:
            return
        for path in sorted(before.keys() | visible.keys() | set(retyped)):
            if path in retyped or before.get(path) != visible.get(path):
                self._around.publish(snapshot, path, visible.get(path, ()))


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
    if healthy is None:
        analysis, finished = engine.analyze(source, role, settings), not source.broken
    else:
        analysis = engine.reanalyze(source, role, healthy.source, healthy.analysis, settings)
        finished = not unfinished(source, healthy.source)
    project = replace(project, files={**project.files, path: analysis})
    return FileState(source, analysis, engine.check_file(project, project.config, path), finished)


def _saved(snapshot: Snapshot, path: str) -> FileState | None:
    """What the disk holds under a document that was just opened, perhaps half typed."""
    source = engine.read_source(path, reader(snapshot.root, {}))
    if source is None or source.broken:
        return None
    role, settings = snapshot.project.role_of(path), snapshot.project.settings_of(path)
    return FileState(source, engine.analyze(source, role, settings), (), healthy=True)


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
