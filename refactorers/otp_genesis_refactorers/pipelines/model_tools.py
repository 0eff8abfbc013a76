"""What a model may do in a step: read, edit the isolated copy, commit what was verified. No shell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase import Codebase, TextEdit
from otp_genesis_refactorers.pipelines.outcome import StepFailed

if TYPE_CHECKING:
    from otp_genesis_refactorers.llm.conversation import Tool
    from otp_genesis_refactorers.pipelines.here import Here

ToolName = Literal["read", "search", "findings", "skeleton", "edit", "run_test", "commit"]
CODE_TOOLS = frozenset({"read", "search", "findings", "skeleton", "edit", "run_test", "commit"})
_MOST_FINDINGS = 200
_MOST_OUTPUT = 20_000
_TEXT = {"type": "string"}


def tools_for(
    here: Here, names: Sequence[ToolName], paths: Sequence[str], *, explicit: bool
) -> tuple[Tool, ...]:
    """The tools of these names. A step that names none may commit when there is something to commit.

    A preset's tools are left out where there is no code base for them.
    """
    from otp_genesis_refactorers.llm.tools import reading_tools

    may_commit = not names and not explicit and here.code.is_changed and not here.scope.at_the_same_time
    if not names:
        return (_commit(here),) if may_commit else ()
    try:
        codebase = here.codebase
    except StepFailed:
        if explicit:
            raise
        return ()
    models = here.engine.models
    readers = {tool.name: tool for tool in reading_tools(codebase, models.withholding, models.fence)}
    limited = codebase.limited_to(paths) if paths else codebase
    own = {
        "findings": lambda: _findings(here, codebase),
        "skeleton": lambda: _skeleton(here, codebase),
        "edit": lambda: _edit(limited),
        "run_test": lambda: _run_test(here, codebase),
        "commit": lambda: _commit(here),
    }
    return tuple(readers[name] if name in readers else own[name]() for name in names)


def _commit(here: Here) -> Tool:
    def run(arguments: Mapping[str, object]) -> str:
        message = str(arguments.get("message", "")).strip()
        if not message:
            raise _no("give a message")
        step = f"{here.path}#commit"
        here.engine.journal.intend(here.engine.run, step, {"message": message})
        try:
            commit = here.code.commit(message, step)
        except StepFailed as failure:
            raise _no(str(failure)) from failure
        return f"committed {commit[:12]} on {here.code.branch_name}" if commit else "applied in the editor"

    return _tool(
        "commit",
        "Commit what this run has changed, on its own branch. Refused unless its verification passed.",
        {"message": _TEXT},
        ["message"],
        run,
    )


def _edit(codebase: Codebase) -> Tool:
    def run(arguments: Mapping[str, object]) -> str:
        path, old, new = (str(arguments.get(key, "")) for key in ("path", "old", "new"))
        change = codebase.propose([TextEdit(path, old, new)])
        refused = change if isinstance(change, Refused) else codebase.apply(change)
        if refused is not None:
            raise _no(refused.reason)
        return f"{path} is changed"

    return _tool(
        "edit",
        "Replace a text that stands in a file exactly once; an empty old makes a new file.",
        {"path": _TEXT, "old": _TEXT, "new": _TEXT},
        ["path", "old", "new"],
        run,
    )


def _findings(here: Here, codebase: Codebase) -> Tool:
    def run(arguments: Mapping[str, object]) -> str:
        found = codebase.findings(str(arguments.get("rule", "")), str(arguments.get("path", "")))
        if isinstance(found, Refused):
            raise _no(found.reason)
        lines = [f"{f.path}:{codebase.place(f)[0]}: {f.code} {f.message}" for f in found[:_MOST_FINDINGS]]
        return here.engine.models.fence.around("findings", "\n".join(lines) or "none")

    return _tool("findings", "What the analysis finds.", {"rule": _TEXT, "path": _TEXT}, [], run)


def _skeleton(here: Here, codebase: Codebase) -> Tool:
    def run(arguments: Mapping[str, object]) -> str:
        path = str(arguments.get("path", ""))
        reason = here.engine.models.withholding.reason(path)
        if reason is not None:
            raise _no(f"{path} is not for models: {reason}")
        text = codebase.skeleton(path)
        if isinstance(text, Refused):
            raise _no(text.reason)
        return here.engine.models.fence.around(path, text)

    return _tool(
        "skeleton", "The modules and public functions of an Elixir file.", {"path": _TEXT}, ["path"], run
    )


def _run_test(here: Here, codebase: Codebase) -> Tool:
    def run(arguments: Mapping[str, object]) -> str:
        path = str(arguments.get("path", ""))
        engine = here.engine
        result = codebase.run_test(
            [path], trusted_for_this_run=engine.trusted_for_this_run, cancel=engine.given_up
        )
        if isinstance(result, Refused):
            raise _no(result.reason)
        said = result.run.stdout + result.run.stderr
        return here.engine.models.fence.around(f"mix test {path}: {result.run.status}", said[-_MOST_OUTPUT:])

    return _tool(
        "run_test", "Run the tests of one file in the isolated copy.", {"path": _TEXT}, ["path"], run
    )


def _tool(name: str, description: str, properties: Mapping[str, Any], required: list[str], run: Any) -> Tool:
    from otp_genesis_refactorers.llm.conversation import Tool

    parameters = {
        "type": "object",
        "properties": dict(properties),
        "required": required,
        "additionalProperties": False,
    }
    return Tool(name, description, parameters, run)


def _no(reason: str) -> Exception:
    from otp_genesis_refactorers.llm.conversation import ToolRefused

    return ToolRefused(reason)
