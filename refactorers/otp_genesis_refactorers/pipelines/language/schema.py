"""The language as a JSON schema, for editors."""

from __future__ import annotations

from typing import Any, cast

from otp_genesis_refactorers.pipelines.language.step_types import Document, step_types


def pipeline_schema() -> dict[str, Any]:
    """Draft 2020-12."""
    schema = Document.model_json_schema()
    definitions = cast(dict[str, Any], schema["$defs"])
    _either_key(definitions["PreviousResponse"])
    _name_the_union(schema, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "OTP-Genesis pipeline",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def _either_key(previous: dict[str, Any]) -> None:
    """pydantic shows one of two names for a key; both are taken."""
    previous["properties"]["name"] = previous["properties"]["step"]
    previous["required"] = [key for key in previous["required"] if key not in ("step", "name")]
    previous["oneOf"] = [{"required": ["step"]}, {"required": ["name"]}]


def _name_the_union(schema: Any, definitions: dict[str, Any]) -> None:
    """One definition of all step types, where pydantic writes them out wherever steps may stand."""
    types = len(step_types())

    def replaced(value: Any) -> Any:
        if isinstance(value, list):
            return [replaced(each) for each in cast(list[Any], value)]
        if not isinstance(value, dict):
            return value
        given = cast(dict[str, Any], value)
        if "discriminator" in given and len(given.get("oneOf", [])) == types:
            definitions.setdefault("Step", {"oneOf": given["oneOf"]})
            return {"$ref": "#/$defs/Step"}
        return {key: replaced(each) for key, each in given.items()}

    for name in [*definitions]:
        definitions[name] = replaced(definitions[name])
    schema["properties"] = replaced(schema["properties"])
