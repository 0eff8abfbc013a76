"""`edit`: changes the code base by exact replacement, a diff, a rule's own fix, or a model; or undoes it."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Any, Literal, cast

from pydantic import Field, model_validator

from otp_genesis_analyzers.findings import FixKind
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.codebase import Codebase, TextEdit
from otp_genesis_refactorers.fix_all import fix_all, left_by_hand, proven_fix
from otp_genesis_refactorers.pipelines.code_state import without_changes
from otp_genesis_refactorers.pipelines.findings_data import find_again
from otp_genesis_refactorers.pipelines.generated_tests import test_for
from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Json, Text, refusal
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.mending import Mend, mended
from otp_genesis_refactorers.pipelines.outcome import Outcome, StepFailed

_WAYS = ("changes", "patch", "patch_file", "fix", "mend", "test_for", "undo")


class Edit(Step):
    """Gives the `diff` of all that the run has changed since its last commit, and the `notes` of a fix."""

    gives = ("diff", "paths", "title", "notes", "changed", "test_file", "content", "remark", "left")
    changes_code = True

    type: Literal["edit"]
    changes: Json = Field(
        default=None,
        description="A list of path, old, new: old stands in the file once, or is empty for a new one",
        examples=["[{path: lib/a.ex, old: 'spawn(', new: 'Task.start('}]"],
    )
    patch: Text | None = Field(
        default=None, description="A unified diff", examples=["{{ steps.refactor.text }}"]
    )
    patch_file: Text | None = Field(
        default=None, description="A file with a unified diff", examples=["{{ inputs.diff }}"]
    )
    fix: Json = Field(
        default=None,
        description="A finding, or several, of which the rule's own fix is to be made",
        examples=["{{ item.findings }}"],
    )
    partly: bool = Field(
        default=False,
        description="Of several findings fix those that can be; `left` says what is left and why",
    )
    mend: Mend | None = Field(
        default=None,
        description="Ask a model for the fix of a finding",
        examples=["{finding: '{{ item }}', by: claude}"],
    )
    test_for: Json = Field(
        default=None,
        description="A finding whose fix is among the changes: make a test that fails without it",
        examples=["{{ item }}"],
    )
    undo: Literal[True] | None = Field(
        default=None, description="Drop what was changed since the last commit"
    )
    paths: tuple[Text, ...] = Field(default=(), description="Only these files, or patterns, may be changed")

    @model_validator(mode="after")
    def _has_one_way(self) -> Edit:
        given = [way for way in _WAYS if getattr(self, way) is not None]
        if len(given) != 1:
            many = f"both {given[0]!r} and {given[1]!r}" if given else "none of its ways to change something"
            raise refusal(f"an edit step with {many}", f"write one of {', '.join(_WAYS)}")
        return self

    async def run(self, here: Here) -> Outcome:
        if self.mend is not None:
            made = await mended(here, self.mend)
            more = {"title": made.title, "notes": [made.explanation], "test_file": made.test_file}
            return await here.in_thread(lambda _: _outcome(here.codebase, more))
        if self.test_for is not None:
            given = here.value(self.test_for)
            return await here.in_thread(lambda cancel: self._with_test(here, given, cancel))
        changes, fix = here.value(self.changes), here.value(self.fix)
        patch = here.text(self.patch).encode("utf-8", "surrogateescape") if self.patch else b""
        if self.patch_file is not None:
            patch = await here.file(here.text(self.patch_file))
        paths = [here.text(path) for path in self.paths]
        return await here.in_thread(lambda _: self._edited(here, changes, fix, patch, paths))

    def _edited(self, here: Here, changes: Any, fix: Any, patch: bytes, paths: list[str]) -> Outcome:
        codebase = here.codebase.limited_to(paths) if paths else here.codebase
        more: dict[str, Any] = {"title": "", "notes": [], "left": ""}
        if self.undo:
            here.code.undo()
        elif changes is not None:
            _apply(codebase, codebase.propose(_text_edits(changes)))
        elif fix is not None:
            findings = cast(list[Any], fix) if isinstance(fix, list) else [fix]
            before = codebase.changed
            made, kinds = (_fixed_partly if self.partly else _fixed)(codebase, findings)
            more |= made
            here.code.changed_by_rules(before, kinds)
        else:
            new = codebase.propose_patch(patch)
            refused = new if isinstance(new, Refused) else codebase.lay(new)
            if refused is not None:
                raise StepFailed(refused.reason)
        return _outcome(codebase, more)

    def _with_test(self, here: Here, given: Any, cancel: Event) -> Outcome:
        finding = find_again(without_changes(here.codebase), given)
        made = test_for(here, finding, cancel)
        values = {"test_file": made.path, "content": made.text, "remark": made.remark}
        return Outcome(values=values, text=made.text or made.remark)


def _outcome(codebase: Codebase, more: dict[str, Any]) -> Outcome:
    diff = codebase.diff()
    values = {"diff": diff, "paths": sorted(codebase.changed), "changed": bool(diff), "test_file": "", **more}
    return Outcome(values=values, text=diff or "nothing is changed")


def _apply(codebase: Codebase, change: Change | Refused) -> None:
    refused = change if isinstance(change, Refused) else codebase.apply(change)
    if refused is not None:
        raise StepFailed(refused.reason)


def _text_edits(changes: Any) -> list[TextEdit]:
    if not isinstance(changes, list):
        raise StepFailed(f"'changes' gives {changes!r:.60}, which is no list")
    edits: list[TextEdit] = []
    for each in cast(list[Any], changes):
        if not isinstance(each, dict):
            raise StepFailed(f"{each!r:.60} is no edit: it needs path, old and new")
        given = cast(dict[str, Any], each)
        path, old, new = (given.get(key) for key in ("path", "old", "new"))
        if not isinstance(path, str) or not isinstance(new, str) or not isinstance(old, str | None):
            raise StepFailed(f"{each!r:.60} is no edit: it needs path, old and new, which are texts")
        edits.append(TextEdit(path, old or "", new))
    return edits


def _fixed(codebase: Codebase, findings: Sequence[Any]) -> tuple[dict[str, Any], set[FixKind]]:
    """The fixes of findings one after another; of those that the ones before did not remove already."""
    title, notes, kinds = "", (), set[FixKind]()
    for number, given in enumerate(findings):
        try:
            finding = find_again(codebase, given)
        except StepFailed:
            if number:
                continue
            raise
        config = codebase.config.merged(also=(finding.code,))
        change = proven_fix(finding, codebase.project, config)
        _apply(codebase, change)
        assert isinstance(change, Change)
        title, notes = title or change.title, (*notes, *change.notes)
        kinds.add(change.kind)
    if not title:
        raise StepFailed("there is no finding to fix")
    return {"title": title, "notes": list(dict.fromkeys(notes))}, kinds


def _fixed_partly(codebase: Codebase, given: Sequence[Any]) -> tuple[dict[str, Any], set[FixKind]]:
    """The fixes that can be made, which may be none."""
    findings = [find_again(codebase, each) for each in given]
    config = codebase.config.merged(also={finding.code for finding in findings})
    fixed = fix_all(codebase.project, findings, {FixKind.SAFE, FixKind.UNSAFE}, config)
    refused = codebase.lay(fixed.changed)
    if refused is not None:
        raise StepFailed(refused.reason)
    kinds = {finding.fix for finding in fixed.applied if finding.fix}
    return {"notes": list(fixed.notes), "left": left_by_hand(len(findings), fixed)}, kinds
