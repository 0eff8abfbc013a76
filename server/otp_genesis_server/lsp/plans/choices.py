"""What a person can do with a plan document and with each of its items, by lens or by code action."""

from __future__ import annotations

from typing import Any, NamedTuple

from otp_genesis_refactorers.plan.markdown import Item
from otp_genesis_refactorers.plan.model import State
from otp_genesis_server.lsp.features.commands import generate_plan, run_phase, run_step
from otp_genesis_server.lsp.plans.open_plans import Plan
from otp_genesis_server.lsp.plans.standing import Standing, phase_of

_TITLES: dict[run_step.Action, str] = {
    "run": "Run",
    "show": "Show the change",
    "apply": "Apply",
    "verify": "Verify",
    "test": "Generate test",
    "skip": "Skip with a reason",
}


class Choice(NamedTuple):
    title: str
    command: str
    argument: dict[str, Any]


def choices_of_document(plan: Plan) -> list[Choice]:
    """Empty for a document that is no phase's, but for the refresh."""
    root = plan.root.as_uri()
    refresh = Choice("Refresh the plan", generate_plan.COMMAND, {"root": root})
    phase = phase_of(plan.file)
    left = sum(item.step.state is State.OPEN and bool(item.step.id) for item in plan.parsed.items)
    if not phase or not left:
        return [refresh]
    run = Choice(f"Run this phase ({left} open)", run_phase.COMMAND, {"phase": phase, "root": root})
    return [run, refresh]


def choices_of_item(plan: Plan, item: Item, stands: Standing | None) -> list[Choice]:
    """What makes sense in the item's state. Without `stands` nothing is known of the code yet."""
    step = item.step
    if not step.id:
        return []
    if step.state is State.DONE:
        return [_proof(plan, item, stands)] if stands and stands.claim(item) else []
    if step.state is State.SKIPPED:
        return [_choice(plan, item, "reopen", "Reopen")]
    stale = stands.stale(item) if stands else ""
    if stale:
        return [Choice(f"Stale: {stale}", generate_plan.COMMAND, {"root": plan.root.as_uri()})]
    by_hand = step.change is None or step.change.safety == "by hand"
    actions: list[run_step.Action] = ["test", "skip"] if by_hand else [*_TITLES]
    return [_choice(plan, item, action, _TITLES[action]) for action in actions]


def _proof(plan: Plan, item: Item, stands: Standing) -> Choice:
    claim = stands.claim(item)
    title = "Proven: show the evidence" if claim and not claim.doubt else "Claimed, not proven: see why"
    return _choice(plan, item, "evidence", title)


def _choice(plan: Plan, item: Item, action: run_step.Action, title: str) -> Choice:
    return Choice(title, run_step.COMMAND, {"uri": plan.uri, "step": item.step.id, "action": action})
