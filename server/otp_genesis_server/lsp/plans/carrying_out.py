"""Carrying out items of a plan: the pipeline `run_plan`, on what the editor shows."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otp_genesis_refactorers.gates import static_gates
from otp_genesis_refactorers.gates.running import running_gates
from otp_genesis_refactorers.pipelines.journal import Journal, RunBusy
from otp_genesis_refactorers.pipelines.progress import Progress
from otp_genesis_refactorers.pipelines.running import Report, Wish
from otp_genesis_refactorers.plan.open_items import OpenItem
from otp_genesis_refactorers.proof.evidence import Evidence, stored
from otp_genesis_server.lsp.jobs import pipelines
from otp_genesis_server.lsp.plans.source import PlanInEditor, items_of
from otp_genesis_server.lsp.plans.stale_items import how_it_stands
from otp_genesis_server.lsp.plans.standing import project_of
from otp_genesis_server.lsp.work.asked import failed
from otp_genesis_server.lsp.work.long_work import Work

if TYPE_CHECKING:
    from otp_genesis_server.lsp.server import Server
    from otp_genesis_server.lsp.workspace.folder import Folder

_PIPELINE = "run_plan"
_ITEM = re.compile(r"each_item\[(\d+)\]")
"""Which one a step of the pipeline is about, from 0."""


@dataclass(frozen=True)
class Done:
    """What came of one item. `reason` is empty when all that was asked for was done."""

    number: str
    title: str
    applied: bool = False
    evidence: Evidence | None = None
    reason: str = ""


OnDone = Callable[[Done], None]


async def carry_out(
    ls: Server,
    folder: Folder,
    wanted: Sequence[str],
    work: Work,
    *,
    trusted: bool,
    applies: bool = True,
    on_done: OnDone = lambda _: None,
) -> None:
    """Put items, by their ids, through all gates; what is verified into the files and into the plan.

    `on_done` is told of each item, also of those before it was cancelled. Raises JsonRpcException.
    """
    stands = await how_it_stands(ls, folder.root)
    if stands is None:
        raise failed(f"{folder.root} could not be read")
    items = {item.id: item for _, item in items_of(stands) if item.id in wanted}
    by_project: dict[Path, list[OpenItem]] = {}
    for item in items.values():
        path = item.findings[0].path if item.findings else ""
        by_project.setdefault(project_of(stands.snapshot, path), []).append(item)
    before = 0
    for root, own in by_project.items():
        bar = _Bar(work, own, before, len(items))
        await _in_project(ls, folder, root, own, bar, trusted=trusted, applies=applies, on_done=on_done)
        before += len(own)


async def _in_project(
    ls: Server,
    folder: Folder,
    root: Path,
    items: Sequence[OpenItem],
    bar: _Bar,
    *,
    trusted: bool,
    applies: bool,
    on_done: OnDone,
) -> None:
    plan = PlanInEditor(ls, folder, root, asyncio.get_running_loop())
    variables = {"items": json.dumps([item.id for item in items]), "apply": json.dumps(applies)}
    asked = Wish(_PIPELINE, root, root, variables)
    try:
        with closing(Journal()) as journal:
            ready = pipelines.prepared(asked, journal)
            report = await pipelines.performed(
                ls, folder, asked, ready, journal, plan, allowed=trusted, show=bar.show
            )
    except asyncio.CancelledError:
        for item in items:
            if item.id in plan.noted:
                evidence, left = plan.noted[item.id]
                on_done(Done(item.number, item.title, True, evidence, left))
        raise
    except (RunBusy, sqlite3.Error) as error:
        raise failed(str(error)) from error
    outcomes = _outcomes(report)
    for item in items:
        outcome = outcomes.get(item.id)
        failure = Done(item.number, item.title, reason=report.reason)
        on_done(_done(item, outcome, root) if outcome else failure)


def _outcomes(report: Report) -> Mapping[str, Mapping[str, Any]]:
    return {each["id"]: each for each in report.outputs.get("items", ())}


def _done(item: OpenItem, outcome: Mapping[str, Any], root: Path) -> Done:
    evidence = stored(root, outcome["evidence"]) if outcome["evidence"] else None
    return Done(item.number, item.title, outcome["status"] == "done", evidence, outcome["reason"])


class _Bar:
    """How far a run is, as a progress bar says it: the item, the gate, the share of all items."""

    def __init__(self, work: Work, items: Sequence[OpenItem], before: int, count: int) -> None:
        self._work = work
        self._items = items
        self._before = before
        self._count = count
        self._gates = len(static_gates()) + len(running_gates())
        self._asked: set[tuple[str, str]] = set()
        """The gates of the item at hand, by the path of the step that asks them."""

    def show(self, progress: Progress) -> None:
        """Raises GivenUp."""
        at = _ITEM.match(progress.step)
        if at is None:
            self._work.say("reading the plan", 0)
            return
        index = int(at[1])
        item = self._items[min(index, len(self._items) - 1)]
        self._asked = {gate for gate in self._asked if gate[0].startswith(at[0])}
        if progress.doing:
            self._asked.add((progress.step, progress.doing))
        done = self._before + index + min(0.99, len(self._asked) / self._gates)
        doing = progress.doing.replace("_", " ") or progress.step.rpartition("/")[2]
        several = f"{self._before + index + 1}/{self._count} {item.title}: " if self._count > 1 else ""
        self._work.say(f"{several}{doing}", int(100 * done / self._count))
