"""Options that several subcommands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])


def paths(function: _Function) -> _Function:
    return click.argument("paths", metavar="[PATH]...", nargs=-1)(function)


def input_file(function: _Function) -> _Function:
    return click.option(
        "--input-file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="PACK",
        help="The files of a pack that repomix made (xml, markdown or json), as if they lay in the folder"
        " PATH. Those that do lie there are read from there.",
    )(function)


def rule_choice(function: _Function) -> _Function:
    """`--select` and `--ignore`: tuples of codes, starts of codes, names."""
    for name, what in (("--ignore", "Leave these rules out."), ("--select", "Only these rules.")):
        function = click.option(
            name, multiple=True, metavar="RULES", callback=_split, help=f"{what} Codes, OTP1, or names."
        )(function)
    return function


def _split(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """`--select OTP1,OTP501 --select unsupervised-spawn` as one list of known rules."""
    from otp_genesis_analyzers.rules import selectors

    chosen = tuple(word for value in values for word in value.replace(",", " ").split())
    for word in chosen:
        complaint = selectors.unknown(word)
        if complaint:
            raise click.UsageError(
                f"{parameter.opts[0]}: {complaint}; 'otp-genesis rules' lists them", context
            )
    return chosen
