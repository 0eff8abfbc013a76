"""Whether everything that a pipeline speaks of is there, before any of it is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from otp_genesis_refactorers.pipelines.language.expressions import Reference
from otp_genesis_refactorers.pipelines.language.model import Body, InputSpec, Step
from otp_genesis_refactorers.pipelines.language.prompts import PreviousResponse
from otp_genesis_refactorers.pipelines.language.walking import fields_of, used_in
from otp_genesis_refactorers.pipelines.language.yaml_text import Loc, YamlText
from otp_genesis_refactorers.pipelines.problems import Problem, nearest

ALWAYS = ("input_file", "prompt", "diff_file")
"""Names that every pipeline has. The first two have a value only when the user gave one."""
_OPTIONS = {"input_file": "--input-file FILE", "prompt": "--prompt TEXT"}
ROOTS = ("vars", "inputs", "steps", "loop", "run")
RUN_FIELDS = ("id", "root", "branch", "tokens", "usd")
LOOP_FIELDS = ("index", "number", "first", "previous", "length")
STEP_FIELDS = ("status", "error", "text", "name")

Fields = Mapping[str, tuple[str, ...]]
"""What stands below each step, empty where that is not known."""


@dataclass(frozen=True)
class Calls:
    """What is known of the pipelines that steps call."""

    fields: Fields = field(default_factory=dict[str, tuple[str, ...]])
    """By the name of the calling step."""
    changing: frozenset[str] = frozenset()
    """Names of steps whose pipelines may change the code."""


@dataclass(frozen=True)
class Names:
    """What may be spoken of at one place of a pipeline."""

    inputs: Mapping[str, InputSpec]
    given: frozenset[str] | None
    """Inputs and variables that have a value from outside; None when that is not known yet."""
    variables: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()
    steps: Fields = field(default_factory=dict[str, tuple[str, ...]])
    previous: Fields = field(default_factory=dict[str, tuple[str, ...]])
    in_loop: bool = False
    elsewhere: frozenset[str] = frozenset()
    """Steps of the pipeline that stand later or out of sight."""

    def objection(self, reference: Reference) -> tuple[str, str] | None:
        """Why it can't be spoken of, and what to write instead."""
        root, *rest = reference.way
        match root:
            case "steps":
                return self._of_steps(rest, self.steps, "steps")
            case "loop":
                return self._of_loop(rest)
            case "run":
                return _of_fields("run", rest, RUN_FIELDS)
            case "vars" | "inputs":
                if not rest:
                    return f"{root!r} alone has no value", f"write {root}.NAME"
                return self._of_variable(rest[0], reference.optional)
            case _:
                return self._of_variable(root, reference.optional)

    def of_step(self, name: str) -> tuple[str, str] | None:
        return self._of_steps([name], self.steps, "steps")

    def of_earlier_round(self, name: str) -> tuple[str, str] | None:
        if not self.in_loop:
            return "there is no round before, as this is in no loop", "leave 'round' out"
        return self._of_steps([name], self.previous, "loop.previous")

    def _of_steps(self, rest: list[str], known: Fields, before: str) -> tuple[str, str] | None:
        if not rest:
            return f"{before!r} alone has no value", f"write {before}.NAME"
        name = rest[0]
        if name not in known:
            near = nearest(name, known)
            if near:
                return f"there is no step {name!r}", f"did you mean {near!r}?"
            if name in self.elsewhere:
                return (
                    f"the step {name!r} can't be seen from here",
                    "move it before this one, outside of loops",
                )
            listed = (
                f"steps before this one are {', '.join(known)}" if known else "no step stands before this one"
            )
            return f"there is no step {name!r}", listed
        fields = known[name]
        if len(rest) == 1 or not fields:
            return None
        return _of_fields(f"{before}.{name}", rest[1:], (*fields, *STEP_FIELDS))

    def _of_loop(self, rest: list[str]) -> tuple[str, str] | None:
        if not self.in_loop:
            return "'loop' has no value outside of loops", "name the loop's step: steps.NAME"
        if rest and rest[0] == "previous":
            return self._of_steps(rest[1:], self.previous, "loop.previous") if len(rest) > 1 else None
        return _of_fields("loop", rest, LOOP_FIELDS)

    def _of_variable(self, name: str, optional: bool) -> tuple[str, str] | None:
        if name in self.items or name in self.variables or name == "diff_file":
            return None
        declared = name in self.inputs
        if declared or name in ALWAYS:
            if (
                self.given is None
                or optional
                or name in self.given
                or (declared and _has_value(self.inputs[name]))
            ):
                return None
            return f"{name!r} has no value", f"give it with {_OPTIONS.get(name, f'--var {name}=...')}"
        if self.given and name in self.given:
            return None
        known = {*self.items, *self.variables, *self.inputs, *ALWAYS, *ROOTS}
        if name in self.steps:
            return f"{name!r} is a step, no variable", f"write steps.{name}"
        near = nearest(name, known)
        if near:
            return f"there is no variable {name!r}", f"did you mean {near!r}?"
        return (
            f"there is no variable {name!r}",
            f"declare it under 'inputs:', set it in a step before, or give it with --var {name}=...",
        )


def _has_value(spec: InputSpec) -> bool:
    return not spec.required or spec.default is not None


def _of_fields(what: str, rest: Iterable[str], known: tuple[str, ...]) -> tuple[str, str] | None:
    name = next(iter(rest), None)
    if name is None:
        return f"{what!r} alone has no value", f"write {what}.{known[0]}"
    if name in known:
        return None
    near = nearest(name, known)
    return f"{what!r} has no {name!r}", f"did you mean {near!r}?" if near else f"it has {', '.join(known)}"


def name_problems(
    text: YamlText, steps: tuple[Step, ...], loc: Loc, names: Names, calls: Calls
) -> Iterator[Problem]:
    """Of the steps at `loc`."""
    elsewhere = frozenset(step.name for step in _all(steps))
    yield from _Check(text, calls).of_steps(steps, loc, replace(names, elsewhere=elsewhere))[1]


def outputs_problems(text: YamlText, outputs: Any, loc: Loc, names: Names) -> Iterator[Problem]:
    yield from _Check(text, Calls()).of_value(outputs, loc, names)


def names_after(steps: tuple[Step, ...], names: Names, calls: Calls) -> Names:
    """What may be spoken of behind these steps."""
    for step in steps:
        names = _behind(step, names, calls)
    return names


def _behind(step: Step, names: Names, calls: Calls) -> Names:
    seen = {step.name: calls.fields.get(step.name, step.gives)}
    variables = set(step.sets())
    for body in step.bodies():
        inside = names_after(body.steps, replace(names, steps={}, variables=frozenset()), calls)
        variables |= inside.variables
        if body.seen_after:
            seen |= inside.steps
    return replace(names, steps={**names.steps, **seen}, variables=names.variables | variables)


class _Check:
    def __init__(self, text: YamlText, calls: Calls) -> None:
        self._text = text
        self._calls = calls

    def of_steps(self, steps: tuple[Step, ...], loc: Loc, names: Names) -> tuple[Names, list[Problem]]:
        problems: list[Problem] = []
        for index, step in enumerate(steps):
            at = (*loc, index)
            if step.name in names.steps:
                message = f"another step before this one is called {step.name!r}"
                problems.append(self._problem((*at, "name"), message, "give it a name of its own"))
            problems += self._of_step(step, at, names)
            names = _behind(step, names, self._calls)
        return names, problems

    def _of_step(self, step: Step, loc: Loc, names: Names) -> Iterator[Problem]:
        bodies = step.bodies()
        late = step.worked_out_inside()
        for name, value, key in fields_of(step):
            if name not in late:
                yield from self.of_value(value, (*loc, key), names)
        for body in bodies:
            yield from self._of_body(step, body, loc, names, late)

    def _of_body(
        self, step: Step, body: Body, loc: Loc, names: Names, late: tuple[str, ...]
    ) -> Iterator[Problem]:
        inner = replace(names, items=names.items | frozenset(body.variables))
        if body.is_loop:
            own = names_after(body.steps, replace(names, steps={}, variables=frozenset()), self._calls)
            inner = replace(inner, previous=own.steps, in_loop=True)
        after, problems = self.of_steps(body.steps, (*loc, body.key), inner)
        yield from problems
        for name, value, key in fields_of(step):
            if name in late:
                yield from self.of_value(value, (*loc, key), after)
        if body.at_the_same_time:
            yield from self._changing(body.steps, (*loc, body.key))

    def _changing(self, steps: tuple[Step, ...], loc: Loc) -> Iterator[Problem]:
        for index, step in enumerate(steps):
            if step.may_change_code() or step.sets() or step.name in self._calls.changing:
                message = (
                    f"{step.name!r} changes code or variables in a loop whose rounds run at the same time"
                )
                yield self._problem((*loc, index, "name"), message, "write max_parallel: 1 in the loop")
            for body in step.bodies():
                yield from self._changing(body.steps, (*loc, index, body.key))

    def of_value(self, value: Any, loc: Loc, names: Names) -> Iterator[Problem]:
        for at, offset, used in used_in(value, loc):
            if isinstance(used, PreviousResponse):
                yield from self._of_previous(used, at, names)
                continue
            for reference in used.references:
                objection = names.objection(reference)
                if objection:
                    yield self._problem(at, *objection, offset=offset)

    def _of_previous(self, part: PreviousResponse, loc: Loc, names: Names) -> Iterator[Problem]:
        early = part.round == "previous"
        objection = names.of_earlier_round(part.step) if early else names.of_step(part.step)
        if objection:
            key = "step" if self._text.at((*loc, "step")) is not None else "name"
            yield self._problem((*loc, key), *objection)

    def _problem(self, loc: Loc, message: str, instead: str, offset: int | None = None) -> Problem:
        at = self._text.of_value(loc, offset)
        return Problem(self._text.file, at.line, at.column, message, instead)


def _all(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        for body in step.bodies():
            yield from _all(body.steps)
