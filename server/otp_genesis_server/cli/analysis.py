"""Reading what a command line asks for, finding what is wrong with it, saying what was left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict, Unpack

import click

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config, Preset, load_config
from otp_genesis_analyzers.discovery import SUFFIXES, is_ignored
from otp_genesis_analyzers.engine import Loaded
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import FileAnalysis, Project
from otp_genesis_server.cli.places import Places, from_here
from otp_genesis_server.cli.progress import progress
from otp_genesis_server.cli.targets import MIX_FILE, Target, covers, target_of, target_of_text


@dataclass(frozen=True)
class Analysis:
    target: Target
    config: Config
    """The project's own."""
    chosen: Config
    """The same under the command line's options: what was looked for."""
    project: Project
    """All of the mix project, also what was not asked for."""
    unparsed: tuple[str, ...]
    """Files asked for that can't be read or are not UTF-8 text."""
    findings: tuple[Finding, ...]
    """Of the files asked for, sorted by path, line, column and code."""
    places: Places
    accepted: int = 0
    """How many findings are left out because the baseline has them."""
    since: str = ""
    """The revision that lines must be newer than to be shown."""

    @property
    def file_count(self) -> int:
        return sum(map(self.target.includes, self.project.files))


class Choice(TypedDict, total=False):
    """The options that `Config.merged` takes."""

    select: tuple[str, ...]
    ignore: tuple[str, ...]
    also: tuple[str, ...]
    preset: Preset | None


_Read = Callable[[str], bytes]


def analyse(paths: Iterable[str], **choice: Unpack[Choice]) -> Analysis:
    """Read the project that `paths` are of and find the flaws that its configuration and `choice` want.

    What is left out, and mistakes in the configuration, are said on stderr. Raises
    click.UsageError when the paths name nothing that can be checked.
    """
    target = target_of(tuple(paths))
    return _analyse(target, lambda path: (target.root / path).read_bytes(), choice)


def analyse_text(name: str, text: bytes, **choice: Unpack[Choice]) -> Analysis:
    """The same for one file, with `text` in place of what the disk holds, if it holds anything."""
    target = target_of_text(name)
    [file] = target.chosen
    return _analyse(target, lambda path: text if path == file else (target.root / path).read_bytes(), choice)


def _analyse(target: Target, read: _Read, choice: Choice) -> Analysis:
    return analysis_of(target, _load_files(target, read) if target.alone else _load(target, read), **choice)


def analysis_of(target: Target, loaded: Loaded, **choice: Unpack[Choice]) -> Analysis:
    """What is wrong with what was loaded, and what of that was asked for."""
    _say_what_is_left_out(target, loaded)
    config = loaded.project.config
    chosen = config.merged(**choice)
    places = Places(loaded.project)

    def order(finding: Finding) -> tuple[str, tuple[int, int], str]:
        return finding.path, places.of(finding.path, finding.span.start), finding.code

    wanted = [finding for finding in engine.check(loaded.project, chosen) if target.includes(finding.path)]
    unparsed = tuple(filter(target.includes, loaded.unparsed))
    findings = tuple(sorted(wanted, key=order))
    return Analysis(target, config, chosen, loaded.project, unparsed, findings, places)


def _load(target: Target, read: _Read) -> Loaded:
    with progress("reading") as report:
        loaded = engine.load(target.root, read=read, on_progress=report)
    new = (
        path for path in target.chosen if path not in loaded.unparsed and not (target.root / path).exists()
    )
    for path in new:
        if path.endswith(SUFFIXES) and not is_ignored(path):
            loaded = _with_new_file(loaded, path)
    return loaded


def _with_new_file(loaded: Loaded, path: str) -> Loaded:
    """A text that is not on the disk yet."""
    project = loaded.project
    source = engine.read_source(path, project.read)
    if source is None:
        return replace(loaded, unparsed=(*loaded.unparsed, path))
    analysis = engine.analyze(source, project.role_of(path), project.settings_of(path))
    return replace(loaded, project=replace(project, files={**project.files, path: analysis}))


def _load_files(target: Target, read: _Read) -> Loaded:
    """Files that belong to no project, each by itself: what lies around them is not read."""
    config, problems = load_config(target.root)
    alone = Project((), {}, read, config)
    files: dict[str, FileAnalysis] = {}
    unparsed: list[str] = []
    for path in target.chosen:
        if not path.endswith(SUFFIXES):
            continue
        _warn(target.root / path, f"there is no {MIX_FILE} above it; it is checked without its project")
        source = engine.read_source(path, read)
        if source is None:
            unparsed.append(path)
        else:
            files[path] = engine.analyze(source, alone.role_of(path), alone.settings_of(path))
    return Loaded(target.root, replace(alone, files=files), tuple(unparsed), problems)


def _say_what_is_left_out(target: Target, loaded: Loaded) -> None:
    found = [*loaded.project.files, *loaded.unparsed]
    for chosen in target.chosen:
        if not any(covers(chosen, path) for path in found):
            _warn(
                target.root / chosen,
                "no Elixir file to check; dependencies, builds and hidden folders are left out",
            )
    for path in filter(target.includes, loaded.unparsed):
        _warn(target.root / path, f"{_why_unparsed(loaded.project, path)}; it is left out")
    for path, analysis in loaded.project.files.items():
        if analysis.facts.broken and target.includes(path):
            _warn(target.root / path, "its syntax is broken; only the rest of it is checked")
    for problem in loaded.config_problems:
        _warn(target.root / problem.path, f"{problem.line}: {problem.message}", separator=":")


def _why_unparsed(project: Project, path: str) -> str:
    try:
        project.read(path).decode("utf-8")
    except OSError as error:
        return f"can't be read: {error.strerror}"
    except UnicodeDecodeError as error:
        return f"not UTF-8 text (byte {error.start})"
    return "can't be read"


def _warn(file: Path, message: str, separator: str = ": ") -> None:
    click.echo(f"{from_here(file)}{separator}{message}", err=True)
