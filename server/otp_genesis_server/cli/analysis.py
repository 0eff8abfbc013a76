"""Reading what a command line asks for, finding what is wrong with it, saying what was left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

import click

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config, Preset, load_config
from otp_genesis_analyzers.discovery import SUFFIXES
from otp_genesis_analyzers.engine import Loaded
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import FileAnalysis, Project
from otp_genesis_server.cli.places import Places, from_here
from otp_genesis_server.cli.progress import progress
from otp_genesis_server.cli.targets import MIX_FILE, Target, covers, target_of


@dataclass(frozen=True)
class Analysis:
    target: Target
    config: Config
    """The project's own."""
    project: Project
    """All of the mix project, also what was not asked for."""
    unparsed: tuple[str, ...]
    """Files asked for that can't be read or are not UTF-8 text."""
    findings: tuple[Finding, ...]
    """Of the files asked for, sorted by path, line, column and code."""
    places: Places

    @property
    def file_count(self) -> int:
        return sum(map(self.target.includes, self.project.files))


class Choice(TypedDict, total=False):
    """The options that `Config.merged` takes."""

    select: tuple[str, ...]
    ignore: tuple[str, ...]
    also: tuple[str, ...]
    preset: Preset | None


def analyse(paths: Iterable[str], **choice: Unpack[Choice]) -> Analysis:
    """Read the project that `paths` are of and find the flaws that its configuration and `choice` want.

    What is left out, and mistakes in the configuration, are said on stderr. Raises
    click.UsageError when the paths name nothing that can be checked.
    """
    target = target_of(tuple(paths))
    loaded = _load_files(target) if target.alone else _load(target)
    _say_what_is_left_out(target, loaded)
    config = _config(loaded)
    chosen = config.merged(**choice)
    places = Places(loaded.project)

    def order(finding: Finding) -> tuple[str, tuple[int, int], str]:
        return finding.path, places.of(finding.path, finding.span.start), finding.code

    wanted = [finding for finding in engine.check(loaded.project, chosen) if target.includes(finding.path)]
    unparsed = tuple(filter(target.includes, loaded.unparsed))
    return Analysis(target, config, loaded.project, unparsed, tuple(sorted(wanted, key=order)), places)


def _load(target: Target) -> Loaded:
    with progress("reading") as report:
        return engine.load(target.root, on_progress=report)


def _load_files(target: Target) -> Loaded:
    """Files that belong to no project, each by itself: what lies around them is not read."""
    contents: dict[str, bytes] = {}
    files: dict[str, FileAnalysis] = {}
    unparsed: list[str] = []
    for path in target.chosen:
        if not path.endswith(SUFFIXES):
            continue
        _warn(target.root / path, f"there is no {MIX_FILE} above it; it is checked without its project")
        source = engine.read_source(path, lambda path: (target.root / path).read_bytes())
        if source is None:
            unparsed.append(path)
        else:
            contents[path] = source.content
            files[path] = engine.analyze(source, engine.role_in((), path))
    return Loaded(target.root, Project((), files, contents.__getitem__), tuple(unparsed))


def _config(loaded: Loaded) -> Config:
    config, problems = load_config(loaded.root, [app.folder for app in loaded.project.apps])
    for problem in problems:
        _warn(loaded.root / problem.path, f"{problem.line}: {problem.message}", separator=":")
    return config


def _say_what_is_left_out(target: Target, loaded: Loaded) -> None:
    found = [*loaded.project.files, *loaded.unparsed]
    for chosen in target.chosen:
        if not any(covers(chosen, path) for path in found):
            _warn(
                target.root / chosen,
                "no Elixir file to check; dependencies, builds and hidden folders are left out",
            )
    for path in filter(target.includes, loaded.unparsed):
        _warn(target.root / path, f"{_why_unparsed(target.root / path)}; it is left out")
    for path, analysis in loaded.project.files.items():
        if analysis.facts.broken and target.includes(path):
            _warn(target.root / path, "its syntax is broken; only the rest of it is checked")


def _why_unparsed(file: Path) -> str:
    try:
        file.read_bytes().decode("utf-8")
    except OSError as error:
        return f"can't be read: {error.strerror}"
    except UnicodeDecodeError as error:
        return f"not UTF-8 text (byte {error.start})"
    return "can't be read"


def _warn(file: Path, message: str, separator: str = ": ") -> None:
    click.echo(f"{from_here(file)}{separator}{message}", err=True)
