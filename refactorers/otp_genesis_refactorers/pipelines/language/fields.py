"""The kinds of value that a pipeline's keys hold, beside numbers and plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from otp_genesis_refactorers.pipelines.language.conditions import BadCondition, Condition, parse_condition
from otp_genesis_refactorers.pipelines.language.expressions import (
    BadExpression,
    Expression,
    parse_expression,
)
from otp_genesis_refactorers.pipelines.language.templates import Data, Template, parse_data, parse_template

CUSTOM_ERROR = "pipeline"
"""The type of errors whose context says what to write instead."""


def refusal(
    message: str, instead: str, offset: int = 0, way: tuple[str | int, ...] = ()
) -> PydanticCustomError:
    """What a validator raises: `way` leads on from the value that it was given."""
    context = {"message": message, "instead": instead, "offset": offset, "way": way}
    return PydanticCustomError(CUSTOM_ERROR, "{message}", context)


@dataclass(frozen=True, eq=False)
class _ReadBy:
    """A value that is read by a function of ours, and what an editor knows of it."""

    read: Callable[[Any], Any]
    json_schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validated)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(self.json_schema)

    def _validated(self, value: Any) -> Any:
        try:
            return self.read(value)
        except BadExpression as error:
            way = error.way if isinstance(error, BadCondition) else ()
            raise refusal(error.message, error.instead, error.offset, way) from error


def _text(value: Any) -> Template:
    if not isinstance(value, str):
        raise BadExpression(f"{value!r:.60} is no text", "put it in quotes")
    return parse_template(value)


def _expression(value: Any) -> Expression:
    """With or without braces: there is nothing but an expression here."""
    if not isinstance(value, str):
        raise BadExpression(f"{value!r:.60} is no expression", "write it like: steps.plan.tasks")
    template = parse_template(value)
    if len(template.parts) == 1 and isinstance(template.parts[0], Expression):
        return template.parts[0]
    return parse_expression(value)


_CONDITION_SCHEMA: Mapping[str, Any] = {
    "oneOf": [
        {"type": "string"},
        {"type": "boolean"},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
            "properties": {
                "and": {"type": "array", "minItems": 1},
                "or": {"type": "array", "minItems": 1},
                "not": {},
            },
        },
    ]
}

Text = Annotated[Template, _ReadBy(_text, {"type": "string"})]
"""Text with `{{ expressions }}`."""
Formula = Annotated[Expression, _ReadBy(_expression, {"type": "string"})]
"""An expression, in braces or without."""
if TYPE_CHECKING:
    Json: TypeAlias = Data
else:  # the alias speaks of itself, which pydantic would have to resolve
    Json = Annotated[Any, _ReadBy(parse_data, {})]
    """Any value, with templates for texts."""
When = Annotated[Condition, _ReadBy(parse_condition, _CONDITION_SCHEMA)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$", max_length=80)]
"""Of a step."""
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=80)]
