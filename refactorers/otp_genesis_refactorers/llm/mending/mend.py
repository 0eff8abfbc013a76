"""The loop: the rule's own fix first, then a model, each candidate through the gates, at most three tries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Literal, ParamSpec, Protocol, TypeVar

from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.applying.diff import unified
from otp_genesis_refactorers.change import Change, FileChange, Refused, apply_to, file_change
from otp_genesis_refactorers.fixes import fix
from otp_genesis_refactorers.gates.effects import reach_of
from otp_genesis_refactorers.llm import failures
from otp_genesis_refactorers.llm.asking import ask_for
from otp_genesis_refactorers.llm.connecting import Connection
from otp_genesis_refactorers.llm.context.briefing import Briefing, brief
from otp_genesis_refactorers.llm.conversation import Event as ModelEvent
from otp_genesis_refactorers.llm.conversation import Request, User, ignore
from otp_genesis_refactorers.llm.mending.answer import ProposedFix, contents_after
from otp_genesis_refactorers.llm.playbooks import Way, playbook_of, prompt
from otp_genesis_refactorers.llm.privacy.fencing import Fence
from otp_genesis_refactorers.llm.privacy.withholding import Withholding
from otp_genesis_refactorers.proof import verification
from otp_genesis_refactorers.proof.evidence import Evidence
from otp_genesis_refactorers.proof.verification import OnGate
from otp_genesis_refactorers.rewriting.edits import edits_between
from otp_genesis_refactorers.rewriting.tidied import tidied

P = ParamSpec("P")
T = TypeVar("T")

MOST_TRIES = 3
_MOST_DETAILS = 4000


class InThread(Protocol):
    """Runs a function that blocks in a thread: `asyncio.to_thread`, or an editor's own pool."""

    def __call__(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]: ...


@dataclass(frozen=True)
class Watch:
    """What is told, and by which threads the work is done, while a finding is mended."""

    in_thread: InThread = asyncio.to_thread
    on_event: Callable[[ModelEvent], None] = ignore
    """Of the model's answer, as it arrives."""
    on_gate: OnGate | None = None
    """Called in a thread."""
    cancel: Event = field(default_factory=Event)
    """Set when nobody waits any more: what runs in a thread looks at it."""


@dataclass(frozen=True)
class Task:
    """One finding to be mended. `project` is that of `root`, with `unsaved` of open editors over it."""

    root: Path
    project: Project
    config: Config
    finding: Finding
    withholding: Withholding
    fence: Fence
    way: Way | None = None
    """Of the finding's playbook; None for its first one."""
    unsaved: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    trusted_for_this_run: bool = False
    own_fix_first: bool = True
    """Whether the rule's own fix is tried before a model is asked."""


@dataclass(frozen=True)
class Attempt:
    """A candidate. `reason` is why it was not accepted, empty for the one that was."""

    by: Literal["rule", "model"]
    title: str
    explanation: str
    contents: Mapping[str, bytes]
    """Empty where the edits could not even be made."""
    evidence: Evidence | None
    reason: str

    @property
    def is_unproven(self) -> bool:
        """Nothing speaks against it, and not all that should speak for it could be asked."""
        return self.evidence is not None and self.evidence.verdict == "not_verified"


@dataclass(frozen=True)
class Mended:
    """What came of it. The last attempt is the accepted one, if any is."""

    task: Task
    attempts: tuple[Attempt, ...]
    reason: str
    """Why there is no proven fix, for the user; empty when there is one."""
    is_cut_short: bool = False
    """The model could not be asked, or gave no answer: another finding would fare no better."""

    @property
    def accepted(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts and not self.reason else None

    @property
    def proposal(self) -> Attempt | None:
        """What can be looked at where nothing was accepted: what came nearest to it."""
        made = [attempt for attempt in self.attempts if attempt.contents]
        return next((attempt for attempt in made if attempt.is_unproven), made[-1] if made else None)


async def mend(task: Task, connection: Connection, watch: Watch | None = None) -> Mended:
    """Try until a candidate is proven. What a model's answers lack is never an error: it is in the result."""
    watch = watch or Watch()
    try:
        task = replace(task, way=await watch.in_thread(_way_of, task))
        own = await watch.in_thread(_own_fix, task, watch) if task.own_fix_first else None
        if own is not None and (not own.reason or own.is_unproven):
            return Mended(task, (own,), own.reason)
        return await _with_model(task, connection, [own] if own is not None else [], watch)
    finally:
        watch.cancel.set()  # who was cancelled leaves a thread behind, which looks at this


def request_for(task: Task, failed: Attempt | None = None) -> tuple[Request, Briefing]:
    """What is asked of a model, and what it is told of the project; `failed` is its last candidate."""
    briefing = brief(task.finding, task.project, task.withholding, task.fence)
    playbook, way = playbook_of(task.finding, task.project), _way_of(task)
    stable = [briefing.stable, *([playbook.text] if playbook is not None else [])]
    said = [briefing.particular, *([way.text] if way is not None else [])]
    if way is not None and way.about:
        said.append(task.fence.around("what is chosen", way.about))
    if failed is not None:
        said.append(_failure(task, failed))
    request = Request(
        system=f"{prompt('mend')}\n{task.fence.rules}",
        messages=(User("\n\n".join(stable), is_stable=True), User("\n\n".join(said))),
        nonce=task.fence.nonce,
    )
    return request, briefing


def _way_of(task: Task) -> Way | None:
    """The chosen way, or the first of the playbook; None where there is none."""
    playbook = playbook_of(task.finding, task.project) if task.way is None else None
    return playbook.ways[0] if playbook is not None else task.way


def change_of(attempt: Attempt, project: Project) -> Change:
    """A candidate as a change of the project, to be shown or applied."""
    files = tuple(_file_change(path, content, project) for path, content in sorted(attempt.contents.items()))
    return Change(attempt.title, FixKind.LLM, files, (attempt.explanation,) if attempt.explanation else ())


async def _with_model(task: Task, connection: Connection, attempts: list[Attempt], watch: Watch) -> Mended:
    withheld = task.withholding.reason(task.finding.path)
    if withheld is not None:
        return Mended(task, tuple(attempts), f"{task.finding.path} is not sent to a model: {withheld}")
    failed: Attempt | None = None
    for _ in range(MOST_TRIES):
        request, _ = await watch.in_thread(request_for, task, failed)
        try:
            answer = await ask_for(connection, replace(request, on_event=watch.on_event), ProposedFix)
        except failures.ModelFailure as failure:
            of_this_one = isinstance(failure, (failures.Refused, failures.Truncated, failures.InvalidAnswer))
            return Mended(task, tuple(attempts), str(failure), is_cut_short=not of_this_one)
        proposed = answer.data
        if proposed.cannot and not proposed.edits:
            return Mended(task, tuple(attempts), f"the model sees no fix: {_one_line(proposed.cannot)}")
        failed = await watch.in_thread(_judged, task, proposed, attempts, watch)
        attempts.append(failed)
        if not failed.reason or failed.is_unproven:
            break
    assert failed is not None
    tries = f" (the last of {MOST_TRIES} tries)" if failed.reason and not failed.is_unproven else ""
    return Mended(task, tuple(attempts), f"{failed.reason}{tries}" if failed.reason else "")


def _own_fix(task: Task, watch: Watch) -> Attempt | None:
    """The rule's own fix and what the gates say of it; None where the rule has none for this finding."""
    change = fix(task.finding, task.project)
    if isinstance(change, Refused):
        return None
    before = {file.path: task.project.read(file.path) for file in change.files if file.original_hash}
    contents = apply_to(change, before)
    return _proved(task, "rule", change.title, " ".join(change.notes), contents, watch)


def _judged(task: Task, answer: ProposedFix, before: Sequence[Attempt], watch: Watch) -> Attempt:
    """What the gates say of an answer; those `before` it that change the same are not proved again."""
    contents = contents_after(answer, task.project, task.root, task.withholding)
    objection = contents.reason if isinstance(contents, Refused) else _objection(task, answer, contents)
    if objection or isinstance(contents, Refused):
        return Attempt("model", answer.headline, answer.explanation, {}, None, objection)
    contents = _tidied(contents, task.project)
    if answer.test.strip():
        contents[test_path(task)] = f"{answer.test.strip()}\n".encode()
    known = next((attempt for attempt in before if attempt.evidence and attempt.contents == contents), None)
    if known is not None:
        return replace(known, by="model", title=answer.headline, explanation=answer.explanation)
    return _proved(task, "model", answer.headline, answer.explanation, contents, watch)


def _tidied(contents: Mapping[str, bytes], project: Project) -> dict[str, bytes]:
    """Without the aliases that the edits have left unused, and with lines broken where they are too long."""
    files = tuple(_file_change(path, content, project) for path, content in contents.items())
    before = {file.path: project.read(file.path) for file in files if file.original_hash}
    return apply_to(tidied(Change("", FixKind.LLM, files), project), before)


def _objection(task: Task, answer: ProposedFix, contents: Mapping[str, bytes]) -> str:
    """Why edits that can be made are not even looked at; empty when they are."""
    if not contents:
        return "the edits change nothing"
    if not answer.test.strip() and playbook_of(task.finding, task.project) is not None:
        return "the playbook asks for a `test`, and there is none"
    tests = {path: text for path, text in contents.items() if path.endswith("_test.exs")}
    new = {path: text for path, text in tests.items() if path not in task.project.files}
    for path, text in {**new, "test": answer.test.encode()}.items():
        reach = reach_of(read_facts(Source(path, text)))
        if reach:
            return f"the test calls {reach}: a test asks the project's own code, and nothing outside of it"
    return ""


def test_path(task: Task) -> str:
    """Where the test of a fix belongs: beside the tests of the code that it is for."""
    finding, app = task.finding, task.project.app_of(task.finding.path)
    inside = PurePosixPath(app.path(finding.path) if app is not None else finding.path)
    folder = PurePosixPath(app.folder if app is not None else "") / "test"
    name = f"{inside.stem.removesuffix('_test')}_{finding.code.lower()}"
    number = 1
    while True:
        suffix = f"_{number}" if number > 1 else ""
        path = str(folder.joinpath(*inside.parts[1:-1], f"{name}{suffix}_test.exs"))
        if path not in task.project.files and not (task.root / path).exists():
            return path
        number += 1


def _proved(
    task: Task,
    by: Literal["rule", "model"],
    title: str,
    explanation: str,
    contents: Mapping[str, bytes],
    watch: Watch,
) -> Attempt:
    request = verification.Request(
        task.root,
        task.project,
        task.config,
        contents,
        task.finding,
        unsaved=task.unsaved,
        trusted_for_this_run=task.trusted_for_this_run,
        goal=task.way.goal if task.way is not None else None,
        ours=by == "rule",
    )
    proved = verification.prove(request, cancel=watch.cancel, on_gate=watch.on_gate)
    contents = {path: content for path, content in proved.contents.items() if content is not None}
    return Attempt(by, title, explanation, contents, proved.evidence, _why_not(proved.evidence))


def _why_not(evidence: Evidence) -> str:
    if evidence.verdict == "verified":
        return ""
    if evidence.verdict == "rejected":
        gate = next(gate for gate in evidence.gates if gate.status == "fail")
        return f"{gate.name}: {gate.reason}"
    return f"{'not proven' if evidence.isolation else 'not compiled, not tested'}: {evidence.reason}"


def _failure(task: Task, failed: Attempt) -> str:
    """What the model is told of its last answer. What programs said of it is data, like any code."""
    gates = failed.evidence.gates if failed.evidence is not None else ()
    details = next((gate.details for gate in gates if gate.status == "fail"), "")
    told = task.withholding.masked("", f"{failed.reason}\n{details[-_MOST_DETAILS:]}".strip()).text
    parts = [prompt("again"), task.fence.around("why it was not accepted", told)]
    if failed.contents:
        diff = "".join(
            unified(path, _read(task.project, path), content)
            for path, content in sorted(failed.contents.items())
        )
        parts.append(task.fence.around("the last answer, as a diff", task.withholding.masked("", diff).text))
    return "\n\n".join(parts)


def _file_change(path: str, content: bytes, project: Project) -> FileChange:
    before = _read(project, path)
    if before is None:
        return FileChange(path, "", tuple(edits_between(b"", content)))
    return file_change(path, before, edits_between(before, content))


def _read(project: Project, path: str) -> bytes | None:
    try:
        return project.read(path)
    except OSError:
        return None


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
