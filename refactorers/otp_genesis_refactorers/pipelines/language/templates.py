"""Text with `{{ expressions }}` in it, worked out once: what comes in is never read as a template again.

Only `{{` with a name behind it begins an expression, or with a blank and then a text, a list or a number, so
that Elixir's braces pass: `{{:ok, pid}, ref}` and `{%{a: 1}, b}` are plain text. `\\{{` writes two braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from otp_genesis_refactorers.pipelines.language.expressions import (
    BadExpression,
    Expression,
    parse_expression,
)
from otp_genesis_refactorers.pipelines.language.sandbox import as_text

_EXPRESSION = re.compile(
    r"\\\{\{|\{\{(?:\s*(?=[A-Za-z_])|\s+(?=['\"(\[0-9]))(?P<inside>(?:[^{}]|\}(?!\}))+?)\s*\}\}"
)


@dataclass(frozen=True)
class Template:
    source: str
    parts: tuple[str | Expression, ...]
    offsets: tuple[int, ...]
    """Where in `source` each part begins."""

    @property
    def expressions(self) -> tuple[tuple[int, Expression], ...]:
        """Each with the offset of its braces."""
        pairs = zip(self.offsets, self.parts, strict=True)
        return tuple((offset, part) for offset, part in pairs if isinstance(part, Expression))

    def value(self, names: Mapping[str, Any]) -> Any:
        """Of one expression alone its value, whatever that is; else a text. Raises `Unknown`."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Expression):
            return self.parts[0].value(names)
        return self.text(names)

    def text(self, names: Mapping[str, Any]) -> str:
        """Raises `Unknown`."""
        return "".join(part if isinstance(part, str) else as_text(part.value(names)) for part in self.parts)


Data = Template | list["Data"] | dict[str, "Data"] | int | float | bool | None
"""JSON whose texts are templates."""


def parse_template(source: str) -> Template:
    """Raises `BadExpression` with the offset of the expression that is none."""
    parts: list[tuple[int, str | Expression]] = []
    plain, began, position = "", 0, 0
    for match in _EXPRESSION.finditer(source):
        plain += source[position : match.start()]
        position = match.end()
        inside = match["inside"]
        if inside is None:
            plain += "{{"
            continue
        if plain:
            parts.append((began, plain))
        parts.append((match.start(), _parsed(inside, match.start())))
        plain, began = "", position
    plain += source[position:]
    if plain or not parts:
        parts.append((began, plain))
    return Template(source, tuple(part for _, part in parts), tuple(offset for offset, _ in parts))


def _parsed(inside: str, offset: int) -> Expression:
    try:
        return parse_expression(inside)
    except BadExpression as error:
        instead = f"{error.instead}; if these braces are to stand in the text, write \\{{{{"
        raise BadExpression(error.message, instead, offset) from error


def parse_data(value: Any) -> Data:
    """Raises `BadExpression`."""
    match value:
        case str():
            return parse_template(value)
        case list():
            return [parse_data(each) for each in cast(list[Any], value)]
        case dict():
            return {str(key): parse_data(each) for key, each in cast(dict[Any, Any], value).items()}
        case _:
            return value


def value_of(data: Data, names: Mapping[str, Any]) -> Any:
    """Raises `Unknown`."""
    match data:
        case Template():
            return data.value(names)
        case list():
            return [value_of(item, names) for item in data]
        case dict():
            return {key: value_of(item, names) for key, item in data.items()}
        case _:
            return data
