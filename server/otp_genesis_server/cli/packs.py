"""A code base that repomix has packed into one file, in place of the disk where the disk lacks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import click
from msgspec import structs

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.discovery import elixir_among, elixir_files
from otp_genesis_refactorers.repomix import NotAPack, read_pack
from otp_genesis_server.cli.analysis import Analysis, Choice, analysis_of
from otp_genesis_server.cli.places import from_here, printable
from otp_genesis_server.cli.progress import progress
from otp_genesis_server.cli.targets import MIX_FILE, Target, target_of_pack


@dataclass(frozen=True)
class GivenPack:
    file: Path
    target: Target
    contents: Mapping[str, bytes]
    """By path, relative to the target's root."""


def open_pack(file: Path, folder: str = ".") -> GivenPack:
    """The pack in `file`, whose paths are relative to `folder`; what it lacks is said on stderr.

    Raises click.UsageError when it is none.
    """
    try:
        pack = read_pack(file.read_bytes())
    except OSError as error:
        raise click.UsageError(f"--input-file: {from_here(file)}: {error.strerror}") from error
    except NotAPack as error:
        raise click.UsageError(f"--input-file: {from_here(file)}: {error}") from error
    for problem in pack.problems:
        _warn(file, printable(problem))
    target = target_of_pack(folder, pack.files)
    inside = f"{target.chosen[0]}/" if target.chosen[0] else ""
    return GivenPack(file, target, {f"{inside}{path}": code for path, code in pack.files.items()})


def analyse_pack(pack: GivenPack, **choice: Unpack[Choice]) -> Analysis:
    """Find the flaws in a pack's files, in the light of the project on the disk if there is one.

    The disk wins where it has a file. Raises click.UsageError when there is nothing to check.
    """
    target, root = pack.target, pack.target.root
    on_disk = elixir_files(root) if (root / MIX_FILE).is_file() else ()
    paths = elixir_among({*pack.contents, *on_disk})
    if not any(map(target.includes, paths)):
        raise click.UsageError(
            f"--input-file: {from_here(pack.file)}: there is no Elixir file in it to check; dependencies,"
            " builds and hidden folders are left out"
        )
    with progress("reading") as report:
        loaded = engine.load(root, paths=paths, read=_reader(root, pack.contents), on_progress=report)
    if not loaded.project.apps:
        _warn(pack.file, f"there is no {MIX_FILE} in it; its files are checked without their project")
    return analysis_of(target, loaded, **choice)


def without_fixes(analysis: Analysis) -> Analysis:
    """The analysis, nothing offered to be fixed in files that are only in the pack."""
    findings = (
        finding if (analysis.target.root / finding.path).is_file() else structs.replace(finding, fix=None)
        for finding in analysis.findings
    )
    return replace(analysis, findings=tuple(findings))


def _reader(root: Path, contents: Mapping[str, bytes]) -> Callable[[str], bytes]:
    def read(path: str) -> bytes:
        file = root / path
        return contents[path] if path in contents and not file.is_file() else file.read_bytes()

    return read


def _warn(file: Path, message: str) -> None:
    click.echo(f"{from_here(file)}: {message}", err=True)
