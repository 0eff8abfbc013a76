"""What a step proposes to do: a diff where the fixes are known, else the code and how it should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import dedent

from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import LineIndex, Span
from otp_genesis_refactorers.applying.diff import unified_change
from otp_genesis_refactorers.change import Change, FileChange, Refused, file_change
from otp_genesis_refactorers.plan.inline import prose
from otp_genesis_refactorers.plan.model import Proposal
from otp_genesis_refactorers.plan.wording import use_instead

Fix = Callable[[Finding, Project], Change | Refused]
"""The deterministic fix of a finding."""

_CONTEXT_LINES = 3
_CLAUSE_LINES = 24


class CodeLines:
    """Line numbers and lines of the project's files, each file read once."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._files: dict[str, tuple[bytes, LineIndex]] = {}

    def content(self, path: str) -> bytes:
        return self._file(path)[0]

    def line(self, path: str, span: Span) -> int:
        """1-based."""
        return self._file(path)[1].line_of(span.start) + 1

    def shown(self, path: str, span: Span) -> str:
        """The function clause around a place, or the lines near it, without their common indentation."""
        content, index = self._file(path)
        place = index.line_of(span.start)
        first, last = place - _CONTEXT_LINES, place + _CONTEXT_LINES
        clause = self._clause(path, span)
        if clause is None:  # the name of a module: what it is about stands below
            first, last = place, place + 2 * _CONTEXT_LINES
        elif index.line_of(clause.end) - index.line_of(clause.start) < _CLAUSE_LINES:
            first, last = index.line_of(clause.start), index.line_of(clause.end)
        first, last = max(first, 0), min(last, len(index.starts) - 1)
        text = content[index.starts[first] : index.line_end(last)].decode("utf-8", "replace")
        return dedent(_unix(text)).strip("\n")

    def _clause(self, path: str, span: Span) -> Span | None:
        analysis = self.project.files.get(path)
        clauses = (
            clause.span
            for module in (analysis.facts.modules if analysis else ())
            for function in module.functions
            if function.kind != "body"
            for clause in function.clauses
        )
        return next((clause for clause in clauses if clause.contains(span)), None)

    def _file(self, path: str) -> tuple[bytes, LineIndex]:
        if path not in self._files:
            content = self.project.read(path)
            self._files[path] = content, LineIndex(content)
        return self._files[path]


def proposal(findings: Sequence[Finding], lines: CodeLines, fix: Fix) -> Proposal:
    """The deterministic fixes of all findings as one diff, or the code with advice where there are none."""
    changes: list[Change] = []
    by_hand: list[str] = []
    for finding in findings:
        if finding.fix not in (FixKind.SAFE, FixKind.UNSAFE):
            continue
        result = fix(finding, lines.project)
        if isinstance(result, Change):
            changes.append(result)
        else:
            by_hand.append(_as_clause(result.reason))
    if not changes:
        return _by_hand(findings[0], by_hand, lines)
    combined = _combined(changes, lines)
    notes = dict.fromkeys(_as_clause(note) for change in changes for note in change.notes)
    if combined is None:
        combined = changes[0]
        notes["the diff is for the first place, the others change likewise"] = None
    notes.update(dict.fromkeys(f"by hand in the other places: {reason}" for reason in by_hand))
    unsafe = any(change.kind is not FixKind.SAFE for change in changes)
    return Proposal("unsafe" if unsafe else "safe", "; ".join(notes), "diff", _diff(combined, lines))


def _combined(changes: Sequence[Change], lines: CodeLines) -> Change | None:
    """All changes as one; None when they touch the same code. What several of them add is added once."""
    if len(changes) == 1:
        return changes[0]
    edits = {
        (file.path, file.original_hash, edit): None
        for change in changes
        for file in change.files
        for edit in file.edits
    }
    files: list[FileChange] = []
    for path, original_hash in sorted({(path, original_hash) for path, original_hash, _ in edits}):
        original = lines.content(path) if original_hash else b""
        try:
            whole = file_change(path, original, [edit for file, _, edit in edits if file == path])
        except ValueError:
            return None
        files.append(FileChange(path, original_hash, whole.edits))
    return Change(changes[0].title, changes[0].kind, tuple(files))


def _diff(change: Change, lines: CodeLines) -> str:
    contents = {file.path: lines.content(file.path) for file in change.files if file.original_hash}
    return _unix(unified_change(change, contents)).rstrip("\n")


def _by_hand(finding: Finding, reasons: Sequence[str], lines: CodeLines) -> Proposal:
    """The code as it is, and what the rule's documentation says to use instead."""
    advice, example = use_instead(finding.name)
    reason = "; ".join(dict.fromkeys(reasons)) or "it takes judgement"
    note = f"{reason}. {advice}".rstrip(".") if advice else reason
    line = lines.line(finding.path, finding.span)
    blocks = [f"# {finding.path}:{line}, as it is\n{lines.shown(finding.path, finding.span)}"]
    if example:
        blocks.append(f"# instead, by the example of {finding.code}\n{example}")
    return Proposal("by hand", note, "elixir", "\n\n".join(blocks))


def _as_clause(text: str) -> str:
    """A sentence as part of another: without its full stop, and its capital where it is no name's."""
    words = prose(text).rstrip(".")
    first = words.partition(" ")[0]
    return first.lower() + words[len(first) :] if first.istitle() and first.isalpha() else words


def _unix(text: str) -> str:
    """Text that a document can hold: line breaks of one kind, and no half characters."""
    whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return whole.replace("\r\n", "\n").replace("\r", "\n")
