"""`otp-genesis test`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otp_genesis_server.cli import DONE, FOUND

if TYPE_CHECKING:
    from otp_genesis_refactorers.change import Refused
    from otp_genesis_refactorers.exunit.generating import Generated, Wanted
    from otp_genesis_server.cli.analysis import Analysis

_PATCHES = (".diff", ".patch")


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--function", default="", metavar="NAME/ARITY", help="Only for this client function.")
@click.option("--model", metavar="NAME", help="Have it written by a model: claude, gemini, or one of yours.")
@click.option("--trust", is_flag=True, help="Let mix run the project's code, for this once.")
@click.option("--diff/--write", default=True, help="Show the test (the default), or write it.")
def command(file: str, function: str, model: str | None, trust: bool, diff: bool) -> int:
    """Generate ExUnit tests for the processes of FILE.

    Each client function is called, and the process is crashed and must come back. Where mix may run, what is
    expected is what the code does today, and the test is proven in an isolated copy: it passes in any order,
    and fails when the code is broken on purpose. With a .diff (or - for one on standard input), the test is
    for that change: it fails without it and passes with it.

    Without --write nothing is written: the new test is shown as a diff. A test that is there already is never
    changed. The exit status is 1 when a test was run and could not be proven.

    \b
    Examples:
      otp-genesis test lib/shop/cart.ex --trust
      otp-genesis test lib/shop/cart.ex --function add/3 --trust --write
      git diff | otp-genesis test - --trust
    """
    from otp_genesis_refactorers.change import Refused

    analysis, wanted = _asked(file, function, any_kind=model is not None, trust=trust)
    outcomes = [_generated(each, model) for each in wanted]
    made = [outcome for outcome in outcomes if not isinstance(outcome, Refused)]
    if not made:
        raise click.UsageError(next(each.reason for each in outcomes if isinstance(each, Refused)))
    for each, outcome in zip(wanted, outcomes, strict=True):
        _tell(each, outcome)
    good = [each for each in made if each.may_be_written]
    (_show if diff else _write)(analysis, made if diff else good)
    return FOUND if any(each.proof.ran and not each.proof.proven for each in made) else DONE


def _asked(file: str, function: str, *, any_kind: bool, trust: bool) -> tuple[Analysis, list[Wanted]]:
    from otp_genesis_refactorers.change import Refused
    from otp_genesis_refactorers.exunit.generating import Wanted
    from otp_genesis_refactorers.exunit.modules import modules_of_change, modules_of_file

    is_change = file == "-" or file.endswith(_PATCHES)
    analysis = _analysis("." if is_change else file)
    project, contents = analysis.project, dict[str, bytes | None]()
    if is_change:
        contents = dict(_contents(analysis, file))
        modules = modules_of_change(project, contents, any_kind=any_kind)
    else:
        path = analysis.target.chosen[0]
        if path not in project.files:
            raise click.UsageError(f"{file!r} is no Elixir file of the project")
        modules = modules_of_file(project, path, any_kind=any_kind)
    if isinstance(modules, Refused):
        raise click.UsageError(modules.reason)
    if function and len(modules) > 1:
        modules = [name for name in modules if _has(analysis, name, function)] or modules[:1]
    config = analysis.config.merged()
    return analysis, [
        Wanted(analysis.target.root, project, config, name, function, contents, trusted_for_this_run=trust)
        for name in modules
    ]


def _analysis(path: str) -> Analysis:
    from otp_genesis_server.cli.analysis import analyse
    from otp_genesis_server.cli.targets import target_of

    if path != "." and Path(path).is_dir():
        raise click.UsageError(f"{path!r} is a folder: give a file of it")
    target = target_of([path])
    if target.alone:
        raise click.UsageError(f"{path!r} belongs to no mix project: give a file of one")
    return analyse([path])


def _contents(analysis: Analysis, file: str) -> Mapping[str, bytes | None]:
    """What the diff makes of the files."""
    from otp_genesis_refactorers.applying.patch import PatchRefused, apply_patch

    try:
        diff = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise click.UsageError(f"{file!r} can't be read: {error.strerror}") from error
    if not diff.strip():
        raise click.UsageError(f"{file!r}: the diff is empty")
    root = analysis.target.root
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    at = "" if top == root else root.relative_to(top).as_posix()
    contents = apply_patch(diff, root, analysis.project.read, repository_path=at)
    if isinstance(contents, PatchRefused):
        raise click.UsageError(f"{file!r} can't be applied: {contents.reason}")
    return contents


def _has(analysis: Analysis, module: str, function: str) -> bool:
    entry = analysis.project.module(module)
    return entry is not None and any(each.id == function for each in entry.module.functions)


def _generated(wanted: Wanted, model: str | None) -> Generated | Refused:
    from otp_genesis_refactorers.exunit.generating import generate

    if model is not None:
        return _by_model(wanted, model)
    return generate(wanted, on_step=_say_step)


def _by_model(wanted: Wanted, name: str) -> Generated | Refused:
    import asyncio

    from otp_genesis_refactorers.change import Refused
    from otp_genesis_refactorers.exunit.with_model import generate_with, prepared, request_for
    from otp_genesis_refactorers.llm.connecting import connect, find_model
    from otp_genesis_refactorers.llm.failures import ModelFailure
    from otp_genesis_refactorers.llm.mending.mend import Watch
    from otp_genesis_refactorers.llm.preview import preview

    async def asked() -> Generated | Refused:
        model = find_model(name, wanted.root, [app.folder for app in wanted.project.apps])
        asking = prepared(wanted)
        if isinstance(asking, Refused):
            return asking
        click.echo(str(preview(model, request_for(asking))), err=True)
        async with connect(model, f"test {wanted.module} {asking.fence.nonce}") as connection:
            made = await generate_with(asking, connection, Watch(on_gate=_say_step))
            click.echo(f"{model.title}: {connection.spent().run}", err=True)
            return made

    try:
        return asyncio.run(asked())
    except ModelFailure as failure:
        return Refused(str(failure))


def _say_step(step: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{step} …", err=True, nl=False)


def _tell(wanted: Wanted, outcome: Generated | Refused) -> None:
    """What came of it and what was left out, on stderr."""
    from otp_genesis_refactorers.change import Refused
    from otp_genesis_server.cli.places import printable

    _say_step("")
    if isinstance(outcome, Refused):
        click.echo(printable(f"{wanted.module}: no test: {outcome.reason}"), err=True)
        return
    click.echo(printable(f"{wanted.module}: {outcome.proof.headline}"), err=True)
    for said in outcome.proof.survived if outcome.proof.proven else ():
        click.echo(printable(f"  it passes as well without {said}"), err=True)
    for said in outcome.left_out:
        click.echo(printable(f"  {said}"), err=True)


def _show(analysis: Analysis, made: list[Generated]) -> None:
    from otp_genesis_refactorers.applying.diff import unified_files

    before, after = _files(analysis, made)
    click.echo(unified_files(before, after).encode("utf-8", "surrogateescape"), nl=False)


def _write(analysis: Analysis, made: list[Generated]) -> None:
    from otp_genesis_refactorers.applying.write import HalfWritten, NotWritten, write_files
    from otp_genesis_refactorers.change import Outdated
    from otp_genesis_server.cli.places import from_here

    _, after = _files(analysis, made)
    hashes = {file.path: file.original_hash for each in made for file in each.change.files}
    try:
        write_files(analysis.target.root, after, hashes)
    except (Outdated, NotWritten, HalfWritten) as error:
        raise click.UsageError(str(error)) from error
    for path in after:
        click.echo(from_here(analysis.target.root / path))


def _files(analysis: Analysis, made: list[Generated]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The files of the tests before and after."""
    from otp_genesis_refactorers.change import apply_to

    paths = [file.path for each in made for file in each.change.files if file.original_hash]
    before = {path: analysis.project.read(path) for path in paths}
    return before, {path: new for each in made for path, new in apply_to(each.change, before).items()}
