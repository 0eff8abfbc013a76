"""pydantic's complaints as sentences for the author of a pipeline: what is wrong, what to write instead."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from otp_genesis_refactorers.pipelines.language.fields import CUSTOM_ERROR
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.language.prompts import File, PreviousResponse, Static
from otp_genesis_refactorers.pipelines.language.step_types import Document, step_types
from otp_genesis_refactorers.pipelines.language.yaml_text import Loc, YamlText, with_tags_left_out
from otp_genesis_refactorers.pipelines.problems import Problem, nearest, one_of

_PROMPT_PARTS: Mapping[str, type[BaseModel]] = {
    "static": Static,
    "file": File,
    "previous_response": PreviousResponse,
}


def problems_of(text: YamlText, error: ValidationError) -> list[Problem]:
    """Where a value may be one of several kinds, what the first of them says of it is enough."""
    found: dict[Loc, ErrorDetails] = {}
    for each in error.errors(include_url=False):
        loc = with_tags_left_out(text.data, each["loc"])
        if each["type"] == "too_short" and text.at(loc):
            continue  # what there is was refused, and stands below
        found.setdefault(_known(text, loc, each["type"]), each)
    return [_problem(text, each) for each in found.values()]


def _known(text: YamlText, loc: Loc, kind: str) -> Loc:
    """As much of a place as stands in the text, and the key that is missing there."""
    missing = loc[-1:] if kind == "missing" else ()
    while loc and not text.has(loc):
        loc = loc[:-1]
    return (*loc, *missing)


def _problem(text: YamlText, error: ErrorDetails) -> Problem:
    loc = with_tags_left_out(text.data, error["loc"])
    if error["type"] != "missing":
        loc = _known(text, loc, "")
    context = error.get("ctx", {})
    match error["type"]:
        case kind if kind == CUSTOM_ERROR:
            loc = (*loc, *context["way"])
            at = text.of_value(loc, context["offset"])
            return Problem(text.file, at.line, at.column, context["message"], context["instead"])
        case "extra_forbidden":
            at, (message, instead) = text.of_key(loc), _unknown_key(text, loc)
        case "missing":
            at, (message, instead) = text.of_value(loc[:-1]), _missing(text, loc)
        case "union_tag_invalid":
            at, (message, instead) = text.of_value((*loc, "type")), _unknown_type(text, loc)
        case "union_tag_not_found":
            at = text.of_value(loc)
            message, instead = "there is no 'type' here", f"write type: {one_of(_types_at(loc))}"
        case _:
            at, (message, instead) = text.of_value(loc), _wrong_value(text, loc, error)
    return Problem(text.file, at.line, at.column, message, instead)


def _unknown_key(text: YamlText, loc: Loc) -> tuple[str, str]:
    key, model = str(loc[-1]), _model_at(text, loc[:-1])
    known = _keys(model) if model else []
    near = nearest(key, known)
    what = _named(text, loc[:-1], model)
    listed = f"its keys are {', '.join(known)}"
    return f"{key!r} is no key of {what}", f"did you mean {near!r}?" if near else listed


def _missing(text: YamlText, loc: Loc) -> tuple[str, str]:
    key, model = str(loc[-1]), _model_at(text, loc[:-1])
    field = _field(model, key)
    example = _example(key, field) if field else f"{key}: ..."
    return f"{_named(text, loc[:-1], model)} needs {key!r}", f"write {example}"


def _unknown_type(text: YamlText, loc: Loc) -> tuple[str, str]:
    word, known = str(text.at((*loc, "type"))), _types_at(loc)
    near = nearest(word, known)
    what = "step type" if known != list(_PROMPT_PARTS) else "kind of prompt part"
    return f"there is no {what} {word!r}", f"did you mean {near!r}?" if near else f"write {one_of(known)}"


def _wrong_value(text: YamlText, loc: Loc, error: ErrorDetails) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx", {})
    key = next((part for part in reversed(loc) if isinstance(part, str)), "workflow")
    model = _model_at(text, loc[:-1]) if loc else None
    field = _field(model, key)
    shown = f"{text.at(loc)!r:.60}"
    if kind == "literal_error":
        choices = _choices(field)
        near = nearest(str(text.at(loc)), choices)
        return f"{key!r} can't be {shown}", f"did you mean {near!r}?" if near else f"write {one_of(choices)}"
    if kind in ("tuple_type", "list_type"):
        return f"{key!r} has to be a list", f"begin each item with '- ', as in {_list_example(key)}"
    if kind in ("too_short", "string_too_short"):
        return f"{key!r} is empty", f"write {_example(key, field)}" if field else "write at least one"
    if kind in ("model_attributes_type", "model_type", "dict_type"):
        return f"{shown} stands where keys and values are expected", _mapping_example(loc, key)
    if kind == "string_pattern_mismatch":
        return f"{shown} is no name", "write letters, digits and _, beginning with a letter: refactor_file"
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        bound = next(iter(context.values()))
        words = kind.replace("_equal", " or equal to").replace("_than", " than").replace("greater", "more")
        return (
            f"{key!r} can't be {shown}",
            f"write a number {words.replace('more than or', 'of more than or')} {bound}",
        )
    wanted = _WANTED.get(kind.partition("_")[0])
    if wanted:
        return f"{key!r} can't be {shown}", f"write {wanted}" + (
            f", as {_example(key, field)}" if field else ""
        )
    return f"{key!r} can't be {shown}", error["msg"][:1].lower() + error["msg"][1:]


_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
}


def _list_example(key: str) -> str:
    return {"prompt": "- type: static", "steps": "- name: ..."}.get(key, "- ...")


def _mapping_example(loc: Loc, key: str) -> str:
    if not loc or key == "workflow":
        return "begin the file with 'workflow:', and below it name: and steps:"
    if key in ("steps", "then", "else"):
        return "write a step: - name: ... and below it type: ..."
    if key == "prompt":
        return "write - type: static and below it content: ..."
    return f"write {key}: and below it 'key: value' lines"


def _types_at(loc: Loc) -> list[str]:
    """The words that may stand behind `type:` at this place."""
    key = next((part for part in reversed(loc) if isinstance(part, str)), "")
    return list(_PROMPT_PARTS) if key == "prompt" else list(step_types())


def _named(text: YamlText, loc: Loc, model: type[BaseModel] | None) -> str:
    data = text.at(loc)
    if model is None or model is Document:
        return "the file" if not loc else repr(str(loc[-1]))
    if issubclass(model, Step):
        kind = cast(dict[str, Any], data).get("type")
        return f"{'an' if str(kind)[0] in 'aeiou' else 'a'} {kind} step"
    if model in _PROMPT_PARTS.values():
        return f"a {cast(dict[str, Any], data).get('type')} part of a prompt"
    return f"the {model.__name__.removeprefix('Full').lower()}"


def _model_at(text: YamlText, loc: Loc) -> type[BaseModel] | None:
    """The model that the mapping at this place is read as."""
    model: type[BaseModel] | None = Document
    for index, part in enumerate(loc):
        below = loc[: index + 1]
        if isinstance(part, int):
            data = text.at(below)
            word = cast(dict[str, Any], data).get("type") if isinstance(data, dict) else None
            known: Mapping[str, type[BaseModel]] = (
                _PROMPT_PARTS if index and loc[index - 1] == "prompt" else step_types()
            )
            model = known.get(str(word)) or model
        elif model is not None:
            field = _field(model, part)
            inner = _model_in(field.annotation) if field else None
            model = inner or (model if field is None else None)
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field's annotation speaks of, through `| None`, `dict[str, ...]` and `Annotated`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (types.UnionType, typing.Union, dict, typing.Annotated):
        found = (_model_in(argument) for argument in typing.get_args(annotation))
        return next((each for each in found if each), None)
    return None


def _field(model: type[BaseModel] | None, key: str) -> FieldInfo | None:
    if model is None:
        return None
    for name, field in model.model_fields.items():
        if key in _written(name, field):
            return field
    return None


def _keys(model: type[BaseModel]) -> list[str]:
    return [written_key(name, field) for name, field in model.model_fields.items()]


def _written(name: str, field: FieldInfo) -> list[str]:
    """The keys under which a field may stand in the text."""
    alias = field.validation_alias
    if alias is None:
        return [name]
    if isinstance(alias, str):
        return [alias]
    return [str(each) for each in cast(Iterable[Any], getattr(alias, "choices", [name]))]


def written_key(name: str, field: FieldInfo) -> str:
    """The key under which a field stands in the text; the first of several."""
    return _written(name, field)[0]


def _choices(field: FieldInfo | None) -> list[str]:
    return [str(each) for each in _literals(field.annotation)] if field else []


def _literals(annotation: Any) -> list[Any]:
    if typing.get_origin(annotation) is Literal:
        return list(typing.get_args(annotation))
    return [each for argument in typing.get_args(annotation) for each in _literals(argument)]


def _example(key: str, field: FieldInfo) -> str:
    if field.examples:
        return f"{key}: {field.examples[0]}"
    choices = _choices(field)
    if choices:
        return f"{key}: {choices[0]}"
    return (
        f"{key}: with {_list_example(key)} below it" if key in ("prompt", "steps", "then") else f"{key}: ..."
    )
