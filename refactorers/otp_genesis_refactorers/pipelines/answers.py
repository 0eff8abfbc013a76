"""What a model is to answer: an `output_schema` of a pipeline as a pydantic model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, cast

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

_SCALARS: Mapping[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "null": None}
_BOUNDS = {
    "minimum": "ge",
    "maximum": "le",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_length",
    "maxItems": "max_length",
}
_KEYS = frozenset(
    {
        *("type", "properties", "required", "items", "enum", "const", "description", "title", "$ref"),
        *("additionalProperties", *_BOUNDS),
    }
)


class FailureAnalysis(BaseModel):
    """Why something failed, and what to do next."""

    root_cause: str
    explanation: str
    next_action: Literal["retry", "other_approach", "skip", "stop"]
    advice: str = Field(default="", description="What the next attempt has to do otherwise")


class ReplacedText(BaseModel):
    path: str
    old: str = Field(description="Text that stands in the file exactly once; empty to make a new file")
    new: str


class Edits(BaseModel):
    """A change as exact replacements."""

    summary: str = Field(description="What is changed and why, one line in the imperative")
    changes: list[ReplacedText]


class Place(BaseModel):
    path: str
    line: int
    why: str


class Places(BaseModel):
    places: list[Place]


class PlanDocument(BaseModel):
    phase: Annotated[int, Field(ge=1, le=5)]
    markdown: str


class PlanDocuments(BaseModel):
    documents: list[PlanDocument]


NAMED: Mapping[str, type[BaseModel]] = {
    f"otp.{each.__name__}": each for each in (FailureAnalysis, Edits, Places, PlanDocuments)
}


class BadSchema(ValueError):
    """`way` leads to what is wrong in it."""

    def __init__(self, message: str, instead: str, way: tuple[str | int, ...]) -> None:
        super().__init__(message)
        self.message = message
        self.instead = instead
        self.way = way


def answer_model(schema: Any) -> type[BaseModel]:
    """The model of a schema. Raises `BadSchema` for what is not understood."""
    if isinstance(schema, dict) and set(cast(dict[str, Any], schema)) == {"$ref"}:
        name = cast(dict[str, Any], schema)["$ref"]
        if name not in NAMED:
            raise BadSchema(f"there is no schema {name!r}", f"write one of {', '.join(NAMED)}", ("$ref",))
        return NAMED[name]
    made = _type(schema, ())
    if isinstance(made, type) and issubclass(made, BaseModel):
        return made
    return RootModel[made]


def _type(schema: Any, way: tuple[str | int, ...]) -> Any:
    if not isinstance(schema, dict):
        raise BadSchema(f"{schema!r:.60} is no schema", "write type: object and below it properties:", way)
    given = cast(dict[str, Any], schema)
    for key in given:
        if key not in _KEYS:
            raise BadSchema(
                f"{key!r} is not understood in a schema", f"keys are {', '.join(sorted(_KEYS))}", (*way, key)
            )
    if "enum" in given or "const" in given:
        return _literal(given, way)
    kind = given.get("type")
    if isinstance(kind, list):
        kinds = [_type({**given, "type": each}, way) for each in cast(list[Any], kind)]
        return Union[tuple(kinds)]  # noqa: UP007 - made of a list
    match kind:
        case "object":
            return _object(given, way)
        case "array":
            inner = _type(given.get("items", {"type": "string"}), (*way, "items"))
            return _bounded(list[inner], given)
        case str() if kind in _SCALARS:
            return _bounded(_SCALARS[kind], given)
        case _:
            kinds_known = ", ".join([*_SCALARS, "object", "array"])
            raise BadSchema(f"{kind!r} is no type of a schema", f"types are {kinds_known}", (*way, "type"))


def _literal(given: dict[str, Any], way: tuple[str | int, ...]) -> Any:
    values = given.get("enum", [given.get("const")])
    if not isinstance(values, list) or not all(
        isinstance(each, str | int) for each in cast(list[Any], values)
    ):
        raise BadSchema(
            "'enum' has to be a list of texts or numbers", "write enum: [retry, stop]", (*way, "enum")
        )
    return Literal[tuple(cast(list[Any], values))]


def _object(given: dict[str, Any], way: tuple[str | int, ...]) -> Any:
    properties = given.get("properties")
    if properties is None:
        return dict[str, Any]
    required = given.get("required", [])
    fields: dict[str, Any] = {}
    for name, inner in cast(dict[str, Any], properties).items():
        made = _type(inner, (*way, "properties", name))
        words = inner.get("description")
        needed = name in required
        fields[name] = (made if needed else made | None, Field(... if needed else None, description=words))
    config = ConfigDict(extra="forbid" if given.get("additionalProperties") is False else "ignore")
    return create_model(str(given.get("title", "Answer")), __config__=config, **fields)


def _bounded(made: Any, given: dict[str, Any]) -> Any:
    bounds = {name: given[key] for key, name in _BOUNDS.items() if key in given}
    return Annotated[made, Field(**bounds)] if bounds else made


def data_in(text: str) -> Any:
    """The JSON that an answer is, or that its last code fence holds; None when there is none."""
    fences = text.split("```")
    candidates = [text, *(part.partition("\n")[2] for part in reversed(fences[1::2]))]
    for candidate in candidates:
        try:
            data = json.loads(candidate)
        except ValueError:
            continue
        if isinstance(data, dict | list):
            return cast(Any, data)
    return None
