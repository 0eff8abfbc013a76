"""What a pipeline is given, as what its inputs are declared to be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from otp_genesis_refactorers.pipelines.language.model import InputSpec
from otp_genesis_refactorers.pipelines.outcome import StepFailed
from otp_genesis_refactorers.pipelines.problems import nearest, one_of

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "path": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "object": (dict,),
}
_TEXTS = ("string", "path")


def checked_inputs(specs: Mapping[str, InputSpec], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all declared inputs, with those that were given besides. Raises `StepFailed`."""
    values = dict(given)
    for name, spec in specs.items():
        value = given.get(name, spec.default)
        if value is None:
            if spec.required and spec.default is None:
                raise StepFailed(f"the input {name!r} has no value")
        elif spec.type == "any":
            pass
        elif isinstance(value, bool) != (spec.type == "boolean") or not isinstance(value, _KINDS[spec.type]):
            raise StepFailed(f"the input {name!r} can't be {value!r:.60}: it has to be of type {spec.type}")
        if value is not None and spec.choices and str(value) not in spec.choices:
            near = nearest(str(value), spec.choices)
            hint = f"did you mean {near!r}?" if near else f"give {one_of(spec.choices)}"
            raise StepFailed(f"the input {name!r} can't be {value!r:.60}: {hint}")
        values[name] = value
    return values


def from_text(spec: InputSpec | None, text: str) -> Any:
    """What somebody typed, as a value of the input's type; raises `StepFailed`."""
    if spec is None or spec.type in _TEXTS:
        return text
    if spec.type == "any" and not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise StepFailed(f"{text!r:.60} is no value of type {spec.type}") from error
