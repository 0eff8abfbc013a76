"""`analyze`: what is wrong with the code base, as `otp-genesis check` says it; as a plan where asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from otp_genesis_analyzers.findings import Finding
from otp_genesis_refactorers.applying.write import HalfWritten, NotWritten
from otp_genesis_refactorers.change import Outdated, Refused
from otp_genesis_refactorers.codebase import Codebase
from otp_genesis_refactorers.fixes import fix
from otp_genesis_refactorers.pipelines.findings_data import as_data
from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Text
from otp_genesis_refactorers.pipelines.language.model import Part, Step
from otp_genesis_refactorers.pipelines.language.templates import parse_template
from otp_genesis_refactorers.pipelines.outcome import Outcome, StepFailed
from otp_genesis_refactorers.plan.documents import write_plan
from otp_genesis_refactorers.plan.from_findings import from_findings
from otp_genesis_refactorers.plan.model import Step as PlanStep


class PlanWish(Part):
    goal: Text | None = Field(
        default=None, description="What the refactoring is for", examples=["{{ prompt }}"]
    )
    write: Text = Field(
        default=parse_template("project"),
        description="'project': its documents go to .otp-genesis/plan; 'run': to the run's own folder",
        examples=["run"],
    )


class Analyze(Step):
    """Gives `findings`; with `plan` also `tasks`, the plan's steps in their order, and `documents`."""

    gives = ("findings", "count", "by_code", "paths", "tasks", "documents")

    type: Literal["analyze"]
    rule: Text | None = Field(default=None, description="Only this one, by code or name", examples=["OTP101"])
    path: Text | None = Field(default=None, description="Only this file", examples=["lib/shop/mailer.ex"])
    plan: PlanWish | None = Field(default=None, examples=["{goal: Survive every crash}"])

    async def run(self, here: Here) -> Outcome:
        rule = here.text(self.rule) if self.rule else ""
        path = here.text(self.path) if self.path else ""
        goal = here.text(self.plan.goal) if self.plan and self.plan.goal else ""
        folder = _plan_folder(here, here.text(self.plan.write)) if self.plan else None
        return await here.in_thread(lambda _: self._analysed(here, rule, path, goal, folder))

    def _analysed(self, here: Here, rule: str, path: str, goal: str, folder: Path | None) -> Outcome:
        codebase = here.codebase
        found = codebase.findings(rule, path)
        if isinstance(found, Refused):
            raise StepFailed(found.reason)
        data = {finding.fingerprint: as_data(codebase, finding) for finding in found}
        values: dict[str, Any] = {
            "findings": list(data.values()),
            "count": len(data),
            "by_code": dict(sorted(Counter(finding.code for finding in found).items())),
            "paths": sorted({finding.path for finding in found}),
            "tasks": [],
            "documents": [],
        }
        if self.plan is not None:
            values["tasks"] = _tasks(codebase, found, data)
            values["documents"] = _written(codebase, found, goal, folder)
        lines = [f"{each['path']}:{each['line']}: {each['code']} {each['message']}" for each in data.values()]
        return Outcome(values=values, text="\n".join(lines) or "nothing was found")


def _plan_folder(here: Here, write: str) -> Path | None:
    if write not in ("project", "run"):
        raise StepFailed(f"'write' gives {write!r:.60}: it has to be 'project' or 'run'")
    return here.engine.output_folder / "plan" if write == "run" else None


def _written(codebase: Codebase, found: Sequence[Finding], goal: str, folder: Path | None) -> list[str]:
    try:
        written = write_plan(codebase.project, found, codebase.root, goal, folder)
    except (NotWritten, HalfWritten, Outdated) as error:
        raise StepFailed(str(error)) from error
    return [str(file.path) for file in written.files]


def _tasks(codebase: Codebase, found: Sequence[Finding], data: dict[str, Any]) -> list[dict[str, Any]]:
    """The plan's steps, each with the findings that it is about."""
    try:
        phases = from_findings(found, codebase.project, fix)
    except (OSError, Outdated) as error:
        raise StepFailed(str(error)) from error
    return [_task(phase.number, step, data) for phase in phases for step in phase.steps]


def _task(phase: int, step: PlanStep, data: dict[str, Any]) -> dict[str, Any]:
    about = [each for id_ in step.findings for fingerprint, each in data.items() if id_ in fingerprint]
    first = step.places[0]
    return {
        "id": step.id,
        "title": step.title,
        "phase": phase,
        "problem": step.problem,
        "test": step.test,
        "path": first.path,
        "line": first.line,
        "findings": about,
        "fix": about[0]["fix"] if about else None,
    }
