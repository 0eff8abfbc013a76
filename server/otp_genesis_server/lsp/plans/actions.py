"""What each choice on an item of a plan does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from otp_genesis_analyzers.source import Encoding
from otp_genesis_refactorers.applying.diff import unified_change
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.plan.markdown import Item
from otp_genesis_refactorers.plan.model import State
from otp_genesis_refactorers.plan.outcome import skipped_note
from otp_genesis_refactorers.proof.evidence_text import as_markdown, headline
from otp_genesis_server.lsp.plans.carrying_out import Done, carry_out
from otp_genesis_server.lsp.plans.marking import mark
from otp_genesis_server.lsp.plans.open_plans import Plan
from otp_genesis_server.lsp.plans.preparing import Prepared, prepare
from otp_genesis_server.lsp.plans.stale_items import how_it_stands
from otp_genesis_server.lsp.shown.documents import write_document
from otp_genesis_server.lsp.work.applying import write_or_edit
from otp_genesis_server.lsp.work.consent import trusted
from otp_genesis_server.lsp.work.long_work import long_work

if TYPE_CHECKING:
    from otp_genesis_server.lsp.server import Server
    from otp_genesis_server.lsp.workspace.folder import Folder


class Told(NamedTuple):
    """What the user is told of an action, and what the client is answered.

    The message is empty where the user has been told already.
    """

    message: str
    reason: str = ""
    applied: bool = False
    verdict: str | None = None
    document: str | None = None

    @property
    def is_failure(self) -> bool:
        return bool(self.reason)


@dataclass(frozen=True)
class Asked:
    """An item that something is to be done with. `reason` is what the user said for skipping it."""

    ls: Server
    folder: Folder
    plan: Plan
    item: Item
    reason: str = ""

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.item.step.number, self.item.step.title) if part)

    @property
    def encoding(self) -> Encoding:
        return self.ls.session.features.encoding

    def not_done(self, reason: str) -> Told:
        return Told(f"{self.name}: nothing was changed: {reason}", reason)


Action = Callable[[Asked], Awaitable[Told]]


async def run(asked: Asked) -> Told:
    return await _proved(asked, applies=True)


async def verify(asked: Asked) -> Told:
    return await _proved(asked, applies=False)


async def show(asked: Asked) -> Told:
    """The change as it would be made now, which may be another than the document says."""
    prepared = await _prepared(asked, "working out the change")
    if isinstance(prepared, Refused):
        return asked.not_done(prepared.reason)
    diff = unified_change(prepared.change(asked.item.step.title), prepared.before())
    notes = "".join(f"- {note}\n" for note in (*prepared.fixed.notes, prepared.left) if note)
    text = f"# {asked.name}\n\n{notes}\n````diff\n{diff}````\n"
    document = write_document("changes", asked.folder.root, ".md", text)
    return _opened(asked.ls, document, f"{asked.name}: the change")


async def apply(asked: Asked) -> Told:
    """The change by the static gates alone: the item stays open, since nothing has run."""
    prepared = await _prepared(asked, "working out the change")
    if isinstance(prepared, Refused):
        return asked.not_done(prepared.reason)
    reason = await write_or_edit(asked.ls, asked.folder, prepared.change(asked.item.step.title))
    if reason:
        return asked.not_done(reason)
    rest = prepared.left or "not compiled, not tested: tick the item when you have"
    return Told(f"{asked.name}: applied; {rest}", applied=True)


async def test(asked: Asked) -> Told:
    """A test for the code of the item's first finding; that command tells the user by itself."""
    stands = await how_it_stands(asked.ls, asked.plan.root)
    finding = next(iter(stands.findings(asked.item)), None) if stands else None
    source = stands.snapshot.source(finding.path) if stands and finding else None
    if stands is None or finding is None or source is None:
        return asked.not_done("none of its findings is there any more: refresh the plan")
    from otp_genesis_server.lsp.features.commands import generate_test

    position = generate_test.Position(*source.lines.position(finding.span.start, asked.encoding))
    arguments = generate_test.GenerateTestArguments(stands.snapshot.uri(finding.path), position)
    answer = await generate_test.handle(asked.ls, arguments)
    return Told("", answer["reason"], answer["applied"], document=answer["document"] or answer["uri"])


async def skip(asked: Asked) -> Told:
    unmarked = await mark(
        asked.ls, asked.plan.file, asked.item.step.id, State.SKIPPED, skipped_note(asked.reason or "…")
    )
    if unmarked:
        return asked.not_done(unmarked)
    said = "" if asked.reason else ": write the reason behind `skipped:`"
    return Told(f"{asked.name}: skipped{said}", applied=True)


async def reopen(asked: Asked) -> Told:
    unmarked = await mark(asked.ls, asked.plan.file, asked.item.step.id, State.OPEN, "")
    return asked.not_done(unmarked) if unmarked else Told(f"{asked.name}: open again", applied=True)


async def evidence(asked: Asked) -> Told:
    stands = await how_it_stands(asked.ls, asked.plan.root)
    claim = stands.claim(asked.item) if stands else None
    if claim is None:
        return asked.not_done("the item names no evidence")
    if claim.evidence is None:
        return asked.not_done(f"claimed, not proven: {claim.doubt}")
    document = write_document("evidence", asked.folder.root, ".md", as_markdown(claim.evidence))
    said = f"claimed, not proven: {claim.doubt}" if claim.doubt else headline(claim.evidence)
    return _opened(asked.ls, document, f"{asked.name}: {said}")


ACTIONS: Mapping[str, Action] = {
    "run": run,
    "show": show,
    "apply": apply,
    "verify": verify,
    "test": test,
    "skip": skip,
    "reopen": reopen,
    "evidence": evidence,
}


def told(done: Done, document: str | None = None) -> Told:
    """What came of an item that was put through the gates."""
    name = " ".join(part for part in (done.number, done.title) if part)
    verdict = done.evidence.verdict if done.evidence else None
    said = headline(done.evidence) if done.evidence else "nothing was changed"
    if done.applied:
        rest = f"; {done.reason}" if done.reason else ""
        return Told(f"{name}: {said}, and applied{rest}", done.reason, True, verdict, document)
    because = f": {done.reason}" if done.reason and done.reason not in said else ""
    return Told(f"{name}: {said}{because}", done.reason, False, verdict, document)


async def _proved(asked: Asked, *, applies: bool) -> Told:
    ls, folder, step = asked.ls, asked.folder, asked.item.step
    allowed = await trusted(ls, folder.root)
    outcomes: list[Done] = []
    async with long_work(ls, asked.name) as work:
        await carry_out(
            ls, folder, [step.id], work, trusted=allowed, applies=applies, on_done=outcomes.append
        )
    gone = Done(step.number, step.title, reason="it is not open any more")
    done = next(iter(outcomes), gone)
    if done.evidence is None:
        return told(done)
    document = write_document("evidence", folder.root, ".md", as_markdown(done.evidence))
    if document is not None:
        ls.open(document, take_focus=False)
    return told(done, document)


async def _prepared(asked: Asked, title: str) -> Prepared | Refused:
    async with long_work(asked.ls, title) as work:
        return await prepare(asked.ls, asked.plan, asked.item, work)


def _opened(ls: Server, document: str | None, message: str) -> Told:
    if document is None:
        return Told(message, "the cache folder can't be written")
    ls.open(document)
    return Told(message, document=document)
