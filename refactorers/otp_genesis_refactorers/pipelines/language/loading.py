"""From a pipeline's file to a `Pipeline` that is known to make sense, with all pipelines that it calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from otp_genesis_refactorers.pipelines.language.messages import problems_of
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.language.names import (
    Calls,
    Names,
    name_problems,
    names_after,
    outputs_problems,
)
from otp_genesis_refactorers.pipelines.language.step_types import Document, FullWorkflow
from otp_genesis_refactorers.pipelines.language.yaml_text import Loc, YamlText, read_yaml
from otp_genesis_refactorers.pipelines.problems import BadPipeline, Problem, nearest
from otp_genesis_refactorers.pipelines.steps.pipeline import CallPipeline

BUILT_IN = Path(__file__).parents[1] / "builtin"
SUFFIX = ".yaml"
MAX_DEPTH = 10


@dataclass(frozen=True)
class Pipeline:
    file: str
    """As the user named it, or the name of a built-in one."""
    workflow: FullWorkflow
    hash: str
    """Of its text and of the texts of all that it calls."""
    calls: Mapping[str, Pipeline] = field(default_factory=dict[str, "Pipeline"])
    """By what its steps have as `file`."""


class NoPipeline(Exception):
    """There is no such file, and no built-in pipeline of that name."""


def built_in_names() -> tuple[str, ...]:
    files = (file.relative_to(BUILT_IN).as_posix() for file in BUILT_IN.rglob(f"*{SUFFIX}"))
    return tuple(sorted(file.removesuffix(SUFFIX) for file in files))


def find_pipeline(named: str, folder: Path) -> Path:
    """A pipeline's file, by its path (from `folder`) or the name of a built-in one. Raises NoPipeline."""
    file = folder / named
    if file.is_file():
        return file
    name = named.removesuffix(SUFFIX)
    if name in built_in_names():
        return BUILT_IN / f"{name}{SUFFIX}"
    near = nearest(name, built_in_names())
    hint = f"did you mean {near!r}?" if near else f"built-in ones are {', '.join(built_in_names())}"
    raise NoPipeline(f"there is no pipeline {named!r}: {hint}")


def load_pipeline(file: Path, given: frozenset[str] | None, shown: str = "") -> Pipeline:
    """Read a pipeline and all that it calls. Nothing is run.

    `given` are the inputs and variables that the user gives a value; None when that is still open. Raises
    `BadPipeline` with every mistake, OSError when the file can't be read.
    """
    return _Loader(file.resolve().parent).load(file, shown or str(file), given, ())


class _Loader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        """All that is called lies in it, or is built in."""

    def load(self, file: Path, shown: str, given: frozenset[str] | None, above: tuple[Path, ...]) -> Pipeline:
        content = file.read_bytes()
        text = read_yaml(shown, content)
        try:
            workflow = Document.model_validate(text.data).workflow
        except ValidationError as error:
            raise BadPipeline(problems_of(text, error)) from error
        problems: list[Problem] = []
        calls: dict[str, Pipeline] = {}
        fields: dict[str, tuple[str, ...]] = {}
        changing: set[str] = set()
        for loc, step in _calling(workflow.steps, ("workflow", "steps")):
            try:
                called = self._called(step, text, loc, file, above)
            except BadPipeline as error:
                problems += error.problems
                continue
            calls[step.file] = called
            fields[step.name] = tuple(called.workflow.outputs)
            if any(each.may_change_code() for each in all_steps(called)):
                changing.add(step.name)
            problems += _input_problems(text, loc, step, called)
        problems += _problems_with_names(text, workflow, given, Calls(fields, frozenset(changing)))
        if problems:
            raise BadPipeline(problems)
        own = blake2b(content, digest_size=16)
        for name in sorted(calls):
            own.update(calls[name].hash.encode())
        return Pipeline(shown, workflow, own.hexdigest(), calls)

    def _called(
        self, step: CallPipeline, text: YamlText, loc: Loc, caller: Path, above: tuple[Path, ...]
    ) -> Pipeline:
        file = self._find(step.file, caller)
        way = (*above, caller.resolve())
        message = instead = ""
        if file is None:
            message = f"there is no pipeline {step.file!r}"
            near = nearest(step.file.removesuffix(SUFFIX), built_in_names())
            instead = f"did you mean '{near}{SUFFIX}'?" if near else "write a path from this file's folder"
        elif file.resolve() in way:
            message, instead = f"{step.file!r} calls itself", "repeat steps with a while_loop"
        elif len(way) >= MAX_DEPTH:
            message, instead = f"pipelines call each other more than {MAX_DEPTH} deep", "call fewer"
        if file is None or message:
            at = text.of_value((*loc, "file"))
            raise BadPipeline([Problem(text.file, at.line, at.column, message, instead)])
        shown = step.file if file.is_relative_to(BUILT_IN) else str(file)
        return self.load(file, shown, None, way)

    def _find(self, named: str, caller: Path) -> Path | None:
        """Beside the caller, else among those built in; nowhere else."""
        path = PurePosixPath(named)
        if path.is_absolute() or ".." in path.parts or "\\" in named:
            return None
        file = caller.parent / named
        if file.is_file() and file.resolve().is_relative_to(self._folder):
            return file
        name = named.removesuffix(SUFFIX)
        return BUILT_IN / f"{name}{SUFFIX}" if name in built_in_names() else None


def _calling(steps: tuple[Step, ...], loc: Loc) -> Iterator[tuple[Loc, CallPipeline]]:
    for index, step in enumerate(steps):
        if isinstance(step, CallPipeline):
            yield (*loc, index), step
        for body in step.bodies():
            yield from _calling(body.steps, (*loc, index, body.key))


def all_steps(pipeline: Pipeline) -> Iterator[Step]:
    """Its own and those of all pipelines that it calls."""
    yield from _below(pipeline.workflow.steps)
    for called in pipeline.calls.values():
        yield from all_steps(called)


def _below(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        for body in step.bodies():
            yield from _below(body.steps)


def _input_problems(text: YamlText, loc: Loc, step: CallPipeline, called: Pipeline) -> Iterator[Problem]:
    wanted = called.workflow.inputs
    for name in step.inputs:
        if name not in wanted and name not in ("input_file", "prompt"):
            near = nearest(name, wanted)
            at = text.of_key((*loc, "inputs", name))
            instead = f"did you mean {near!r}?" if near else f"its inputs are {', '.join(wanted) or 'none'}"
            yield Problem(text.file, at.line, at.column, f"{step.file!r} has no input {name!r}", instead)
    for name, spec in wanted.items():
        if spec.required and spec.default is None and name not in step.inputs:
            at = text.of_value(loc)
            message = f"{step.file!r} needs the input {name!r}"
            yield Problem(text.file, at.line, at.column, message, f"write inputs: and below it {name}: ...")


def _problems_with_names(
    text: YamlText, workflow: FullWorkflow, given: frozenset[str] | None, calls: Calls
) -> Iterator[Problem]:
    names = Names(workflow.inputs, given)
    yield from name_problems(text, workflow.steps, ("workflow", "steps"), names, calls)
    behind = names_after(workflow.steps, names, calls)
    yield from outputs_problems(text, workflow.outputs, ("workflow", "outputs"), behind)
