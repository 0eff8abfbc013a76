"""The options of commands that may ask a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])
_OPTIONS = (
    click.option(
        "--model",
        metavar="NAME",
        help="Ask a model: claude, gemini, or a name of your configuration. Naming it is your consent to send"
        " parts of these files to it.",
    ),
    click.option("--way", metavar="WAY", help="Which of several ways, such as ets or dets for lost state."),
    click.option("--preview", is_flag=True, help="With --model: show what would be sent, and send nothing."),
    click.option(
        "--record",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Keep the model's answers.",
    ),
    click.option(
        "--replay",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        metavar="DIR",
        help="Take the answers that --record kept, and send nothing.",
    ),
)


@dataclass(frozen=True)
class Asked:
    """What the user wants of a model."""

    model: str
    way: str = ""
    preview: bool = False
    record: Path | None = None
    replay: Path | None = None


def models(function: _Function) -> _Function:
    """Adds the options, and hands them over as `asked`: None where no model is named."""

    @wraps(function)
    def with_asked(
        *args: Any,
        model: str | None,
        way: str | None,
        preview: bool,
        record: Path | None,
        replay: Path | None,
        **more: Any,
    ) -> Any:
        asked = Asked(model, way or "", preview, record, replay) if model else None
        if asked is None and (way or preview or record or replay):
            raise click.UsageError("--way, --preview, --record and --replay go with --model: name one")
        return function(*args, asked=asked, **more)

    wrapped: Any = with_asked
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
