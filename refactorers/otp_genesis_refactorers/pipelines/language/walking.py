"""The expressions of a step, and where in it they stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from pydantic import BaseModel

from otp_genesis_refactorers.pipelines.language.conditions import AllOf, AnyOf, NotThat
from otp_genesis_refactorers.pipelines.language.expressions import Expression
from otp_genesis_refactorers.pipelines.language.messages import written_key
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.language.prompts import PreviousResponse
from otp_genesis_refactorers.pipelines.language.templates import Template
from otp_genesis_refactorers.pipelines.language.yaml_text import Loc

Used = tuple[Loc, int, Expression | PreviousResponse]
"""A place, the offset in the text there, and what stands there."""


def used_in(value: Any, loc: Loc = ()) -> Iterator[Used]:
    """Everything in `value` that speaks of other steps or variables; steps inside it apart."""
    match value:
        case Step():
            return
        case Template():
            for offset, expression in value.expressions:
                yield loc, offset, expression
        case Expression() | PreviousResponse():
            yield loc, 0, value
        case NotThat(condition):
            yield from used_in(condition, (*loc, "not"))
        case AllOf(conditions) | AnyOf(conditions):
            word = "and" if isinstance(value, AllOf) else "or"
            yield from used_in(conditions, (*loc, word))
        case BaseModel():
            for _, inner, key in fields_of(value):
                yield from used_in(inner, (*loc, key))
        case list() | tuple():
            for index, inner in enumerate(cast(list[Any], value)):
                yield from used_in(inner, (*loc, index))
        case dict():
            for key, inner in cast(dict[str, Any], value).items():
                yield from used_in(inner, (*loc, key))
        case _:
            return


def fields_of(model: BaseModel) -> Iterator[tuple[str, Any, str]]:
    """Name, value, and the key under which it stands in the text."""
    for name, info in type(model).model_fields.items():
        yield name, getattr(model, name), written_key(name, info)
