"""The problem that a phase is about, told from its findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.rules import all_rules
from otp_genesis_refactorers.plan.inline import code, sentence
from otp_genesis_refactorers.plan.model import PHASES
from otp_genesis_refactorers.plan.wording import wording

_FILES_NAMED = 3


def phase_summary(number: int, findings: Sequence[Finding]) -> str:
    """A paragraph for each rule that found something, rules in the order of `findings`."""
    if not findings:
        return _nothing_found(number)
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.code, []).append(finding)
    paths = {finding.path for finding in findings}
    total = (
        f"{counted(len(findings), 'finding')} of {counted(len(by_rule), 'rule')} "
        f"in {counted(len(paths), 'file')}. The most critical stand first."
    )
    return "\n\n".join([total, *map(_rule_paragraph, by_rule.values())])


def counted(number: int, noun: str) -> str:
    """`1 file`, `3 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _rule_paragraph(findings: Sequence[Finding]) -> str:
    words = wording(findings[0].name)
    count = words.one if len(findings) == 1 else words.many.replace("{count}", str(len(findings)))
    meaning = f" {sentence(words.meaning)}" if words.meaning else ""
    return f"{count}{meaning} ({findings[0].code}, in {_files(finding.path for finding in findings)})"


def _files(paths: Iterable[str]) -> str:
    distinct = sorted(set(paths))
    if len(distinct) <= _FILES_NAMED:
        return listed([code(path) for path in distinct])
    others = counted(len(distinct) - _FILES_NAMED, "more file")
    return listed([*map(code, distinct[:_FILES_NAMED]), others])


def _nothing_found(number: int) -> str:
    if any(rule.phase() == number for rule in all_rules()):
        nothing = "Nothing was found by the rules of this phase that are switched on."
    else:
        nothing = "Nothing was found: no rule looks for flaws of this phase yet."
    last = number == PHASES[-1].number
    return f"{nothing} What follows is how to roll out the changes of the other phases." if last else nothing
