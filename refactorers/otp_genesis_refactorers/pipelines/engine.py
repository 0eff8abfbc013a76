"""Running a pipeline: its steps in order, each written down before the next one begins.

A run that was killed is taken up again by running it once more: a step whose inputs are what they were gives
what it gave then. So nothing needs to know where the run had come to.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, cast

from otp_genesis_refactorers.pipelines.code_state import CodeState
from otp_genesis_refactorers.pipelines.here import Here, previous
from otp_genesis_refactorers.pipelines.journal import Journal, StepRecord
from otp_genesis_refactorers.pipelines.language.loading import Pipeline
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.language.prompts import PreviousResponse
from otp_genesis_refactorers.pipelines.language.walking import used_in
from otp_genesis_refactorers.pipelines.models import Models
from otp_genesis_refactorers.pipelines.outcome import Outcome, StepFailed
from otp_genesis_refactorers.pipelines.plan_source import PlanSource
from otp_genesis_refactorers.pipelines.progress import OnNote, OnProgress, Progress, unseen
from otp_genesis_refactorers.pipelines.scope import Scope

if TYPE_CHECKING:
    from otp_genesis_refactorers.llm.connecting import Model
    from otp_genesis_refactorers.llm.preview import Preview

DIFF_FILE = "run.diff"
MaySend = Callable[["Model", "Preview"], Awaitable[bool]]


@dataclass
class Engine:
    """One run in this process."""

    run: str
    pipeline: Pipeline
    journal: Journal
    code: CodeState
    models: Models
    plan: PlanSource
    output_folder: Path
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the user gave, by name; also what the pipeline declares as its inputs."""
    granted_files: frozenset[str] = frozenset()
    """Files outside of the code base that the user named."""
    trusted_for_this_run: bool = False
    on_progress: OnProgress = unseen
    on_note: OnNote = unseen
    goal_goes_to: str = ""
    """The path of the step whose prompt ends with the user's goal; empty where the pipeline speaks of it."""
    threads: Executor | None = None
    """Where what takes long is done; None for the event loop's own."""
    may_send: MaySend | None = None
    """Asks the user before something is sent to a model; None where to run the pipeline is their consent."""
    given_up: Event = field(default_factory=Event)
    """Set at the end of the run, for threads that nobody waits for."""
    steps_done: int = 0
    steps_reused: int = 0
    _began: float = field(default_factory=time.monotonic)

    async def run_pipeline(self) -> Mapping[str, Any]:
        """Run all of it; give its outputs. Raises `StepFailed`."""
        deadline_seconds = self.pipeline.workflow.budget.deadline_s
        limit = asyncio.timeout(deadline_seconds)
        scope = self.scope_of(self.pipeline, self.given)
        here = Here(self, self.pipeline, scope, "")
        try:
            async with limit:
                await self.run_steps(self.pipeline.workflow.steps, here)
            return {name: here.value(data) for name, data in self.pipeline.workflow.outputs.items()}
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise StepFailed(f"the run has reached its deadline of {deadline_seconds:g} s") from error

    def scope_of(self, pipeline: Pipeline, given: Mapping[str, Any]) -> Scope:
        """The names of a pipeline at its start."""
        declared = pipeline.workflow.inputs
        inputs = {name: given.get(name, spec.default) for name, spec in declared.items()}
        others = {name: value for name, value in given.items() if name not in declared}
        others["diff_file"] = str(self.output_folder / DIFF_FILE)
        return Scope(inputs, others, {}, ChainMap())

    def described(self) -> Mapping[str, Any]:
        """What `run` means in expressions."""
        spent = self.models.spent()
        return {
            "id": self.run,
            "root": str(self.code.root),
            "branch": self.code.branch_name,
            "tokens": spent.tokens,
            "usd": spent.dollars,
        }

    def report(self, path: str, doing: str = "") -> None:
        spent = self.models.spent()
        self.on_progress(Progress(self.steps_done, path, doing, spent.tokens, spent.dollars))

    async def run_steps(self, steps: tuple[Step, ...], around: Here) -> Scope:
        """Run steps one after another; the scope of `around` learns what they give."""
        for step in steps:
            path = f"{around.path}/{step.name}" if around.path else step.name
            outcome = await self._step(step, replace(around, path=path))
            around.scope.steps[step.name] = outcome
        return around.scope

    async def _step(self, step: Step, here: Here) -> Outcome:
        self.report(here.path)
        if step.condition is not None and not step.checks_condition and not here.holds(step.condition):
            for name in _names_inside(step):
                here.scope.steps[name] = Outcome("skipped")
            return Outcome("skipped")
        if self.steps_done >= self.pipeline.workflow.budget.steps:
            many = f"the run has done {self.steps_done} steps, as many as its budget allows"
            raise StepFailed(many, names_step=True)
        if not step.is_reused:
            return await self._attempt(step, here, "")
        input_hash = await self._input_hash(step, here)
        kept = self.journal.done(self.run, here.path, input_hash)
        if kept is not None and kept.outcome is not None:
            return await self._again(step, kept, kept.outcome, here)
        return await self._attempt(step, here, input_hash)

    async def _again(self, step: Step, kept: StepRecord, outcome: Outcome, here: Here) -> Outcome:
        """What the step gave and did before, without doing it."""
        if kept.state:
            await here.in_thread(lambda _: self._restore(kept.state))
        step.take_effect(outcome, here)
        self.steps_done += 1
        self.steps_reused += 1
        self.report(here.path)
        return outcome

    def _restore(self, state: str) -> None:
        self.code.restore(state)
        self._write_diff()

    async def _attempt(self, step: Step, here: Here, input_hash: str) -> Outcome:
        before = self.code.dump()
        attempt = self.journal.step_began(self.run, here.path, step.kind, input_hash)
        broken = names_step = False
        try:
            outcome = await self._within_time(step, here)
        except StepFailed as failure:
            outcome, names_step = Outcome("failed", error=str(failure)), failure.names_step
            if failure.retry_asks_again:
                self.journal.replies(self.run, here.path).void()
            broken = self._on_error(step, here) == "stop"
        outcome = self._with_file(step, outcome, here)
        after = await here.in_thread(lambda _: self.code.dump()) if step.changes_code else ""
        if after != before:
            await here.in_thread(lambda _: self._write_diff())
        state = after if after != before and step.is_reused else ""
        self.journal.step_ended(self.run, here.path, attempt, outcome, state, broken=broken)
        if broken:
            reason = outcome.error if names_step else f"{here.path}: {outcome.error}"
            raise StepFailed(reason, names_step=True)
        step.take_effect(outcome, here)
        self.steps_done += 1
        spent = self.models.spent()
        self.journal.note_progress(self.run, self.steps_done, spent.tokens, spent.dollars)
        self.journal.note_commit(self.run, self.code.base_commit, self.code.branch_name)
        self.report(here.path)
        return outcome

    async def _within_time(self, step: Step, here: Here) -> Outcome:
        seconds = step.timeout_s or (here.pipeline.workflow.defaults.timeout_s if step.is_reused else None)
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await step.run(here)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise StepFailed(f"it took longer than {seconds:g} s") from error

    def _on_error(self, step: Step, here: Here) -> str:
        if "on_error" in step.model_fields_set:
            return step.on_error
        return here.pipeline.workflow.defaults.on_error or step.on_error

    def _with_file(self, step: Step, outcome: Outcome, here: Here) -> Outcome:
        if step.output_to_file is None or outcome.status == "failed":
            return outcome
        file = here.own_file(here.text(step.output_to_file))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(outcome.as_text(), encoding="utf-8", errors="surrogateescape")
        return replace(outcome, values={**outcome.values, "output_file": str(file)})

    def _write_diff(self) -> None:
        file = self.output_folder / DIFF_FILE
        file.write_text(self.code.codebase.diff(), encoding="utf-8", errors="surrogateescape")

    async def _input_hash(self, step: Step, here: Here) -> str:
        """Of all that decides what the step gives: what it is, what it speaks of, the code it reads."""
        names = here.scope.names(self.described())
        spoken_of: dict[str, Any] = {}
        for _, used in ((key, used) for key, _, used in used_in(_own_fields(step))):
            if isinstance(used, PreviousResponse):
                outcome = previous(here.scope, used.step, early=used.round == "previous")
                spoken_of[f"{used.round} {used.step}"] = outcome and outcome.dump()
            else:
                spoken_of |= {".".join(each.way): _looked_up(names, each.way) for each in used.references}
        parts = [
            repr(step),
            _as_json(spoken_of),
            await here.in_thread(lambda _: self.code.hash())
            if step.depends_on_code() or self.code.is_changed
            else "",
            _as_json(await step.depends_on(here)),
        ]
        return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _own_fields(step: Step) -> list[Any]:
    return [getattr(step, name) for name in type(step).model_fields]


def _looked_up(names: Mapping[str, Any], way: tuple[str, ...]) -> Any:
    """The value of `steps.plan.tasks`; of what it leads through, where that is no mapping."""
    value: Any = names
    for name in way:
        if not isinstance(value, Mapping) or name not in value:
            break
        value = cast(Mapping[str, Any], value)[name]
    return None if value is names else cast(Any, value)


def _names_inside(step: Step) -> list[str]:
    return [inner.name for body in step.bodies() if body.seen_after for inner in body.steps]


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
