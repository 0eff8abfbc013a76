"""A change in the forms that editors can take."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types as lsp

from otp_genesis_analyzers.findings import FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Encoding, Span
from otp_genesis_refactorers.change import Change, Edit, FileChange, Refused, file_change
from otp_genesis_server.lsp.client_features import ClientFeatures
from otp_genesis_server.lsp.to_lsp import workspace_edit
from otp_genesis_server.lsp.workspace.snapshot import Document, Snapshot, reader

TEXT = 'x = "🎉é"; spawn(f)\r\nrest\n'
SPAWN, END = TEXT.encode().index(b"spawn"), len(TEXT.encode())
CAN_ALL = ClientFeatures(document_changes=True, change_annotations=True, create_files=True)


def snapshot(root: Path) -> Snapshot:
    """A document that is open, in another version than what the disk holds."""
    (root / "a.ex").write_text("old")
    (root / "b.ex").write_text("one\ntwo\n")
    uri = (root / "a.ex").as_uri()
    documents = {"a.ex": Document(uri, root / "a.ex", 7, TEXT.encode())}
    return Snapshot(root, Project((), {}, reader(root, documents)), {}, documents)


def change(kind: FixKind = FixKind.UNSAFE, *more: FileChange) -> Change:
    edits = [Edit(Span(SPAWN, 5), "go"), Edit(Span(END, 0), "end\n")]
    return Change("Go", kind, (file_change("a.ex", TEXT.encode(), edits), *more), ("Mind the gap.",))


def edits_of(root: Path, client: ClientFeatures, asked: Change) -> lsp.WorkspaceEdit:
    edit = workspace_edit(asked, snapshot(root), client)
    assert isinstance(edit, lsp.WorkspaceEdit)
    return edit


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 14), ("utf-16", 11), ("utf-32", 10)])
def test_columns_in_the_agreed_unit(tmp_path: Path, encoding: Encoding, column: int) -> None:
    edit = edits_of(tmp_path, ClientFeatures(encoding=encoding), change())
    assert edit.document_changes is None
    assert edit.changes == {
        (tmp_path / "a.ex").as_uri(): [
            lsp.TextEdit(lsp.Range(lsp.Position(0, column), lsp.Position(0, column + 5)), "go"),
            lsp.TextEdit(lsp.Range(lsp.Position(2, 0), lsp.Position(2, 0)), "end\n"),
        ]
    }


def test_versions_of_open_documents_and_a_question_before_an_unsafe_change(tmp_path: Path) -> None:
    closed = file_change("b.ex", b"one\ntwo\n", [Edit(Span.between(4, 7), "2")])
    edit = edits_of(tmp_path, CAN_ALL, change(FixKind.UNSAFE, closed))
    assert edit.document_changes and edit.change_annotations and edit.changes is None
    versions = [c.text_document.version for c in edit.document_changes if isinstance(c, lsp.TextDocumentEdit)]
    assert versions == [7, None]
    ((name, annotation),) = edit.change_annotations.items()
    assert annotation == lsp.ChangeAnnotation("Go", needs_confirmation=True, description="Mind the gap.")
    for document in edit.document_changes:
        assert isinstance(document, lsp.TextDocumentEdit)
        assert all(isinstance(e, lsp.AnnotatedTextEdit) and e.annotation_id == name for e in document.edits)


def test_a_safe_change_asks_nothing(tmp_path: Path) -> None:
    edit = edits_of(tmp_path, CAN_ALL, change(FixKind.SAFE))
    assert edit.change_annotations is None


def test_a_new_file(tmp_path: Path) -> None:
    new = FileChange("lib/new.ex", "", (Edit(Span(0, 0), "new\n"),))
    edit = edits_of(tmp_path, CAN_ALL, change(FixKind.SAFE, new))
    assert edit.document_changes
    *_, created, filled = edit.document_changes
    uri = (tmp_path / "lib/new.ex").as_uri()
    assert created == lsp.CreateFile(uri)
    assert filled == lsp.TextDocumentEdit(
        lsp.OptionalVersionedTextDocumentIdentifier(uri),
        [lsp.TextEdit(lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0)), "new\n")],
    )
    refused = workspace_edit(change(FixKind.SAFE, new), snapshot(tmp_path), ClientFeatures())
    assert refused == Refused("the fix makes lib/new.ex, and this editor can't be asked to make files")


@pytest.mark.parametrize("path", ["b.ex", "gone.ex"])
def test_a_file_that_is_not_as_it_was(tmp_path: Path, path: str) -> None:
    other = file_change(path, b"something else", [Edit(Span(0, 1), "S")])
    refused = workspace_edit(change(FixKind.SAFE, other), snapshot(tmp_path), CAN_ALL)
    assert refused == Refused(f"{path} has changed since the fix was computed; try again")
