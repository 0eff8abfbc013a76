"""Conditions: an expression, or `and`, `or` and `not` over conditions. They fail closed.

What can't be worked out is an error, never true and never false; so is a value that is neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from otp_genesis_refactorers.pipelines.language.expressions import (
    BadExpression,
    Expression,
    Unknown,
    parse_expression,
)

_BRACED = re.compile(r"\s*\{\{(?P<inside>[^{}]*)\}\}\s*")
_HOW = "write an expression, or one of and: [...], or: [...], not: ..."


@dataclass(frozen=True)
class AllOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class NotThat:
    condition: Condition


Condition: TypeAlias = Expression | AllOf | AnyOf | NotThat | bool


class BadCondition(BadExpression):
    """`way` leads to it from the top of the condition."""

    def __init__(self, error: BadExpression, way: tuple[str | int, ...]) -> None:
        super().__init__(error.message, error.instead, error.offset)
        self.way = way


def parse_condition(value: Any, way: tuple[str | int, ...] = ()) -> Condition:
    """Raises `BadCondition`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        braced = _BRACED.fullmatch(value)
        try:
            return parse_expression(braced["inside"].strip() if braced else value)
        except BadExpression as error:
            raise BadCondition(error, way) from error
    if not isinstance(value, dict) or len(cast(dict[str, Any], value)) != 1:
        raise BadCondition(BadExpression("this is no condition", _HOW), way)
    ((word, inside),) = cast(dict[str, Any], value).items()
    if word == "not":
        return NotThat(parse_condition(inside, (*way, word)))
    if word not in ("and", "or") or not isinstance(inside, list) or not inside:
        raise BadCondition(BadExpression(f"{word!r} is no condition as it stands here", _HOW), way)
    conditions = tuple(
        parse_condition(each, (*way, word, index)) for index, each in enumerate(cast(list[Any], inside))
    )
    return AllOf(conditions) if word == "and" else AnyOf(conditions)


def holds(condition: Condition, names: Mapping[str, Any]) -> bool:
    """Raises `Unknown`."""
    match condition:
        case bool():
            return condition
        case AllOf(conditions):
            return all(holds(each, names) for each in conditions)
        case AnyOf(conditions):
            return any(holds(each, names) for each in conditions)
        case NotThat(inside):
            return not holds(inside, names)
        case Expression():
            value = condition.value(names)
            if not isinstance(value, bool):
                raise Unknown(f"{condition.source!r} gives {value!r:.60}, which is neither true nor false")
            return value
