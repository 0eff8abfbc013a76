"""One workspace folder: what is known of its project now, and how that follows the typing.

A `Folder` is only touched on the event loop. Threads get immutable data and give some back; a
result is taken only when the text it was computed from is still the newest. The findings of the
file that is typed in are shown at once, what needs the whole project follows when typing pauses.
Before the folder was read, open documents show what nothing in the project can take back.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import CONFIG_NAME, ConfigProblem
from otp_genesis_analyzers.discovery import SUFFIXES, elixir_files, is_ignored
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.parallel import in_background
from otp_genesis_server.lsp.workspace.file_state import (
    FileState,
    States,
    carried_findings,
    first_states_of,
    states_of,
)
from otp_genesis_server.lsp.workspace.snapshot import Document, Snapshot, reader
from otp_genesis_server.lsp.workspace.surroundings import Surroundings

PROJECT_PAUSE_SECONDS = 0.2
"""How long typing must pause before the rules that need the whole project run again."""
FILE_PAUSE_SECONDS = 0.1
"""And how long before a file is analysed that is slow to be (see `file_state`)."""
FILES_AT_ONCE = 20
"""How many files are published before it is looked whether somebody types."""


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
        self._typing: dict[str, FileState] = {}
        """States of files that are not in the project yet: see `_up_to_date`."""
        self._findings: dict[str, tuple[Finding, ...]] = {}
        self._shown: dict[str, tuple[Finding, ...]] = {}
        self._typed_in: dict[str, Source] = {}
        """The text of each open document that its findings fit."""
        self._healthy: dict[str, FileState] = {}
        """The newest healthy state of each open document."""
        self._revisions: Counter[str] = Counter()
        self._analyses: dict[str, asyncio.Task[None]] = {}
        self._pausing: dict[str, asyncio.Event] = {}
        """Set when a file changes whose analysis waits for a pause."""
        self._check: asyncio.Task[None] | None = None
        self._check_due = 0.0
        self._unsaid: set[str] = set()
        """Files whose findings are known, and not yet published."""
        self._saying: asyncio.Task[None] | None = None

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
                self._typing.clear()
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
        while self._analyses or any(task and not task.done() for task in (self._check, self._saying)):
            await self.current()
            for task in (self._check, self._saying):
                if task:
                    await asyncio.wait([task])
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
        self._publish(sorted(self._unsaid))
        self.forgotten = True
        for task in (*self._analyses.values(), self._check, self._saying, self.watching):
            if task:
                task.cancel()

    async def _load_project(
        self, read: Callable[[str], bytes], on_progress: Callable[[int, int], None]
    ) -> None:
        loaded = await asyncio.to_thread(
            engine.load, self.root, read=read, on_progress=on_progress, analyze_all=in_background
        )
        self._project = loaded.project
        for path in loaded.unparsed:
            self._around.log(f"{self.root / path} is left out: it can't be read as UTF-8 text")
        for problem in loaded.config_problems:
            if problem not in self._config_problems:
                self._around.warn(str(problem))
        self._config_problems = loaded.config_problems

    def _snapshot(self, typed_in: str = "") -> Snapshot | None:
        """All as of now, but for what is said of the file `typed_in`."""
        project = self._up_to_date(typed_in)
        return self._now(project) if project is not None else None

    def _up_to_date(self, but_for: str) -> Project | None:
        """The project with what was typed. To move the facts of a file at each keystroke is of no use
        when nobody asks for them before the next one."""
        for path in [path for path in self._typing if path != but_for]:
            state = self._typing.pop(path)
            if self._project is not None:
                self._project = self._project.with_file(path, state.analysis)
        return self._project

    def _unread(self) -> Snapshot:
        return self._now(Project((), {}, reader(self.root, {})))

    def _now(self, project: Project) -> Snapshot:
        project = project.reading(reader(self.root, self.documents))
        return Snapshot(self.root, project, dict(self._findings), dict(self.documents))

    # --- one file -------------------------------------------------------------------------------------

    def _changed(self, path: str) -> None:
        self._revisions[path] += 1
        if path in self._pausing:
            self._pausing[path].set()
        wanted = self._project is not None or path in self.documents or path in self._findings
        if wanted and path not in self._analyses and not self.forgotten:
            self._analyses[path] = self._around.spawn(self._analyse(path))

    async def _analyse(self, path: str) -> None:
        """Bring one file up to date; begin anew while its text changes meanwhile."""
        paused = False
        try:
            while True:
                revision, snapshot = self._revisions[path], self._snapshot(typed_in=path)
                before, healthy = self._typed_in.get(path), self._healthy.get(path)
                work = partial(
                    states_of if snapshot else first_states_of,
                    *(snapshot or self._unread(), path, before, healthy),
                    paused=paused,
                )
                # With a healthy text to go by it takes less time than a thread takes to get its turn.
                known = healthy is not None and healthy.context.in_project is (snapshot is not None)
                states = work() if known and not paused else await asyncio.to_thread(work)
                if self._revisions[path] != revision:
                    paused = False
                elif states is None or states.newest.settled:
                    self._take(path, states)
                    return
                elif states.newest.can_wait:
                    self._take(path, states)
                    paused = await self._pauses(path, FILE_PAUSE_SECONDS)
                else:
                    paused = True
        finally:
            del self._analyses[path]
            if self._project is not None:
                self._check_after(PROJECT_PAUSE_SECONDS)

    async def _pauses(self, path: str, seconds: float) -> bool:
        """Whether nobody types in a file for so long. Ends as soon as somebody does."""
        typed = self._pausing[path] = asyncio.Event()
        try:
            await asyncio.wait_for(typed.wait(), seconds)
        except TimeoutError:
            return True
        finally:
            del self._pausing[path]
        return False

    def _take(self, path: str, states: States | None) -> None:
        state = states and states.newest
        if state is not None and state.carried_over:
            self._typing[path] = state
        else:
            self._typing.pop(path, None)
            if self._project is not None:
                self._project = self._project.with_file(path, state.analysis if state else None)
        findings: tuple[Finding, ...] = ()
        if state is None:
            if (self.root / path).exists():
                self._around.log(f"{self.root / path} is left out: it can't be read as UTF-8 text")
        else:
            carried = carried_findings(self._findings.get(path, ()), self._typed_in.get(path), state.source)
            both = dict.fromkeys((*state.findings, *carried))
            findings = tuple(sorted(both, key=lambda finding: finding.sort_key))
            if path in self.documents:
                self._typed_in[path] = state.source
                if states and states.healthy:
                    self._healthy[path] = states.healthy
        self._show_file(path, findings)

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

    def _show_file(self, path: str, findings: tuple[Finding, ...]) -> None:
        """Publish one file, whose text is new."""
        before = self._shown.pop(path, ())
        self._findings.pop(path, None)
        if findings:
            self._findings[path] = findings
        shown = self._visible(path, findings)
        if shown:
            self._shown[path] = shown
        # Before the folder was read, nothing found says nothing.
        if not self.forgotten and (self._project is not None or shown or before):
            self._publish([path])

    def _show(self, findings: dict[str, tuple[Finding, ...]]) -> None:
        """Publish what differs from what is shown; open files first, of many others the rest by and by."""
        self._findings = {path: found for path, found in findings.items() if found}
        seen = ((path, self._visible(path, found)) for path, found in self._findings.items())
        before, self._shown = self._shown, {path: shown for path, shown in seen if shown}
        if self.forgotten:
            return
        paths = before.keys() | self._shown.keys()
        changed = {path for path in paths if before.get(path) != self._shown.get(path)}
        self._publish(sorted(changed & self.documents.keys()))
        self._unsaid |= changed - self.documents.keys()
        if len(self._unsaid) <= FILES_AT_ONCE:
            self._publish(sorted(self._unsaid))
        elif self._saying is None or self._saying.done():
            self._saying = self._around.spawn(self._say_the_rest())

    def _visible(self, path: str, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
        settings = self._around.settings
        if path not in self.documents and (settings.open_files_only or not self._opened):
            return ()
        return tuple(finding for finding in found if finding.severity >= settings.minimum_severity)

    async def _say_the_rest(self) -> None:
        while self._unsaid:
            self._publish(sorted(self._unsaid)[:FILES_AT_ONCE])
            await asyncio.sleep(0)  # who types goes first

    def _publish(self, paths: Iterable[str]) -> None:
        # What is in the project is not asked for.
        snapshot = self._now(self._project) if self._project is not None else self._unread()
        for path in paths:
            self._unsaid.discard(path)
            self._around.publish(snapshot, path, self._shown.get(path, ()))


def _checked(project: Project) -> tuple[Project, tuple[Finding, ...]]:
    """All findings, and the project in which what was typed has reached the files that build on it."""
    project = engine.with_wrappers(project)
    return project, engine.check(project, project.config)


def _by_path(findings: Iterable[Finding]) -> dict[str, tuple[Finding, ...]]:
    by_path: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_path[finding.path].append(finding)
    return {path: tuple(found) for path, found in by_path.items()}
