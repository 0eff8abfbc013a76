"""The code base that a run works on, and how far it has come with it.

It is opened when a step first asks for it: a pipeline that only speaks with a model needs none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from hashlib import blake2b
from pathlib import Path

from otp_genesis_analyzers.findings import FixKind
from otp_genesis_refactorers.applying.patch import NewContents
from otp_genesis_refactorers.change import Change, FileChange, Refused, file_change
from otp_genesis_refactorers.codebase import Codebase, Snapshot, moved_to
from otp_genesis_refactorers.git.branch import Branch, commit_of, open_branch
from otp_genesis_refactorers.pipelines.outcome import StepFailed
from otp_genesis_refactorers.proof.commit import commit_proved
from otp_genesis_refactorers.proof.evidence import Evidence, store, stored
from otp_genesis_refactorers.rewriting.edits import edits_between

Deliver = Callable[[Change], Refused | None]
"""Hands a verified change to the user's editor, in place of a commit."""
OpenCode = Callable[[str], Codebase | Refused]
"""Opens the code base at a commit; at the one checked out, or as the files are, for an empty one."""


class CodeState:
    """Its methods take long and are called in threads, one at a time for those that change it."""

    def __init__(
        self,
        root: Path,
        run: str,
        open_code: OpenCode,
        base_commit: str = "",
        deliver: Deliver | None = None,
    ) -> None:
        self.root = root
        self._run = run
        self._open = open_code
        self._base_commit = base_commit
        self._deliver = deliver
        self._codebase: Codebase | None = None
        self._identity = ""
        """Of what lies under the changes."""
        self._clean: Snapshot | None = None
        """The code base with nothing changed."""
        self._branch: Branch | None = None
        self.evidence: Evidence | None = None
        """Of the last verification."""
        self._of_rules: NewContents = {}
        """What was changed when the fixes of rules had made all of it."""
        self._kind = FixKind.UNSAFE
        """Of those fixes: safe when all of them are."""

    @property
    def codebase(self) -> Codebase:
        """Raises `StepFailed`."""
        if self._codebase is None:
            opened = self._open(self._base_commit)
            if isinstance(opened, Refused):
                raise StepFailed(opened.reason)
            self._base_commit = opened.base_commit
            self._take(opened)
        assert self._codebase is not None
        return self._codebase

    @property
    def opened(self) -> Codebase | None:
        """None while no step has asked for it."""
        return self._codebase

    @property
    def is_changed(self) -> bool:
        return self._codebase is not None and bool(self._codebase.changed)

    @property
    def is_of_rules(self) -> bool:
        """Whether all that is changed was made by the fixes of rules."""
        return self.is_changed and self.codebase.changed == self._of_rules

    def changed_by_rules(self, before: NewContents, kinds: Collection[FixKind]) -> None:
        """Rules' own fixes were made where `before` was what was changed."""
        if before == self._of_rules:
            safe = self._kind is FixKind.SAFE or not before
            self._kind = FixKind.SAFE if safe and set(kinds) == {FixKind.SAFE} else FixKind.UNSAFE
            self._of_rules = self.codebase.changed

    @property
    def base_commit(self) -> str:
        """Where the run began; empty while no step has asked for the code, or outside git."""
        return self._base_commit

    @property
    def branch_name(self) -> str:
        return self._branch.name if self._branch is not None and self._branch.tip != self._branch.base else ""

    def hash(self) -> str:
        """Of all that steps could read of it."""
        codebase = self.codebase
        changed = blake2b(codebase.snapshot().dump().encode(), digest_size=16).hexdigest()
        return f"{self._identity}:{changed}"

    def dump(self) -> str:
        """What `restore` takes; empty while it was not opened."""
        if self._codebase is None:
            return ""
        return json.dumps(
            {
                "base": self._codebase.base_commit,
                "overlay": self._codebase.snapshot().dump(),
                "evidence": self.evidence.id if self.evidence else "",
                "of_rules": self._kind.value if self.is_of_rules else "",
            }
        )

    def restore(self, dumped: str) -> None:
        """Be as it was. Raises `StepFailed`."""
        kept = json.loads(dumped)
        codebase = self.codebase
        if kept["base"] != codebase.base_commit:
            self._opened_branch()
            self._move(kept["base"])
        refused = self.codebase.roll_back(Snapshot.load(kept["overlay"]))
        if refused is not None:
            raise StepFailed(refused.reason)
        self._of_rules = self.codebase.changed if kept["of_rules"] else {}
        self._kind = FixKind(kept["of_rules"] or "unsafe")
        self.evidence = stored(self.root, kept["evidence"]) if kept["evidence"] else None

    def undo(self) -> None:
        """Drop what was changed since the run began, or since its last commit.

        In an editor the code is from then on what it shows then.
        """
        if self._deliver is not None:
            self._codebase = None
        elif self._clean is not None:
            self.codebase.roll_back(self._clean)
        self.evidence, self._of_rules = None, {}

    def verified(self, evidence: Evidence, *, of_rules: bool) -> None:
        """Remember what came of a verification, which takes back what nothing needs of the fixes of rules.

        Raises `StepFailed` when it can't be kept.
        """
        if of_rules:
            self._of_rules = self.codebase.changed
        try:
            store(self.root, evidence)
        except OSError as error:
            raise StepFailed(f"the evidence can't be kept: {error.filename}: {error.strerror}") from error
        self.evidence = evidence

    def check_branch(self) -> None:
        """Refuse at once what could not be committed later. Raises `StepFailed`."""
        if self._deliver is None:
            self._opened_branch()

    def commit(self, message: str, step: str) -> str:
        """Commit what was verified, on the run's branch; give the commit. Raises `StepFailed`.

        A commit of this step that is there already is taken for it. In an editor the change is applied
        there, and there is no commit.
        """
        if self._deliver is not None:
            self._checked_evidence()
            self._delivered(message, self._deliver)
            return ""
        branch = self._opened_branch()
        there = commit_of(branch, step)
        if there:
            self._move(there)
            return there
        evidence = self._checked_evidence()
        committed = commit_proved(branch, evidence, self.codebase.changed, message, step)
        if isinstance(committed, Refused):
            raise StepFailed(committed.reason)
        self._branch = committed
        self._move(committed.tip)
        return committed.tip

    def deliver_rest(self, title: str) -> bool:
        """Apply what is left in an editor when it was verified; whether it was. Raises `StepFailed`."""
        evidence = self.evidence
        if self._deliver is None or not self.is_changed or evidence is None or evidence.verdict != "verified":
            return False
        self._checked_evidence()
        self._delivered(title, self._deliver)
        return True

    def _checked_evidence(self) -> Evidence:
        """That what is changed now is verified."""
        if not self.codebase.changed:
            raise StepFailed("there is nothing to commit: the code is as it was")
        evidence = self.evidence
        if evidence is None or evidence.verdict != "verified":
            why = f": {evidence.reason}" if evidence else ""
            raise StepFailed(f"what was changed is not verified, so it is not committed{why}")
        if not evidence.fits(self._read):
            raise StepFailed("what was changed is not what was verified: verify it again")
        return evidence

    def _read(self, path: str) -> bytes:
        content = self.codebase.content(path)
        if isinstance(content, Refused):
            raise FileNotFoundError(path)
        return content

    def _delivered(self, message: str, deliver: Deliver) -> None:
        kind = self._kind if self.is_of_rules else FixKind.UNSAFE
        refused = deliver(_as_change(self.codebase, message.partition("\n")[0] or "Apply the change", kind))
        if refused is not None:
            raise StepFailed(refused.reason)
        # It is opened again when a step asks for it, as the editor shows it then.
        self._codebase = self.evidence = None

    def _move(self, commit: str) -> None:
        moved = moved_to(self.codebase, commit)
        if isinstance(moved, Refused):
            raise StepFailed(moved.reason)
        self._take(moved)
        self.evidence = None

    def _take(self, codebase: Codebase) -> None:
        self._codebase, self._clean, self._identity = codebase, codebase.snapshot(), _identity(codebase)
        self._of_rules = {}

    def _opened_branch(self) -> Branch:
        if self._branch is None:
            opened = open_branch(self.root, self._run)
            if isinstance(opened, Refused):
                raise StepFailed(opened.reason)
            self._branch = opened
        return self._branch


def _as_change(codebase: Codebase, title: str, kind: FixKind) -> Change:
    """What is changed, as one change of the files below. A removed one is left empty."""
    before = without_changes(codebase)
    files: list[FileChange] = []
    for path, new in sorted(codebase.changed.items()):
        old = before.content(path)
        text = new or b""
        if isinstance(old, bytes):
            files.append(file_change(path, old, edits_between(old, text)))
        else:
            files.append(FileChange(path, "", tuple(edits_between(b"", text))))
    return Change(title, kind, tuple(files))


def without_changes(codebase: Codebase) -> Codebase:
    """The code base without what was changed, which is where findings were found."""
    before = codebase.fork()
    before.roll_back(Snapshot(codebase.base_commit, {}))
    return before


def _identity(codebase: Codebase) -> str:
    """Of what lies under the changes."""
    if codebase.base_commit:
        return codebase.base_commit
    own = blake2b(digest_size=16)
    paths = codebase.paths()
    for path in () if isinstance(paths, Refused) else paths:
        content = codebase.content(path)
        if isinstance(content, bytes):
            own.update(path.encode("utf-8", "surrogateescape") + b"\0" + content + b"\0")
    return own.hexdigest()
