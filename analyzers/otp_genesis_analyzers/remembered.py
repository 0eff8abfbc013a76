"""Reading a workspace with the help of what earlier runs have read of it.

A file with the same modification time, size and inode is taken for unchanged. Where one of them
differs, or the file was written so lately that it may be written again within the same tick of
its clock, contents are compared. When nothing at all has changed, not even the analyses are
looked at: the answers to what was asked of the workspace in this state are kept too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from time import time_ns

import msgspec

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.cache import Cache, Row, Stamp, content_hash
from otp_genesis_analyzers.config import Config, load_config
from otp_genesis_analyzers.decoding import readable
from otp_genesis_analyzers.discovery import elixir_files, mix_folders
from otp_genesis_analyzers.engine import AnalyzeAll, Loaded
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import FileAnalysis, MixApp, Project
from otp_genesis_analyzers.sources import fingerprint

_TICK_NS = 2_000_000_000
"""That of the coarsest clock that a file system has."""
_WORKSPACE = "workspace"


class _Workspace(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a workspace in one state besides its files."""

    apps: tuple[MixApp, ...]
    unparsed: tuple[str, ...]


class Memory:
    """One reading of the workspace at `root`, and the answers that it gives.

    `paths`, relative to `root`, are read in place of all its Elixir files. `overlay` are texts by path
    that count in place of what the disk holds; nothing is kept of a workspace with an overlay. `strict`
    compares every content. `chosen` is as in `engine.load`.
    """

    def __init__(
        self,
        root: Path,
        cache: Cache,
        analyze_all: AnalyzeAll = engine.analyze_in_turn,
        *,
        paths: Sequence[str] | None = None,
        overlay: Mapping[str, bytes] | None = None,
        strict: bool = False,
        chosen: Callable[[Config], Config] | None = None,
    ) -> None:
        self._root = root
        self._cache = cache
        self._analyze_all = analyze_all
        self._paths = paths
        self._overlay = overlay or {}
        self._strict = strict
        self._chosen = chosen
        self._rows = cache.rows()
        self._contents: dict[str, bytes] = {}
        """Hash of each content as it was first read; empty when it can't be read."""
        self._stamps: dict[str, Stamp | None] = {}
        self._torn = False
        """A file has changed while the workspace was read: what is known of it belongs to no one state."""
        self._loaded: Loaded | None = None
        self._state = b""
        self._kept: dict[str, FileAnalysis] = {}

    def load(self, on_progress: Callable[[int, int], None] | None = None) -> Loaded:
        """What `engine.load` gives."""
        paths = list(elixir_files(self._root)) if self._paths is None else self._paths
        loaded = self._as_before(paths) if self._rows else None
        if loaded is None:
            loaded = engine.load(
                self._root,
                paths=paths,
                read=self.read,
                on_progress=on_progress,
                analyze_all=self._analyses,
                chosen=self._chosen,
            )
            self._state = self._state_of(paths, loaded.project.config)
            self._keep(loaded)
        self._loaded = loaded
        return loaded

    def check(self, loaded: Loaded, config: Config) -> tuple[Finding, ...]:
        """What `engine.check` gives."""
        known = self._state if loaded is self._loaded else b""
        question = repr(config)
        found = self._cache.answer(known, question, tuple[Finding, ...]) if known else None
        if found is None:
            found = engine.check(loaded.project, config)
            if known and not self._torn and not self._overlay:
                self._cache.keep_answer(known, question, found)
        return found

    def read(self, path: str) -> bytes:
        """The content of a file. Raises OSError."""
        if path in self._overlay:
            content = self._overlay[path]
        else:
            file = f"{self._root}/{path}"
            stamp = _stamp_of(file)  # before the content: what is written meanwhile is then seen next time
            with open(file, "rb") as opened:  # noqa: PTH123  # some thousand times
                content = opened.read()
            self._stamps[path] = stamp
        found = content_hash(content)
        self._torn |= self._contents.setdefault(path, found) != found
        return content

    def _as_before(self, paths: Sequence[str]) -> Loaded | None:
        """The workspace without a look at any analysis, if an earlier run left it in this state."""
        config, problems = load_config(self._root, mix_folders(paths), self.read)
        self._state = self._state_of(paths, config)
        workspace = self._cache.answer(self._state, _WORKSPACE, _Workspace)
        if workspace is None:
            return None
        rows = {path: row for path in paths if (row := self._rows.get(path))}
        rules = engine.rules_run(self._chosen(config)) if self._chosen else None
        enough = _enough_for(rules)
        as_kept = all(
            row.content == self._contents[path] and row.rules in enough for path, row in rows.items()
        )
        if not as_kept or len(rows) + len(workspace.unparsed) < len(paths):
            return None  # read for other rules, or another process has kept another state meanwhile
        touched = {
            path: stamp for path in rows if (stamp := self._stamps.get(path)) and stamp != rows[path].stamp
        }
        if touched:
            self._cache.keep_stamps(touched)
        files = _Later(rows, lambda: self._all_decoded(rows, paths))
        broken = tuple(path for path, row in rows.items() if row.broken)
        project = Project(workspace.apps, files, self.read, config, rules)
        return Loaded(self._root, project, workspace.unparsed, problems, broken)

    def _all_decoded(self, rows: Mapping[str, Row], paths: Sequence[str]) -> Mapping[str, FileAnalysis]:
        was_open = self._cache.is_open
        self._cache.open()
        files = self._decoded(rows)
        if not was_open:
            self._cache.close()
        if len(files) < len(rows):  # another process has written meanwhile
            return engine.load(self._root, paths=paths, read=self.read).project.files
        return files

    def _decoded(self, rows: Mapping[str, Row]) -> dict[str, FileAnalysis]:
        """The analyses that are still kept as the rows say."""
        kept, decoder = self._cache.analyses(), msgspec.msgpack.Decoder(readable(FileAnalysis))
        found: dict[str, FileAnalysis] = {}
        for path, row in rows.items():
            made_for, blob = kept.get(path, (None, b""))
            if made_for == row.made_for:
                with suppress(msgspec.MsgspecError, ValueError):
                    found[path] = decoder.decode(blob)
        return found

    def _analyses(self, project: Project, paths: Sequence[str]) -> Iterator[tuple[str, FileAnalysis | None]]:
        """The `AnalyzeAll` that looks into the cache first."""
        enough = _enough_for(project.rules)
        self._kept = self._decoded(
            {
                path: row
                for path in paths
                if (row := self._rows.get(path)) is not None
                and row.settings == _settings_hash(project, path)
                and row.rules in enough
                and row.content == self._content_of(path)
            }
        )
        yield from self._kept.items()
        yield from self._analyze_all(project, [path for path in paths if path not in self._kept])

    def _keep(self, loaded: Loaded) -> None:
        if self._torn or self._overlay or not self._cache.is_open:
            return
        project, rows = loaded.project, dict[str, tuple[Row, FileAnalysis]]()
        for path, analysis in project.files.items():
            known = self._rows.get(path) if analysis is self._kept.get(path) else None
            row = Row(
                self._stamps[path],
                self._contents[path],
                _settings_hash(project, path),
                known.rules if known else _rules_hash(project.rules),
                analysis.facts.broken,
            )
            if row != known:
                rows[path] = row, analysis
        encoder = msgspec.msgpack.Encoder()
        written = ((path, row, encoder.encode(analysis)) for path, (row, analysis) in rows.items())
        workspace = _Workspace(project.apps, loaded.unparsed)
        gone = self._rows.keys() - project.files.keys() if self._paths is None else ()
        self._cache.keep(written, gone, self._state, _WORKSPACE, workspace)

    def _state_of(self, paths: Sequence[str], config: Config) -> bytes:
        """The name of all that findings depend on: the content of each file, and the configuration."""
        contents = [(os.fsencode(path), self._content_of(path)) for path in paths]
        return content_hash(repr((contents, config)).encode("utf-8", "surrogateescape"))

    def _content_of(self, path: str) -> bytes:
        """The hash of a file's content, without reading it where the cache knows its stamp."""
        row = self._rows.get(path)
        if path in self._contents:
            return self._contents[path]
        try:
            if row is not None and row.stamp is not None and not self._strict and path not in self._overlay:
                stat = os.stat(f"{self._root}/{path}")  # noqa: PTH116  # some thousand times
                if row.stamp == (stat.st_mtime_ns, stat.st_size, stat.st_ino):
                    self._stamps[path] = row.stamp
                    return self._contents.setdefault(path, row.content)
            self.read(path)
        except OSError:
            self._contents[path] = b""
        return self._contents[path]


class _Later(Mapping[str, FileAnalysis]):
    """A mapping whose keys are known, and whose values are made when one is first asked for."""

    def __init__(self, keys: Iterable[str], make: Callable[[], Mapping[str, FileAnalysis]]) -> None:
        self._keys = dict.fromkeys(keys)
        self._make = make

    @cached_property
    def _made(self) -> Mapping[str, FileAnalysis]:
        return self._make()

    def __getitem__(self, key: str) -> FileAnalysis:
        return self._made[key]

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def made_by() -> str:
    """The name of what fills a cache: this package and the parser, as they lie on the disk."""
    return fingerprint("otp_genesis_analyzers", "tree_sitter", "tree_sitter_elixir")


def _settings_hash(project: Project, path: str) -> bytes:
    """Of what an analysis depends on besides the text; what it owes to wrappers shows in its facts."""
    thresholds = sorted(
        (code, sorted(own.items())) for code, own in project.settings_of(path).thresholds.items()
    )
    return content_hash(repr((project.role_of(path).value, thresholds)).encode())


def _rules_hash(rules: frozenset[str] | None) -> bytes:
    return b"" if rules is None else content_hash(" ".join(sorted(rules)).encode())


def _enough_for(rules: frozenset[str] | None) -> tuple[bytes, bytes]:
    """The rules that an analysis was read for, if it has all that these rules need."""
    return _rules_hash(None), _rules_hash(rules)


def _stamp_of(file: str) -> Stamp | None:
    """None for a file that may be written again without a change of its stamp."""
    stat = os.stat(file)  # noqa: PTH116  # some thousand times
    if time_ns() - stat.st_mtime_ns < _TICK_NS:
        return None
    return Stamp(stat.st_mtime_ns, stat.st_size, stat.st_ino)
