"""Reading what a command line asks for, finding what is wrong with it, saying what was left out."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict, Unpack

import click
from platformdirs import user_cache_path

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.cache import Cache, content_hash
from otp_genesis_analyzers.config import Config, Preset
from otp_genesis_analyzers.discovery import SUFFIXES, is_ignored
from otp_genesis_analyzers.engine import Loaded
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.remembered import Memory, made_by
from otp_genesis_refactorers.parallel import in_processes, processor_count
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


@dataclass(frozen=True)
class Effort:
    """How a project is read: the result is the same in any way."""

    jobs: int | None = None
    """Processes; None for as many as there are processors."""
    cached: bool = True
    """With what earlier runs have kept."""
    for_findings_alone: bool = False
    """What the rules need that are not chosen is not read: nobody asks the project for anything else."""


_EFFORT = Effort()


def analyse(paths: Iterable[str], effort: Effort = _EFFORT, **choice: Unpack[Choice]) -> Analysis:
    """Read the project that `paths` are of and find the flaws that its configuration and `choice` want.

    What is left out, and mistakes in the configuration, are said on stderr. Raises
    click.UsageError when the paths name nothing that can be checked.
    """
    return _analyse(target_of(tuple(paths)), {}, effort, choice)


def analyse_text(name: str, text: bytes, effort: Effort = _EFFORT, **choice: Unpack[Choice]) -> Analysis:
    """The same for one file, with `text` in place of what the disk holds, if it holds anything."""
    target = target_of_text(name)
    return _analyse(target, {target.chosen[0]: text}, effort, choice)


def _analyse(target: Target, overlay: Mapping[str, bytes], effort: Effort, choice: Choice) -> Analysis:
    def chosen(config: Config) -> Config:
        return config.merged(**choice)

    with without_collection(), closing(_cache(target.root, effort)) as cache:
        paths = _alone(target) if target.alone else None
        run = in_processes(effort.jobs or processor_count())
        asked = chosen if effort.for_findings_alone else None
        memory = Memory(target.root, cache, run, paths=paths, overlay=overlay, chosen=asked)
        with progress("reading") as report:
            loaded = memory.load(report)
        if not target.alone:
            loaded = _with_new_files(target, loaded)
        return analysis_of(target, loaded, memory.check, **choice)


def _alone(target: Target) -> list[str]:
    """The files that belong to no project, each by itself: what lies around them is not read."""
    paths = sorted({path for path in target.chosen if path.endswith(SUFFIXES)})
    for path in paths:
        _warn(target.root / path, f"there is no {MIX_FILE} above it; it is checked without its project")
    return paths


@contextmanager
def without_collection() -> Generator[None]:
    """What is read stays to the end, and refers to nothing in circles: no use in looking through it."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _cache(root: Path, effort: Effort) -> Cache:
    if not effort.cached:
        return Cache(None, "")
    name = content_hash(os.fsencode(root)).hex()
    return Cache(user_cache_path("otp-genesis") / "workspaces" / f"{name}.sqlite", made_by())


def analysis_of(
    target: Target,
    loaded: Loaded,
    check: Callable[[Loaded, Config], tuple[Finding, ...]] | None = None,
    **choice: Unpack[Choice],
) -> Analysis:
    """What is wrong with what was loaded, and what of that was asked for. `check` finds it."""
    _say_what_is_left_out(target, loaded)
    config = loaded.project.config
    chosen = config.merged(**choice)
    places = Places(loaded.project)

    def order(finding: Finding) -> tuple[str, tuple[int, int], str]:
        return finding.path, places.of(finding.path, finding.span.start), finding.code

    found = check(loaded, chosen) if check else engine.check(loaded.project, chosen)
    unparsed = tuple(filter(target.includes, loaded.unparsed))
    findings = tuple(sorted((each for each in found if target.includes(each.path)), key=order))
    return Analysis(target, config, chosen, loaded.project, unparsed, findings, places)


def _with_new_files(target: Target, loaded: Loaded) -> Loaded:
    """With the files asked for that are not on the disk yet."""
    new = (
        path for path in target.chosen if path not in loaded.unparsed and not (target.root / path).exists()
    )
    for path in new:
        if path.endswith(SUFFIXES) and not is_ignored(path):
            loaded = _with_new_file(loaded, path)
    return loaded


def _with_new_file(loaded: Loaded, path: str) -> Loaded:
    project = loaded.project
    source = engine.read_source(path, project.read)
    if source is None:
        return replace(loaded, unparsed=(*loaded.unparsed, path))
    analysis = engine.analyze(source, project.role_of(path), project.settings_of(path))
    broken = (*loaded.broken, path) if analysis.facts.broken else loaded.broken
    files = {**project.files, path: analysis}
    return replace(loaded, project=project.with_files(files), broken=broken)


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
    for path in filter(target.includes, loaded.broken):
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
