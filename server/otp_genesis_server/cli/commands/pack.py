"""`otp-genesis pack`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import structs

from otp_genesis_server.cli import DONE

if TYPE_CHECKING:
    from otp_genesis_refactorers.llm.privacy.withholding import Withholding
    from otp_genesis_refactorers.repomix.choosing import Chosen
    from otp_genesis_refactorers.repomix.writing import PackedFile

_LARGEST = 5
"""How many of the files with most tokens are named."""


@click.command()
@click.argument("path", default=".")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default=Path("-"),
    metavar="FILE",
    help="Where to write the pack, - for standard output.  [default: -]",
)
@click.option(
    "--skeleton",
    is_flag=True,
    help="Only the declarations of Elixir files; those with findings, and what these point to, whole.",
)
@click.option(
    "--token-budget",
    type=click.IntRange(min=1),
    metavar="N",
    help="Write nothing, and fail, when it would have more tokens, estimated at 4.3 characters each.",
)
@click.option(
    "--include", multiple=True, metavar="GLOB", help="Only these files, as in .gitignore: 'lib/**'."
)
@click.option("--ignore", multiple=True, metavar="GLOB", help="Leave these files out.")
def command(
    path: str,
    output: Path,
    skeleton: bool,
    token_budget: int | None,
    include: tuple[str, ...],
    ignore: tuple[str, ...],
) -> int:
    """Write a code base into one file, for a model to read.

    The file has the xml format of repomix, and 'plan --input-file' reads it. What .gitignore and
    .otp-genesis-ignore list is left out, and so are files that hold keys; secrets in others are hidden.

    \b
    Examples:
      otp-genesis pack --output repomix-output.xml
      otp-genesis pack --skeleton --token-budget 100000 > pack.xml
    """
    from otp_genesis_refactorers.llm.privacy.withholding import Withholding
    from otp_genesis_refactorers.repomix.writing import write_pack

    root, below = _place(path, skeleton)
    withholding = Withholding.of(root)
    chosen = _chosen(root, below, withholding, output, include, ignore)
    if not chosen.texts:
        raise click.UsageError(f"there is no text file to pack in {path!r} with these patterns")
    files, hidden = _masked(_reduced(chosen, _whole(path) if skeleton else None), withholding)
    given = {file.path for file in files}
    listed = [each for each in (*chosen.listed, *chosen.texts) if each not in given]
    files, listed = _relative(files, listed, below)
    text = write_pack(files, listed, tuple(_notes(include, ignore, hidden)))
    _check(text, token_budget, skeleton)
    _tell(chosen, hidden)
    _write(output, text, files)
    return DONE


def _place(path: str, skeleton: bool) -> tuple[Path, str]:
    """The folder whose lists hold, and the one in it that is packed, "" for all of it."""
    from otp_genesis_server.cli.targets import target_of

    given = Path(path)
    if not given.is_dir():
        raise click.UsageError(f"{path!r} is no folder: give the one to pack")
    try:
        target = target_of([path])
    except click.UsageError:
        if skeleton:
            raise
        return given.resolve(), ""
    return target.root, target.chosen[0]


def _chosen(
    root: Path,
    below: str,
    withholding: Withholding,
    output: Path,
    include: tuple[str, ...],
    ignore: tuple[str, ...],
) -> Chosen:
    from otp_genesis_refactorers.repomix.choosing import choose

    own = output.resolve()
    without = [own.relative_to(root).as_posix()] if own.is_relative_to(root) else []
    try:
        return choose(root, withholding, below=below, include=include, ignore=ignore, without=without)
    except ValueError as error:
        raise click.UsageError(f"--include and --ignore take patterns as in .gitignore: {error}") from error


def _whole(path: str) -> frozenset[str]:
    """The files with findings, and those that the findings point to, relative to the project's root."""
    from otp_genesis_server.cli.analysis import analyse

    findings = analyse([path]).findings
    return frozenset(
        place for finding in findings for place in (finding.path, *(each.path for each in finding.related))
    )


def _reduced(chosen: Chosen, whole: frozenset[str] | None) -> Iterator[PackedFile]:
    """Every file; of those that are not in `whole`, if it is given, the declarations of the Elixir files."""
    from otp_genesis_refactorers.codebase.skeleton import skeleton
    from otp_genesis_refactorers.repomix.writing import PackedFile
    from otp_genesis_server.cli.targets import MIX_FILE

    for path, text in chosen.texts.items():
        if whole is None or path in whole or path.rpartition("/")[2] == MIX_FILE:
            yield PackedFile(path, text)
        elif path.endswith((".ex", ".exs")) and (declared := skeleton(path, text.encode())):
            yield PackedFile(path, declared, is_skeleton=True)


def _masked(files: Iterable[PackedFile], withholding: Withholding) -> tuple[list[PackedFile], int]:
    """The files with their secrets hidden, and how many these were."""
    from otp_genesis_server.cli.progress import progress

    every = list(files)
    masked: list[PackedFile] = []
    hidden = 0
    with progress("looking for secrets") as report:
        for file in every:
            safe = withholding.masked(file.path, file.text)
            masked.append(structs.replace(file, text=safe.text))
            hidden += safe.hidden
            if report is not None:
                report(len(masked), len(every))
    return masked, hidden


def _relative(
    files: Iterable[PackedFile], listed: Iterable[str], below: str
) -> tuple[list[PackedFile], list[str]]:
    """The same by paths relative to the folder `below`."""
    inside = f"{below}/" if below else ""
    within = [structs.replace(file, path=file.path.removeprefix(inside)) for file in files]
    return within, [path.removeprefix(inside) for path in listed]


def _notes(include: tuple[str, ...], ignore: tuple[str, ...], hidden: int) -> Iterator[str]:
    """As repomix words them, so that a reader knows them."""
    from otp_genesis_server.cli.places import printable

    if include:
        yield f"Only files matching these patterns are included: {printable(', '.join(include))}"
    if ignore:
        yield f"Files matching these patterns are excluded: {printable(', '.join(ignore))}"
    if hidden:
        yield f"{hidden} secrets were hidden"


def _check(text: str, token_budget: int | None, skeleton: bool) -> None:
    from otp_genesis_refactorers.repomix.writing import estimated_tokens

    tokens = estimated_tokens(len(text))
    if token_budget is not None and tokens > token_budget:
        how = "leave files out with --ignore" if skeleton else "try --skeleton, or --ignore some files"
        raise click.UsageError(
            f"the pack would have about {tokens:,} tokens, {tokens - token_budget:,} more than --token-budget"
            f" allows: {how}"
        )


def _tell(chosen: Chosen, hidden: int) -> None:
    """What a reader of the pack will miss."""
    from otp_genesis_server.cli.places import counted, printable

    for reason, paths in chosen.withheld.items():
        for path in paths:
            click.echo(printable(f"{path}: left out: {reason}"), err=True)
    if hidden:
        click.echo(f"{counted(hidden, 'secret')} hidden", err=True)


def _write(output: Path, text: str, files: list[PackedFile]) -> None:
    from otp_genesis_refactorers.applying.write import HalfWritten, NotWritten, write_files
    from otp_genesis_refactorers.change import Outdated, content_hash
    from otp_genesis_server.cli.places import from_here, printable

    if str(output) == "-":
        sys.stdout.write(_for_terminal(text) if sys.stdout.isatty() else text)
        click.echo(_summary(text, files), err=True)
        return
    file = output.resolve()
    hashes: Mapping[str, str] = {file.name: content_hash(file.read_bytes())} if file.exists() else {}
    try:
        write_files(file.parent, {file.name: text.encode()}, hashes)
    except (Outdated, NotWritten, HalfWritten) as error:
        raise click.UsageError(str(error)) from error
    click.echo(printable(f"{from_here(file)}: {_summary(text, files)}"))


def _for_terminal(text: str) -> str:
    from otp_genesis_server.cli.places import printable

    return "".join(f"{printable(line)}\n" for line in text.removesuffix("\n").split("\n"))


def _summary(text: str, files: list[PackedFile]) -> str:
    from otp_genesis_refactorers.repomix.writing import CHARACTERS_PER_TOKEN, estimated_tokens
    from otp_genesis_server.cli.places import counted, printable

    largest = sorted(files, key=lambda file: (-file.tokens, file.path))[:_LARGEST]
    named = ", ".join(f"{printable(file.path)} {file.tokens:,}" for file in largest)
    skeletons = sum(file.is_skeleton for file in files)
    reduced = f" ({skeletons} as skeletons)" if skeletons else ""
    tokens = f"about {estimated_tokens(len(text)):,} tokens"
    return (
        f"{counted(len(files), 'file')}{reduced}, {len(text):,} characters, {tokens} (an estimate:"
        f" {CHARACTERS_PER_TOKEN} characters each); most in {named}"
    )
