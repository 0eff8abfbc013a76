"""Commits on a branch of their own, made beside the user's work.

Only objects and one reference are written. The work tree, the index, the stash and the branch that is
checked out stay as they are; a reference moves only from where this run has left it.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from otp_genesis_refactorers.applying.paths import objection_to
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.git.message import RUN, STEP, Trailer, message_with, trailers_of
from otp_genesis_refactorers.git.repository import Git, NoHistory
from otp_genesis_refactorers.git.tree import work_tree

FOLDER = "otp-genesis"
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "BISECT_LOG": "a bisection",
}
"""What git keeps in its folder while something is not finished."""
_REGULAR = ("100644", "100755")
_NEW_FILE, _REMOVED = "100644", "0"


@dataclass(frozen=True)
class Branch:
    """The branch of one run. `at` is the project's folder in the repository, empty for its top."""

    folder: Path
    run: str
    at: str
    base: str
    """The commit that it began at."""
    tip: str
    """The commit that it is at."""

    @property
    def name(self) -> str:
        return f"{FOLDER}/{self.run}"

    @property
    def reference(self) -> str:
        return f"refs/heads/{self.name}"


def open_branch(folder: Path, run: str) -> Branch | Refused:
    """The branch of a run, which is begun at HEAD or taken up again. Nothing is written yet.

    Refused where a commit would be refused later, so that no work is lost.
    """
    try:
        folder = folder.resolve()
        git = Git(folder)
        top = work_tree(git, folder)
        objection = _unfinished(git, folder) or _objection(git, top, run)
        if objection:
            return Refused(objection)
        head = git.commit("HEAD")
        branch = Branch(folder, run, "" if folder == top else folder.relative_to(top).as_posix(), head, head)
        tip = _tip(git, branch)
        if not tip:
            return branch
        made = list(_made_by(git, run, tip))
        if not made:
            return Refused(f"there is a branch {branch.name} that this run has not made: rename or remove it")
        return replace(branch, tip=tip, base=git.commit(f"{made[-1][0]}^"))
    except NoHistory as error:
        return Refused(str(error))


def commit_contents(
    branch: Branch,
    contents: Mapping[str, bytes | None],
    message: str,
    trailers: tuple[Trailer, ...] = (),
) -> Branch | Refused:
    """Commit the tip's tree with these files changed, and move the branch there.

    Paths are relative to the project; None removes a file. What is committed is the bytes given, through no
    filter. Refused, and the branch as it was, when it has been moved or checked out meanwhile.
    """
    try:
        git = Git(branch.folder)
        place = _place_of(git, branch.reference)
        if place:
            return Refused(f"{branch.name} is checked out in {place}: switch to another branch there")
        with tempfile.TemporaryDirectory(prefix="otp-genesis-") as scratch:
            tree = _tree_with(git, branch, contents, Path(scratch) / "index")
        if isinstance(tree, Refused):
            return tree
        if tree == git.line("rev-parse", f"{branch.tip}^{{tree}}"):
            return Refused("there is nothing to commit: the files are as they were")
        text = message_with(message, (*trailers, (RUN, branch.run)))
        if isinstance(text, Refused):
            return text
        commit = git.line("commit-tree", "--no-gpg-sign", "-p", branch.tip, tree, stdin=text.encode())
        return _moved(git, branch, commit)
    except NoHistory as error:
        return Refused(f"the commit can't be made: {error}")


def commit_of(branch: Branch, step: str) -> str:
    """The commit that a step of the run has made; empty when there is none. Raises NoHistory."""
    made = _made_by(Git(branch.folder), branch.run, branch.tip)
    return next((commit for commit, trailers in made if (STEP, step) in trailers), "")


def _objection(git: Git, top: Path, run: str) -> str:
    """Why no branch can be made now; empty when it can."""
    name = f"{FOLDER}/{run}"
    if not _RUN.fullmatch(run) or not git.answer("check-ref-format", "--branch", name):
        return f"{run!r} can't be part of a branch's name: use letters, digits, '-' and '_'"
    if not git.answer("rev-parse", "--verify", "--quiet", "HEAD^{commit}"):
        return f"{top} has no commit yet: make the first one, then run again"
    if not git.answer("symbolic-ref", "--quiet", "HEAD"):
        return f"no branch is checked out in {top} (HEAD is detached): check one out, then run again"
    if not git.answer("var", "GIT_COMMITTER_IDENT"):
        return "git does not know who commits: set user.name and user.email with 'git config --global'"
    if git.answer("rev-parse", "--verify", "--quiet", f"refs/heads/{FOLDER}"):
        return f"there is a branch named {FOLDER!r}, so that none can be named {name!r}: rename it"
    place = _place_of(git, f"refs/heads/{name}")
    return f"{name} is checked out in {place}: switch to another branch there" if place else ""


def _unfinished(git: Git, folder: Path) -> str:
    asked = [part for file in _UNDER_WAY for part in ("--git-path", file)]
    places = git.line("rev-parse", *asked).split("\n")
    for place, what in zip(places, _UNDER_WAY.values(), strict=True):
        if (folder / place).exists():
            return f"{what} is under way in the repository around {folder}: finish or abort it first"
    return ""


def _place_of(git: Git, reference: str) -> str:
    """The work tree that has a branch checked out; empty when none has."""
    folder = ""
    for line in git.line("worktree", "list", "--porcelain").splitlines():
        key, _, value = line.partition(" ")
        folder = value if key == "worktree" else folder
        if key == "branch" and value == reference:
            return folder
    return ""


def _tip(git: Git, branch: Branch) -> str:
    return git.answer("rev-parse", "--verify", "--quiet", f"{branch.reference}^{{commit}}")


def _made_by(git: Git, run: str, tip: str) -> Iterator[tuple[str, tuple[Trailer, ...]]]:
    """The commits of a run and their trailers, from the tip down."""
    commits = git.run(
        "log", "--first-parent", "--max-count=5000", "--no-color", "-z", "--format=%H%n%B", tip
    ).split(b"\0")
    for commit in commits:
        name, _, message = commit.decode("utf-8", "replace").partition("\n")
        trailers = trailers_of(message)
        if (RUN, run) not in trailers:
            return
        yield name, trailers


def _tree_with(git: Git, branch: Branch, contents: Mapping[str, bytes | None], index: Path) -> str | Refused:
    """The id of the tip's tree with these files changed, put together in an index of its own."""
    for path in contents:
        objection = objection_to(path)
        if objection:
            return Refused(f"{path!r} can't be committed, {objection}")
    git.run("read-tree", branch.tip, index=index)
    modes = _modes(git, index)
    entries: list[str] = []
    for path, content in contents.items():
        inside = f"{branch.at}/{path}" if branch.at else path
        mode = modes.get(inside, "")
        objection = _objection_to_entry(inside, mode, modes, is_removed=content is None)
        if objection:
            return Refused(objection)
        entries.append(_entry(git, inside, mode or _NEW_FILE, content))
    git.run("update-index", "-z", "--index-info", stdin=os.fsencode("".join(entries)), index=index)
    return git.line("write-tree", "--missing-ok", index=index)


def _modes(git: Git, index: Path) -> dict[str, str]:
    listed = git.run("ls-files", "--stage", "-z", "--full-name", ":/", index=index).split(b"\0")[:-1]
    return {
        os.fsdecode(name): os.fsdecode(words[:6]) for words, _, name in (e.partition(b"\t") for e in listed)
    }


def _objection_to_entry(path: str, mode: str, modes: Mapping[str, str], *, is_removed: bool) -> str:
    if mode and mode not in _REGULAR:
        return f"{path} is a link or a submodule in the last commit"
    if is_removed and not mode:
        return f"{path} can't be removed: the last commit has no such file"
    above = _folders_above(path)
    blocking = next((folder for folder in above if folder in modes), "")
    if blocking:
        return f"{path} can't be made: {blocking} is a file, a link or a submodule in the last commit"
    return ""


def _folders_above(path: str) -> Iterator[str]:
    folder = path
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        yield folder


def _entry(git: Git, path: str, mode: str, content: bytes | None) -> str:
    """A line for `update-index`; the content becomes an object."""
    if content is None:
        return f"{_REMOVED} {'0' * 40}\t{path}\0"
    blob = git.line("hash-object", "-w", "-t", "blob", "--no-filters", "--stdin", stdin=content)
    return f"{mode} {blob}\t{path}\0"


def _moved(git: Git, branch: Branch, commit: str) -> Branch | Refused:
    """The branch at a new commit, if it is still where it was."""
    moved = Refused(f"{branch.name} was moved by somebody else since this run's last commit")
    there = _tip(git, branch)
    is_begun = branch.tip != branch.base
    if there != branch.tip and (there or is_begun):
        return moved
    try:
        git.run("update-ref", "-m", f"otp-genesis run {branch.run}", branch.reference, commit, there)
    except NoHistory as error:
        return moved if _tip(git, branch) != there else Refused(f"{branch.name} can't be moved: {error}")
    return replace(branch, tip=commit)
