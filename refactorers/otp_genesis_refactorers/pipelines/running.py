"""Running a pipeline, or the rest of one that was cut off: what the command line and the editor call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase import Codebase, open_commit, open_files
from otp_genesis_refactorers.git.changed_lines import checked_out
from otp_genesis_refactorers.pipelines.code_state import CodeState, Deliver, OpenCode
from otp_genesis_refactorers.pipelines.engine import DIFF_FILE, Engine, MaySend
from otp_genesis_refactorers.pipelines.inputs import checked_inputs, from_text
from otp_genesis_refactorers.pipelines.journal import Journal, RunRecord, new_run_id
from otp_genesis_refactorers.pipelines.language.expressions import Expression
from otp_genesis_refactorers.pipelines.language.loading import (
    BUILT_IN,
    Pipeline,
    all_steps,
    find_pipeline,
    load_pipeline,
)
from otp_genesis_refactorers.pipelines.language.model import InputSpec, Step
from otp_genesis_refactorers.pipelines.language.walking import used_in
from otp_genesis_refactorers.pipelines.model_step import ModelStep
from otp_genesis_refactorers.pipelines.models import Models, Spending
from otp_genesis_refactorers.pipelines.outcome import StepFailed
from otp_genesis_refactorers.pipelines.plan_source import PlanOnDisk, PlanSource
from otp_genesis_refactorers.pipelines.problems import nearest
from otp_genesis_refactorers.pipelines.progress import OnNote, OnProgress, unseen
from otp_genesis_refactorers.pipelines.steps.git_commit import GitCommit
from otp_genesis_refactorers.repomix import NotAPack, read_pack


@dataclass(frozen=True)
class Editor:
    """What a run in an editor has instead of git and consent by command line."""

    open_code: OpenCode
    deliver: Deliver
    may_send: MaySend
    plan: PlanSource
    threads: Executor


@dataclass(frozen=True)
class Wish:
    """What is to be run, as a user says it."""

    pipeline: str
    """A file, or the name of a built-in pipeline; empty for that of the run that is taken up."""
    folder: Path
    """Relative paths are from here."""
    root: Path
    """The project's."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    input_file: Path | None = None
    prompt: str | None = None
    resume: str = ""
    """A run that was cut off, or the beginning of its id."""
    replay: Path | None = None
    record: Path | None = None
    trusted_for_this_run: bool = False
    editor: Editor | None = None
    """Whose files it is for, and who gets what is changed; None for a branch."""


@dataclass(frozen=True)
class Ready:
    """A pipeline with all that it needs, checked."""

    pipeline: Pipeline
    file: str
    """What finds it again."""
    given: Mapping[str, Any]
    granted_files: frozenset[str]
    goal_goes_to: str
    resumed: RunRecord | None = None


@dataclass(frozen=True)
class Failure:
    path: str
    reason: str


@dataclass(frozen=True)
class Report:
    """What came of a run. It `is_done` when it reached its end, though items of loops may have failed."""

    run: str
    is_done: bool
    reason: str
    steps_done: int
    steps_reused: int
    failures: tuple[Failure, ...]
    branch: str
    commits: tuple[tuple[str, str], ...]
    """Each with the first line of its message."""
    files: tuple[str, ...]
    """What was written: plan documents, files of steps."""
    outputs: Mapping[str, Any]
    spent: Spending
    last_text: str = ""
    """What the last step gave, in words."""
    codebase: Codebase | None = None
    """As the run left it; None where no step asked for it."""


class CantRun(Exception):
    """What was asked for makes no sense. Its text is one line for people."""


def prepare(wish: Wish, journal: Journal) -> Ready:
    """Find and check everything before anything runs. Raises BadPipeline, NoPipeline, CantRun, OSError."""
    resumed = _resumed(wish, journal)
    named = wish.pipeline or (resumed.file if resumed else "")
    if not named:
        raise CantRun("which pipeline? name a file or a built-in one")
    given = dict(resumed.given) if resumed else {}
    if wish.input_file is not None:
        given["input_file"] = str((wish.folder / wish.input_file).absolute())
    if wish.prompt is not None:
        given["prompt"] = wish.prompt
    file = find_pipeline(named, wish.folder)
    pipeline = load_pipeline(file, frozenset({*given, *wish.variables}), _shown(file, named))
    declared = pipeline.workflow.inputs
    _refuse_unknown(pipeline, wish.variables)
    given |= {name: _variable(name, declared.get(name), text) for name, text in wish.variables.items()}
    try:
        given = checked_inputs(declared, given)
    except StepFailed as error:
        raise CantRun(str(error)) from error
    granted = _granted_files(wish, declared, given)
    goal = _first_model_step(pipeline) if given.get("prompt") and not _speaks_of_prompt(pipeline) else ""
    kept = named if file.is_relative_to(BUILT_IN) else str(file.absolute())
    return Ready(pipeline, kept, given, granted, goal, resumed)


async def run(
    wish: Wish,
    ready: Ready,
    journal: Journal,
    *,
    on_progress: OnProgress = unseen,
    on_note: OnNote = unseen,
    on_begin: Callable[[str], None] = unseen,
) -> Report:
    """Run it. What goes wrong is in the report; raises RunBusy, sqlite3.Error, and what cancels it."""
    id_ = ready.resumed.id if ready.resumed else new_run_id()
    with journal.held(id_):
        output = journal.folder_of(id_) / "output"
        output.mkdir(exist_ok=True)
        (output / DIFF_FILE).touch()
        # Without a commit of its own a run goes on from what is checked out now: there it can be committed.
        base = ready.resumed.base_commit if ready.resumed and ready.resumed.branch else ""
        editor = wish.editor
        open_code = editor.open_code if editor else _opener(wish)
        code = CodeState(wish.root, id_, open_code, base, editor.deliver if editor else None)
        workflow = ready.pipeline.workflow
        models = Models(wish.root, id_, journal, workflow.budget, wish.replay, wish.record)
        engine = Engine(
            run=id_,
            pipeline=ready.pipeline,
            journal=journal,
            code=code,
            models=models,
            plan=editor.plan if editor else PlanOnDisk(wish.root),
            output_folder=output,
            given=ready.given,
            granted_files=ready.granted_files,
            trusted_for_this_run=wish.trusted_for_this_run,
            on_progress=on_progress,
            on_note=on_note,
            goal_goes_to=ready.goal_goes_to,
            threads=editor.threads if editor else None,
            may_send=editor.may_send if editor else None,
        )
        journal.begin(id_, workflow.name, ready.file, ready.pipeline.hash, wish.root, ready.given)
        journal.forget_old()
        on_begin(id_)
        return await _run(engine)


async def _run(engine: Engine) -> Report:
    reason, outputs = "", dict[str, Any]()
    try:
        try:
            loop, title = asyncio.get_running_loop(), engine.pipeline.workflow.name
            if any(isinstance(step, GitCommit) for step in all_steps(engine.pipeline)):
                await loop.run_in_executor(engine.threads, engine.code.check_branch)
            outputs = await engine.run_pipeline()
            await loop.run_in_executor(engine.threads, engine.code.deliver_rest, title)
        except StepFailed as failure:
            reason = str(failure)
        engine.journal.end(engine.run, "failed" if reason else "done", reason)
    except (asyncio.CancelledError, KeyboardInterrupt):
        engine.journal.end(engine.run, "cancelled", "it was cancelled")
        raise
    finally:
        engine.given_up.set()
        await engine.models.close()
    return _report(engine, reason, outputs)


def _report(engine: Engine, reason: str, outputs: Mapping[str, Any]) -> Report:
    failures: list[Failure] = []
    commits: list[tuple[str, str]] = []
    files: list[str] = []
    for step in engine.journal.results(engine.run):
        # What failed inside a step is said where it failed.
        is_told = step.error.startswith(f"{step.path}[") or step.error.startswith(f"{step.path}/")
        if step.error and not is_told and f"{step.path}: {step.error}" != reason:
            failures.append(Failure(step.path, step.error))
        if step.commit:
            commits.append((step.commit, step.message.partition("\n")[0]))
        files += step.files
    return Report(
        run=engine.run,
        is_done=not reason,
        reason=reason,
        steps_done=engine.steps_done,
        steps_reused=engine.steps_reused,
        failures=tuple(failures),
        branch=engine.code.branch_name,
        commits=tuple(commits),
        files=tuple(dict.fromkeys(files)),
        outputs=outputs,
        spent=engine.models.spent(),
        last_text=_last_text(engine),
        codebase=engine.code.opened,
    )


def _last_text(engine: Engine) -> str:
    outcome = engine.journal.last_outcome(engine.run, engine.pipeline.workflow.steps[-1].name)
    return outcome.as_text() if outcome else ""


def _resumed(wish: Wish, journal: Journal) -> RunRecord | None:
    if not wish.resume:
        return None
    record = journal.run(wish.resume)
    if record is None:
        near = nearest(wish.resume, [each.id for each in journal.runs()])
        hint = f"did you mean {near}?" if near else "'otp-genesis runs' lists them"
        raise CantRun(f"there is no run {wish.resume!r}: {hint}")
    if record.root != str(wish.root):
        raise CantRun(f"the run {record.id} is of the project in {record.root}: take it up there")
    if record.status == "done":
        raise CantRun(f"the run {record.id} has come to its end already")
    if record.status == "running":
        raise CantRun(f"the run {record.id} is under way in another process: wait for it, or end it")
    return record


def _variable(name: str, declared: InputSpec | None, text: str) -> Any:
    try:
        return from_text(declared, text)
    except StepFailed as error:
        raise CantRun(f"--var {name}: {error}") from error


def _granted_files(wish: Wish, declared: Mapping[str, InputSpec], given: dict[str, Any]) -> frozenset[str]:
    """The files that the user names, which are absolute in `given` from now on."""
    names = {name for name, spec in declared.items() if spec.type == "path"} | {"input_file"}
    for name in names:
        if given.get(name):
            given[name] = str((wish.folder / given[name]).absolute())
            if not Path(given[name]).is_file():
                raise CantRun(f"{given[name]} is no file that can be read")
    return frozenset(given[name] for name in names if given.get(name))


def _opener(wish: Wish) -> OpenCode:
    def open_code(commit: str) -> Codebase | Refused:
        if commit or checked_out(wish.root):
            return open_commit(wish.root, commit or "HEAD")
        return open_files(wish.root, _packed(wish))

    return open_code


def _packed(wish: Wish) -> Mapping[str, bytes]:
    """The files of a pack that the disk lacks, where the user gave one."""
    if wish.input_file is None:
        return {}
    try:
        files = read_pack((wish.folder / wish.input_file).read_bytes()).files
    except (OSError, NotAPack):
        return {}
    return {path: content for path, content in files.items() if not (wish.root / path).exists()}


def _shown(file: Path, named: str) -> str:
    return named if Path(named).name == file.name else f"{named} (built in)"


def _refuse_unknown(pipeline: Pipeline, variables: Mapping[str, str]) -> None:
    known = {*pipeline.workflow.inputs, *_spoken_of(pipeline.workflow.steps)}
    for name in variables:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near!r}?" if near else f"it has {', '.join(sorted(known)) or 'none'}"
            raise CantRun(f"--var {name}: the pipeline has no variable of that name: {hint}")


def _spoken_of(steps: tuple[Step, ...]) -> Iterator[str]:
    """The bare names that expressions begin with."""
    for step in steps:
        for _, _, used in used_in([getattr(step, name) for name in type(step).model_fields]):
            if isinstance(used, Expression):
                for reference in used.references:
                    yield reference.way[0]
                    if reference.way[0] in ("vars", "inputs"):
                        yield from reference.way[1:2]
        for body in step.bodies():
            yield from _spoken_of(body.steps)


def _speaks_of_prompt(pipeline: Pipeline) -> bool:
    inner = tuple(all_steps(pipeline))
    return "prompt" in set(_spoken_of(inner)) or "prompt" in pipeline.workflow.inputs


def _first_model_step(pipeline: Pipeline) -> str:
    return next(_paths_of_model_steps(pipeline.workflow.steps, ""), "")


def _paths_of_model_steps(steps: tuple[Step, ...], above: str) -> Iterator[str]:
    for step in steps:
        path = f"{above}{step.name}"
        if isinstance(step, ModelStep):
            yield path
        for body in step.bodies():
            yield from _paths_of_model_steps(body.steps, f"{path}{'[0]' if body.is_loop else ''}/")
