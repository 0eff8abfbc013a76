"""A fix judged by what it makes of a project, whatever the fix itself believes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from otp_genesis_analyzers import engine, syntax
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.applying.overlay import with_files
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.fix_all import fix_all
from otp_genesis_refactorers.fixes import fix
from otp_genesis_refactorers.gates import first_failure
from otp_genesis_refactorers.gates.trial import Trial, try_out

STRICT = Config(preset="strict")
DETERMINISTIC = frozenset({FixKind.SAFE, FixKind.UNSAFE})


@dataclass
class Outcome:
    """What came of one finding's fix. `reason` says why it was refused, or what is wrong."""

    code: str
    source: str
    """Which project, and in which spelling."""
    place: str
    status: Literal["offered", "refused", "wrong"]
    reason: str = ""
    changed: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """The new contents, where there are any."""


def judged(source: str, project: Project) -> tuple[list[Outcome], Outcome | None]:
    """Each fix on its own; and all of them one after another, as an outcome without a code."""
    found = engine.check(project, STRICT)
    fixable = [finding for finding in found if finding.fix in DETERMINISTIC]
    outcomes = [_judge(source, finding, project, found) for finding in fixable]
    offered = sum(outcome.status == "offered" for outcome in outcomes)
    return outcomes, _judge_all(source, project, fixable) if offered > 1 else None


def _judge(source: str, finding: Finding, project: Project, found: tuple[Finding, ...]) -> Outcome:
    line = Source(finding.path, project.read(finding.path)).lines.line_of(finding.span.start) + 1
    outcome = Outcome(finding.code, source, f"{finding.path}:{line}", "offered")
    change = fix(finding, project)
    if isinstance(change, Refused):
        outcome.status, outcome.reason = "refused", change.reason
        if not change.reason.strip() or "\n" in change.reason:
            outcome.status = "wrong"
        return outcome
    trial = try_out(finding, change, project, found, STRICT)
    outcome.changed = {file.path: trial.after.read(file.path) for file in change.files}
    outcome.reason = next(_objections(trial, change), "")
    outcome.status = "wrong" if outcome.reason else "offered"
    return outcome


def _objections(trial: Trial, change: Change) -> Iterator[str]:
    failure = first_failure(trial)
    if failure is not None:
        yield f"a gate stops it: {failure.reason}"
    for file in change.files:
        before = trial.before.read(file.path) if file.original_hash else b""
        yield from _lost(file.path, before, trial.after.read(file.path))


def _lost(path: str, before: bytes, after: bytes) -> Iterator[str]:
    """What must survive any fix: comments, line breaks, the byte order mark, no blank line ends."""
    if before == after:
        yield f"{path} is not changed"
    missing = Counter(_comments(before)) - Counter(_comments(after))
    if missing:
        yield f"{path} loses the comment {next(iter(missing))!r}"
    if before and before.count(b"\r\n") == before.count(b"\n") and after.count(b"\r\n") != after.count(b"\n"):
        yield f"{path} gets other line breaks"
    if before.startswith(b"\xef\xbb\xbf") != after.startswith(b"\xef\xbb\xbf"):
        yield f"{path} gets or loses its byte order mark"
    if before and before.endswith(b"\n") != after.endswith(b"\n"):
        yield f"{path} ends otherwise"
    if _blank_ends(after) > _blank_ends(before):
        yield f"{path} has blanks at the end of a line"


def _blank_ends(text: bytes) -> int:
    return sum(line != line.rstrip(b" \t") for line in text.replace(b"\r\n", b"\n").split(b"\n"))


def _comments(text: bytes) -> Iterator[str]:
    for node in syntax.below(Source("", text).root):
        if node.type == "comment":
            yield syntax.text(node).rstrip()


def _judge_all(source: str, project: Project, fixable: list[Finding]) -> Outcome:
    result = fix_all(project, fixable, DETERMINISTIC, STRICT)
    outcome = Outcome("", source, "all together", "offered", changed=result.changed)
    after = with_files(project, dict(result.changed))
    left = [finding for finding in engine.check(after, STRICT) if finding.fix in DETERMINISTIC]
    again = fix_all(after, left, DETERMINISTIC, STRICT)
    if again.changed:
        outcome.status = "wrong"
        outcome.reason = f"a second run fixes {', '.join(f.code for f in again.applied)}"
    return outcome
