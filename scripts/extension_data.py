"""What the VS Code extension must know of the server, written by `make docs`: the settings that the server
reads, into the extension's `package.json`, the phases of a plan, and the built-in pipelines.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from otp_genesis_analyzers.findings import Severity
from otp_genesis_refactorers.pipelines.language.loading import BUILT_IN, built_in_names, load_pipeline
from otp_genesis_refactorers.plan.model import PHASES
from otp_genesis_server.lsp.settings import SECTION, Settings

FOLDER = Path(__file__).parent.parent / "vscode-extension"
MANIFEST = FOLDER / "package.json"
GENERATED = FOLDER / "src" / "generated.json"
GROUP = "Findings"
"""The title of the group of settings that is the server's own."""

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def settings() -> dict[str, Any]:
    """The server's settings as VS Code declares them, by their full name."""
    hints, described = get_type_hints(Settings), dict(_described(Settings))
    return {
        f"{SECTION}.{_camel_case(field.name)}": {
            **_declared(hints[field.name]),
            "default": _as_json(field.default),
            "scope": field.metadata.get("scope", "window"),
            "markdownDescription": described[field.name],
        }
        for field in fields(Settings)
    }


def documents() -> dict[Path, str]:
    """The text of each file that holds such data."""
    manifest = json.loads(MANIFEST.read_text("utf-8"))
    (group,) = (one for one in manifest["contributes"]["configuration"] if one["title"] == GROUP)
    group["properties"] = settings()
    phases = [{"number": phase.number, "title": phase.title} for phase in PHASES]
    made = {"phases": phases, "pipelines": list(_pipelines())}
    return {MANIFEST: _written(manifest), GENERATED: _written(made)}


def _pipelines() -> Iterator[dict[str, str]]:
    """Those that a person would run; what they call stands in folders."""
    for name in built_in_names():
        if "/" not in name:
            workflow = load_pipeline(BUILT_IN / f"{name}.yaml", None).workflow
            yield {"name": name, "description": workflow.description}


def _declared(kind: Any) -> dict[str, Any]:
    if kind is Severity:
        return {"type": "string", "enum": [severity.label for severity in Severity]}
    if get_origin(kind) is Literal:
        return {"type": "string", "enum": list(get_args(kind))}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _declared(get_args(kind)[0])}
    return {"type": _TYPES[kind]}


def _as_json(value: Any) -> Any:
    if isinstance(value, Severity):
        return value.label
    return value.value if isinstance(value, Enum) else value


def _described(kind: type) -> Iterator[tuple[str, str]]:
    """The string below each field, which is its documentation."""
    (definition,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(definition, ast.ClassDef)
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, inspect.cleandoc(words)


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _written(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    for file, text in documents().items():
        file.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
