"""`for_loop`: the same steps for each item of a list, one after another or several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal, cast

from pydantic import Field

from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Formula, Json, Variable, When
from otp_genesis_refactorers.pipelines.language.model import Body, Step
from otp_genesis_refactorers.pipelines.language.step_types import Steps
from otp_genesis_refactorers.pipelines.outcome import Outcome, StepFailed
from otp_genesis_refactorers.pipelines.scope import Scope

Result = dict[str, Any]


class ForLoop(Step):
    """Gives `results`, one an item: its `status`, `error`, and as `value` what `collect` says of the round.

    Of rounds that are over nothing else is kept in memory.
    """

    gives = ("results", "count", "done", "failed", "values", "broken_off")
    is_reused = False
    reads_code = False

    type: Literal["for_loop"]
    items: Formula | list[Json] = Field(
        description="A list, or an expression that gives one", examples=["steps.plan.tasks"]
    )
    as_: Variable = Field(
        default="item", alias="as", validation_alias="as", description="The name of the item"
    )
    steps: Steps
    max_parallel: Annotated[int, Field(ge=1, le=64)] = Field(default=1, description="Rounds at the same time")
    max_items: Annotated[int, Field(ge=0)] | Formula | None = Field(
        default=None, description="More items than these are left out", examples=[10]
    )
    on_item_error: Literal["stop", "continue"] = Field(
        default="stop", description="What becomes of the loop when a round fails"
    )
    break_if: When | None = Field(
        default=None,
        description="Ends the loop after a round in which this holds",
        examples=["steps.check.count == 0"],
    )
    collect: Json = Field(
        default=None, description="What is kept of each round", examples=["{{ steps.fix.diff }}"]
    )

    def bodies(self) -> tuple[Body, ...]:
        at_once = self.max_parallel > 1
        return (Body("steps", self.steps, (self.as_,), is_loop=True, at_the_same_time=at_once),)

    def worked_out_inside(self) -> tuple[str, ...]:
        return ("break_if", "collect")

    async def run(self, here: Here) -> Outcome:
        items = self._items(here)
        results: list[Result | None] = [None] * len(items)
        rounds = _Rounds(enumerate(items))
        workers = min(self.max_parallel, len(items))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._work(here, rounds, results, len(items)))
        except* StepFailed as failures:
            raise _first(failures) from None
        done: list[Result] = [each for each in results if each is not None]
        failed = [each for each in done if each["status"] == "failed"]
        return Outcome(
            values={
                "results": done,
                "values": [each["value"] for each in done if each["status"] != "failed"],
                "count": len(done),
                "done": len(done) - len(failed),
                "failed": len(failed),
                "broken_off": rounds.is_over,
            }
        )

    def _items(self, here: Here) -> list[Any]:
        given = here.value(self.items)
        if not isinstance(given, list):
            raise StepFailed(f"'items' gives {given!r:.60}, which is no list")
        items = cast(list[Any], given)
        limit = len(items) if self.max_items is None else self.max_items
        limit = limit if isinstance(limit, int) else here.value(limit)
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise StepFailed(f"'max_items' gives {limit!r:.60}, which is no whole number")
        return items[: max(0, limit)]

    async def _work(self, here: Here, rounds: _Rounds, results: list[Result | None], length: int) -> None:
        earlier: Scope | None = None
        for index, item in rounds:
            scope = self._scope(here, index, item, length, earlier)
            at = replace(here, scope=scope)
            try:
                await at.run_steps(self.steps, scope, f"[{index}]")
                value = replace(at, scope=scope).value(self.collect)
                results[index] = {"status": "done", "error": "", "value": value}
                if self.break_if is not None and at.holds(self.break_if):
                    rounds.is_over = True
            except StepFailed as failure:
                if self.on_item_error == "stop":
                    raise
                results[index] = {"status": "failed", "error": str(failure), "value": None}
            earlier = scope if self.max_parallel == 1 else None

    def _scope(self, here: Here, index: int, item: Any, length: int, earlier: Scope | None) -> Scope:
        return replace(
            here.scope.inside(),
            items={**here.scope.items, self.as_: item},
            loop={"index": index, "number": index + 1, "first": index == 0, "length": length},
            at_the_same_time=here.scope.at_the_same_time or self.max_parallel > 1,
            earlier_round=dict(earlier.steps.maps[0]) if earlier else {},
        )


class _Rounds:
    """The items that are still to do, which the workers share."""

    def __init__(self, items: Iterator[tuple[int, Any]]) -> None:
        self._items = items
        self.is_over = False

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        return self

    def __next__(self) -> tuple[int, Any]:
        if self.is_over:
            raise StopIteration
        return next(self._items)


def _first(group: BaseExceptionGroup[StepFailed]) -> StepFailed:
    first = group.exceptions[0]
    return first if isinstance(first, StepFailed) else _first(first)
