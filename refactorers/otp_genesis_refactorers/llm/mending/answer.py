"""What a model answers when it is asked to mend a finding, and what that makes of the files."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field

from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.applying.patch import objection_to_path
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.llm.mending.anchors import with_function_replaced, with_text_replaced
from otp_genesis_refactorers.llm.privacy.secret_texts import HIDDEN
from otp_genesis_refactorers.llm.privacy.withholding import Withholding

MOST_EDITS = 40
_MOST_TITLE = 90


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProposedEdit(_Part):
    """One edit. Name `function`, or quote `old`; give neither for a file that is new."""

    path: str = Field(description="Relative to the project's root, with /.")
    function: str = Field(
        default="",
        description="Module.function/arity: all its clauses are replaced by `new`; empty otherwise.",
    )
    old: str = Field(
        default="", description="Text that stands exactly once in the file, byte for byte; empty otherwise."
    )
    new: str = Field(description="What comes in its place; the whole text of a new file.")


class ProposedFix(_Part):
    """The fix of one finding."""

    title: str = Field(description="What it does, an imperative sentence without a full stop.")
    explanation: str = Field(description="Why it is right, and what it changes for callers; a few sentences.")
    edits: tuple[ProposedEdit, ...] = Field(
        description="Applied one after another. Empty when there is no fix."
    )
    test: str = Field(
        default="",
        description="An ExUnit test module that fails before the edits by an assertion and passes after them;"
        " empty when the flaw can't be observed from outside.",
    )
    cannot: str = Field(default="", description="Why there is no fix; empty when there is one.")

    @property
    def headline(self) -> str:
        """The title as one plain line, whatever the model made of it."""
        words = " ".join("".join(c if c.isprintable() else " " for c in self.title).split()).rstrip(".")
        return f"{words[:_MOST_TITLE]}…" if len(words) > _MOST_TITLE else words or "Change the code"


def contents_after(
    answer: ProposedFix, project: Project, root: Path, withholding: Withholding
) -> dict[str, bytes] | Refused:
    """The new content of each file that the edits change, or why one of them can't be made.

    The reason is for the model: it quotes what the project shows there, of its Elixir sources only.
    """
    if len(answer.edits) > MOST_EDITS:
        return Refused(f"{len(answer.edits)} edits are too many: at most {MOST_EDITS} are taken")
    contents: dict[str, bytes] = {}
    for number, edit in enumerate(answer.edits, start=1):
        if withholding.reason(edit.path) is not None:
            after: bytes | Refused = Refused(f"{edit.path} is withheld from models")
        else:
            after = _applied(edit, contents, project, root)
        if isinstance(after, Refused):
            return Refused(f"edit {number} can't be made: {after.reason}")
        contents[edit.path] = after
    return {path: content for path, content in contents.items() if content != _present(path, project)}


def _applied(edit: ProposedEdit, contents: dict[str, bytes], project: Project, root: Path) -> bytes | Refused:
    objection = objection_to_path(edit.path, root)
    if objection:
        return Refused(f"it names {edit.path!r}, {objection}")
    if HIDDEN in edit.new:
        return Refused(f"it writes {HIDDEN}, which stands for what is not shown: let that stay where it is")
    present = contents.get(edit.path, _present(edit.path, project))
    if edit.function and edit.old:
        return Refused("it names a function and quotes a text: give one of the two")
    if not (edit.function or edit.old):
        return _new_file(edit, present, project, root)
    if present is None:
        return Refused(f"{edit.path} is no Elixir file of this project")
    if edit.function:
        return with_function_replaced(edit.path, present, edit.function, edit.new)
    return with_text_replaced(edit.path, present, edit.old, edit.new)


def _new_file(edit: ProposedEdit, present: bytes | None, project: Project, root: Path) -> bytes | Refused:
    if present is not None or (root / edit.path).exists():
        return Refused(f"{edit.path} exists: name the function, or quote the text, that is to be replaced")
    pure = PurePosixPath(edit.path)
    app = project.app_of(edit.path)
    inside = pure.relative_to(app.folder) if app is not None and app.folder else pure
    folders = {"test", *(app.compiled if app is not None else ())}
    if pure.suffix not in (".ex", ".exs") or not any(inside.is_relative_to(folder) for folder in folders):
        return Refused(
            f"a new file belongs into {' or '.join(sorted(folders))} and is Elixir, not {edit.path}"
        )
    return f"{edit.new.rstrip()}\n".encode()


def _present(path: str, project: Project) -> bytes | None:
    """A file's content as the project has it: nothing else on disk is ever read for a model."""
    if path not in project.files:
        return None
    try:
        return project.read(path)
    except OSError:
        return None
