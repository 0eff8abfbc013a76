"""The project as steps and models see it: read, searched, changed on a layer of its own, proved."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from pathspec import GitIgnoreSpec

from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.cards import find_card
from otp_genesis_analyzers.source import LineIndex
from otp_genesis_refactorers import mix
from otp_genesis_refactorers.applying.diff import unified_files
from otp_genesis_refactorers.applying.patch import NewContents, PatchRefused, apply_patch
from otp_genesis_refactorers.change import Change, Outdated, Refused, apply_to
from otp_genesis_refactorers.codebase.base import CommittedBase, FilesBase
from otp_genesis_refactorers.codebase.layer import Layer, Scope
from otp_genesis_refactorers.codebase.passages import definition_at, lines_of
from otp_genesis_refactorers.codebase.proposing import change_of
from otp_genesis_refactorers.codebase.searching import matcher, search
from otp_genesis_refactorers.codebase.skeleton import skeleton
from otp_genesis_refactorers.codebase.values import Matches, Snapshot, Text, TextEdit
from otp_genesis_refactorers.gates.running.experiment import GivenTest
from otp_genesis_refactorers.git.tree import Tree
from otp_genesis_refactorers.mix.results import CompileResult, TestResult
from otp_genesis_refactorers.proof.evidence import Evidence
from otp_genesis_refactorers.proof.verification import OnGate, Request, prove
from otp_genesis_refactorers.sandbox.limits import DEFAULT_LIMITS, Limits
from otp_genesis_refactorers.shadow.originals import of_commit, on_disk
from otp_genesis_refactorers.shadow.workspace import Shadow, ShadowError, open_shadow

MOST_MATCHES = 200


class Codebase:
    """Made by `open_commit` or `open_files`. Nothing of it ever writes to the user's files.

    Any thread may use it. What it can't do it answers with a `Refused`, a sentence for the user or the model.
    """

    def __init__(self, root: Path, layer: Layer, scopes: tuple[Scope, ...] = ()) -> None:
        self.root = root
        """The folder of the project, a real path."""
        self._layer = layer
        self._scopes = scopes

    # What it is ------------------------------------------------------------------------------------

    @property
    def tree(self) -> Tree | None:
        """The commit that it is based on; None when it is based on the files of the disk."""
        base = self._layer.base
        return base.tree if isinstance(base, CommittedBase) else None

    @property
    def base_commit(self) -> str:
        return self.tree.commit if self.tree else ""

    @property
    def base_project(self) -> Project:
        """The analysis of what it was before anything was changed."""
        return self._layer.base_project

    @property
    def project(self) -> Project:
        """The analysis of what it is now."""
        return self._layer.project

    @property
    def config(self) -> Config:
        """The project's own, as it was before anything was changed."""
        return self.base_project.config

    def fork(self) -> Codebase:
        """The same in a layer of its own: what is changed in one is not seen in the other."""
        layer = self._layer
        return Codebase(self.root, Layer(layer.base, layer.base_project, layer.contents), self._scopes)

    def limited_to(self, paths: Collection[str]) -> Codebase:
        """The same in the same layer; only these paths, or patterns as in `.gitignore`, can be changed."""
        return Codebase(self.root, self._layer, (*self._scopes, Scope.of(paths)))

    # Reading -----------------------------------------------------------------------------------------

    def paths(self, glob: str = "") -> tuple[str, ...] | Refused:
        """Every file, sorted, or those that a pattern as in `.gitignore` names."""
        there = self._layer.paths()
        if not glob:
            return tuple(sorted(there))
        try:
            wanted = GitIgnoreSpec.from_lines([glob])
        except ValueError:
            return Refused(f"{glob!r} is no pattern for paths: write it as in .gitignore, 'lib/**/*.ex'")
        return tuple(sorted(path for path in there if wanted.match_file(path)))

    def content(self, path: str) -> bytes | Refused:
        """A whole file."""
        return self._layer.content(path)

    def original(self, path: str) -> bytes | Refused:
        """A whole file as it was before anything was changed."""
        return self._layer.base.content(path)

    def read(self, path: str, first: int = 1, last: int | None = None) -> Text | Refused:
        """Lines of a file, counted from 1; `Text.last` says how far one answer goes."""
        content = self.content(path)
        return content if isinstance(content, Refused) else lines_of(path, content, first, last)

    def definition(self, path: str, line: int) -> Text | Refused:
        """The function around a line with all its clauses; outside of any, the lines around."""
        content = self.content(path)
        if isinstance(content, Refused):
            return content
        facts = self.project.all_facts(path) if path in self.project.files else None
        return definition_at(path, content, facts, line)

    def skeleton(self, path: str) -> str | Refused:
        """What a file offers, with line numbers: modules, what they refer to, types, public heads."""
        content = self.content(path)
        if isinstance(content, Refused):
            return content
        if not path.endswith((".ex", ".exs")):
            return Refused(f"{path} is no Elixir file: only those have a skeleton")
        return skeleton(path, content)

    def search(
        self, pattern: str, glob: str = "", *, regex: bool = False, limit: int = MOST_MATCHES
    ) -> Matches | Refused:
        """The lines that hold a text, or match a regular expression, in all files or those of a glob."""
        is_match, paths = matcher(pattern, regex=regex), self.paths(glob)
        if isinstance(is_match, Refused):
            return is_match
        return paths if isinstance(paths, Refused) else search(self._contents(paths), is_match, limit)

    def findings(self, code: str = "", path: str = "") -> tuple[Finding, ...] | Refused:
        """What is wrong, as `check` says it; of one rule by its code or name also where that is off."""
        card = find_card(code) if code else None
        if code and card is None:
            return Refused(f"there is no rule {code!r}: see 'otp-genesis rules'")
        found = self._layer.found(card.code if card else "")
        return tuple(each for each in found if path in ("", each.path))

    def place(self, finding: Finding) -> tuple[int, int]:
        """Line and column, counted from 1, of what `findings` gives."""
        content = self.content(finding.path)
        index = LineIndex(b"" if isinstance(content, Refused) else content)
        line, column = index.position(finding.span.start, "utf-32")
        return line + 1, column + 1

    def _contents(self, paths: Iterable[str]) -> Generator[tuple[str, bytes]]:
        for path in paths:
            content = self.content(path)
            if not isinstance(content, Refused):
                yield path, content

    # Changing ----------------------------------------------------------------------------------------

    def propose(self, edits: Sequence[TextEdit], title: str = "Apply the edits") -> Change | Refused:
        """Edits as one change, each exactly where it is meant. Nothing is changed yet."""
        for path in dict.fromkeys(edit.path for edit in edits):
            objection = self._layer.objection_to(path, self._scopes)
            if objection is not None:
                return objection
        return change_of(edits, title, self.content)

    def propose_patch(self, patch: bytes) -> NewContents | Refused:
        """What a unified diff makes of the files. Nothing is changed yet."""
        at = self.tree.at if self.tree else ""
        new = apply_patch(patch, None, self._read, repository_path=at)
        if isinstance(new, PatchRefused):
            return Refused(new.reason)
        objections = (self._layer.objection_to(path, self._scopes) for path in new)
        return next((each for each in objections if each is not None), new)

    def apply(self, change: Change) -> Refused | None:
        """Lay a change over what is there; None when it is done."""
        with self._layer.lock:
            contents: dict[str, bytes] = {}
            for file in change.files:
                content = self.content(file.path)
                if isinstance(content, bytes):
                    if not file.original_hash:
                        return Refused(f"{file.path} exists already")
                    contents[file.path] = content
                elif file.original_hash:
                    return content
            try:
                return self.lay(apply_to(change, contents))
            except Outdated as outdated:
                return Refused(f"{outdated.path} is not what the change was made from: make it again")

    def lay(self, contents: NewContents) -> Refused | None:
        """Lay new contents over what is there, None removes a file; None when it is done."""
        return self._layer.lay(contents, self._scopes)

    @property
    def changed(self) -> NewContents:
        """The new content of each file that is not as it was; None is a file that was removed."""
        return dict(self._layer.contents)

    def diff(self) -> str:
        """The same as a diff that `git apply` takes."""
        changed = self.changed
        before = {path: old for path in changed if isinstance(old := self.original(path), bytes)}
        return unified_files(before, changed)

    def snapshot(self) -> Snapshot:
        return Snapshot(self.base_commit, dict(sorted(self.changed.items())))

    def roll_back(self, snapshot: Snapshot) -> Refused | None:
        """Make all as it was at that moment, perhaps in an earlier process; None when it is done."""
        if snapshot.base != self.base_commit:
            return Refused(
                f"the snapshot is of commit {snapshot.base[:12] or 'none'}, and this is another"
                f" ({self.base_commit[:12] or 'none'})"
            )
        self._layer.replace_with(snapshot.contents)
        return None

    def _read(self, path: str) -> bytes:
        content = self.content(path)
        if isinstance(content, Refused):
            raise FileNotFoundError(content.reason)
        return content

    # Proving -----------------------------------------------------------------------------------------

    def verify(
        self,
        finding: Finding | None = None,
        test: GivenTest | None = None,
        *,
        trusted_for_this_run: bool = False,
        cancel: Event | None = None,
        on_gate: OnGate | None = None,
        ours: bool = False,
    ) -> Evidence:
        """What is changed, through all gates; `finding`, one of `base_project`, is what it is to remove.

        Of what is `ours`, made by the fixes of rules, a part that nothing needs is taken back.
        """
        config = self.config.merged(also=(finding.code,)) if finding else self.config
        request = Request(
            root=self.root,
            project=self.base_project,
            config=config,
            contents=self.changed,
            finding=finding,
            test=test,
            unsaved=self._unsaved,
            trusted_for_this_run=trusted_for_this_run,
            base=self.tree,
            ours=ours,
        )
        proved = prove(request, cancel=cancel, on_gate=on_gate)
        if ours:
            self._layer.replace_with(proved.contents)
        return proved.evidence

    @contextmanager
    def in_copy(
        self, *, trusted_for_this_run: bool = False, cancel: Event | None = None
    ) -> Generator[Shadow]:
        """The isolated copy with what it is now, for what `mix` can run. Raises ShadowError."""
        originals = of_commit(self.tree) if self.tree else on_disk
        with open_shadow(
            self.root, trusted_for_this_run=trusted_for_this_run, cancel=cancel, originals=originals
        ) as shadow:
            shadow.sync({**self._unsaved, **self.changed})
            yield shadow

    def run_test(
        self,
        files: Sequence[str] = (),
        seed: int = 0,
        *,
        trusted_for_this_run: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        cancel: Event | None = None,
    ) -> TestResult | Refused:
        """Run the tests of these files, or all, in the copy; a place is `test/a_test.exs:12`."""
        for file in files:
            there = self.content(file.partition(":")[0])
            if isinstance(there, Refused):
                return there
        try:
            with self.in_copy(trusted_for_this_run=trusted_for_this_run, cancel=cancel) as shadow:
                return mix.test(shadow, files, seed, limits=limits, cancel=cancel)
        except ShadowError as error:
            return Refused(str(error))

    def compile(
        self,
        *,
        trusted_for_this_run: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        cancel: Event | None = None,
    ) -> CompileResult | Refused:
        try:
            with self.in_copy(trusted_for_this_run=trusted_for_this_run, cancel=cancel) as shadow:
                return mix.compile(shadow, limits=limits, cancel=cancel)
        except ShadowError as error:
            return Refused(str(error))

    @property
    def _unsaved(self) -> Mapping[str, bytes]:
        base = self._layer.base
        return base.unsaved if isinstance(base, FilesBase) else {}
