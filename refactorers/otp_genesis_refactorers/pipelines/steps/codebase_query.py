"""`codebase_query`: questions about the code base that analysis answers, not text search."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase import Codebase
from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Formula, Text, refusal
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.outcome import Outcome, StepFailed

_NEEDS = {
    "skeleton": ("path",),
    "definition": ("path", "line"),
    "modules": (),
    "functions": (),
    "files": (),
    "related": ("path",),
    "changes": (),
}


class CodebaseQuery(Step):
    """`files`, `modules`, `functions` of all paths or a glob; `skeleton`, `definition`, `related` of one;
    `changes` is what the run has changed since its last commit."""

    gives = ("paths", "modules", "functions", "content", "path", "first", "last", "count", "diff")

    type: Literal["codebase_query"]
    query: Literal["files", "modules", "functions", "skeleton", "definition", "related", "changes"]
    glob: Text | None = Field(default=None, description="As in .gitignore", examples=["lib/**/*.ex"])
    path: Text | None = Field(default=None, examples=["lib/shop/mailer.ex"])
    line: Formula | None = Field(default=None, description="Of a definition, from 1", examples=["item.line"])

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> CodebaseQuery:
        for key in _NEEDS[self.query]:
            if getattr(self, key) is None:
                raise refusal(f"the query {self.query!r} needs {key!r}", f"write {key}: ...")
        return self

    async def run(self, here: Here) -> Outcome:
        glob = here.text(self.glob) if self.glob else ""
        path = here.text(self.path) if self.path else ""
        line = here.value(self.line) if self.line else 0
        if isinstance(line, bool) or not isinstance(line, int):
            raise StepFailed(f"'line' gives {line!r:.60}, which is no whole number")
        return await here.in_thread(lambda _: self._answered(here.codebase, glob, path, line))

    def _answered(self, codebase: Codebase, glob: str, path: str, line: int) -> Outcome:
        match self.query:
            case "files":
                paths = list(_given(codebase.paths(glob)))
                return Outcome(values={"paths": paths, "count": len(paths)}, text="\n".join(paths))
            case "skeleton":
                text = _given(codebase.skeleton(path))
                return Outcome(values={"content": text, "path": path}, text=text)
            case "definition":
                found = _given(codebase.definition(path, line))
                values = {"content": found.text, "path": path, "first": found.first, "last": found.last}
                return Outcome(values=values, text=found.text)
            case "changes":
                diff = codebase.diff()
                paths = sorted(codebase.changed)
                values = {"diff": diff, "paths": paths, "count": len(paths)}
                return Outcome(values=values, text=diff or "nothing is changed")
            case "related":
                paths = _related(codebase, path)
                return Outcome(values={"paths": paths, "count": len(paths)}, text="\n".join(paths))
            case "modules" | "functions":
                entries = _entries(codebase, glob, functions=self.query == "functions")
                lines = [f"{each['path']}: {each['name']}" for each in entries]
                return Outcome(values={self.query: entries, "count": len(entries)}, text="\n".join(lines))


def _entries(codebase: Codebase, glob: str, *, functions: bool) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for path in _given(codebase.paths(glob)):
        if path not in codebase.project.files:
            continue
        for module in codebase.project.all_facts(path).modules:
            if not functions:
                entries.append({"path": path, "name": module.name})
                continue
            entries += [
                {"path": path, "name": f"{module.name}.{each.name}/{each.arity}", "kind": each.kind}
                for each in module.functions
                if each.kind != "body"
            ]
    return entries


def _related(codebase: Codebase, path: str) -> list[str]:
    """Files that call a module of this one, or that it calls."""
    project = codebase.project
    if path not in project.files:
        raise StepFailed(f"{path} is no Elixir file of the code base")
    names = {file: {module.name for module in project.all_facts(file).modules} for file in project.files}
    called = {file: _called_modules(codebase, file) for file in project.files}
    return sorted(
        other
        for other in project.files
        if other != path and (called[other] & names[path] or called[path] & names[other])
    )


def _called_modules(codebase: Codebase, path: str) -> set[str]:
    return {
        call.module
        for module in codebase.project.all_facts(path).modules
        for function in module.functions
        for clause in function.clauses
        for call in clause.calls
    }


def _given(answer: Any) -> Any:
    if isinstance(answer, Refused):
        raise StepFailed(answer.reason)
    return answer
