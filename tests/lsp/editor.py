"""An editor for tests: real messages to a real server, with the abilities of an editor that people use.

It keeps its documents and counts its positions by itself, so that what the server sends is judged
by other code than that which made it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from cattrs import Converter
from lsprotocol import types as lsp
from lsprotocol.converters import get_converter
from pygls.capabilities import get_capability
from pygls.exceptions import JsonRpcMethodNotFound
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient, client_capabilities
from pytest_lsp.client import DEFAULT_CLIENT_FEATURES, register_lsp_features

SERVER = [str(Path(sys.executable).with_name("otp-genesis")), "lsp", "--stdio"]
SECONDS = 20.0
SHIPPED = {"neovim": "neovim@v0.11", "emacs": "emacs@v29.1"}

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|$)")
_WIDTH = {"utf-8": 1, "utf-16": 2, "utf-32": 4}


class Squiggle(NamedTuple):
    """A diagnostic as a person sees it: the line, counted from 0, and the text that is underlined."""

    line: int
    text: str
    code: str


def abilities(editor: str, *encodings: str) -> lsp.ClientCapabilities:
    """What an editor says of itself; with other position encodings where some are given."""
    if editor in SHIPPED:
        capabilities = client_capabilities(SHIPPED[editor])
    else:
        said = json.loads((Path(__file__).parent / "capabilities" / f"{editor}.json").read_text())
        capabilities = get_converter().structure(said["capabilities"], lsp.ClientCapabilities)
    if encodings:
        assert capabilities.general
        capabilities.general.position_encodings = list(encodings)
    return capabilities


class Editor(LanguageClient):
    """`texts` and `versions` are of the open documents, by URI; paths are relative to `folder`."""

    def __init__(self) -> None:
        super().__init__(converter_factory=_converter)
        self.kind = ""
        self.said: lsp.InitializeResult
        """What the server answered to `initialize`."""
        self.encoding = "utf-16"
        self.folder = Path()
        self._opened: list[Path] = []
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.published: list[lsp.PublishDiagnosticsParams] = []
        """All that was shown, in whichever way it came."""
        self.pushed: list[lsp.PublishDiagnosticsParams] = []
        """What the server sent unasked."""
        self.registered: list[lsp.Registration] = []
        self.pulls = False
        self.results: dict[str, str] = {}
        """The result ids of open documents, by URI, of a client that pulls."""
        self.workspace_results: dict[str, str] = {}
        self._pulling: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException | None] = []
        self.applies_edits = True
        self.creates_files = False
        self.answers: str | None = None
        """What the user answers to every question; None when they close it."""
        self.can_be_asked = True
        self.refreshed_documents: list[str] = []
        """Those that are no files, whose text was said to be another now."""
        self.questions: list[str] = []
        register_lsp_features(
            self,
            {
                **DEFAULT_CLIENT_FEATURES,
                lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS: _pushed,
                lsp.WORKSPACE_APPLY_EDIT: _apply_edit,
                lsp.WINDOW_SHOW_MESSAGE_REQUEST: _answer,
                lsp.CLIENT_REGISTER_CAPABILITY: _register,
                lsp.WORKSPACE_DIAGNOSTIC_REFRESH: _refresh,
                lsp.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH: _refresh_document,
                lsp.PROGRESS: _progress,
            },
        )

    # --- the session ----------------------------------------------------------------------------------

    async def connect(self, capabilities: lsp.ClientCapabilities, **more: Any) -> lsp.InitializeResult:
        result = await self.initialize_session(lsp.InitializeParams(capabilities=capabilities, **more))
        self.encoding = result.capabilities.position_encoding or "utf-16"
        self.pulls = result.capabilities.diagnostic_provider is not None
        operations = get_capability(capabilities, "workspace.workspace_edit.resource_operations")
        self.creates_files = lsp.ResourceOperationKind.Create in (operations or ())
        if self.pulls:
            self._pull(self._pull_workspace())
        return result

    async def leave(self) -> None:
        await self.shutdown_session()
        for task in self._pulling:
            task.cancel()

    def report_server_error(self, error: Exception, source: type[Any]) -> None:
        if self.can_be_asked or not isinstance(error, JsonRpcMethodNotFound):
            super().report_server_error(error, source)

    def open_folder(self, folder: Path) -> None:
        self.folder = folder
        self._opened.append(folder)
        self._change_folders(added=[folder])

    def close_folder(self, folder: Path) -> None:
        self._opened.remove(folder)
        self._change_folders(removed=[folder])

    def close_everything(self) -> None:
        """So that the next test finds the editor as new."""
        for uri in [*self.texts]:
            self.close(uri)
            del self.versions[uri]
        for folder in [*self._opened]:
            self.close_folder(folder)
        self.messages.clear()
        self.log_messages.clear()
        self.shown_documents.clear()
        self.refreshed_documents.clear()
        self.questions.clear()
        self.applies_edits = self.can_be_asked = True
        self.answers = None

    def _change_folders(self, added: list[Path] | None = None, removed: list[Path] | None = None) -> None:
        event = lsp.WorkspaceFoldersChangeEvent(added=_folders(added), removed=_folders(removed))
        self.workspace_did_change_workspace_folders(lsp.DidChangeWorkspaceFoldersParams(event))

    # --- documents ------------------------------------------------------------------------------------

    def open(self, path: str, text: str | None = None) -> str:
        """Opens a file of the folder, with the text on disk or another; gives its URI."""
        file = self.folder / path
        uri = file.as_uri()
        self.texts[uri] = file.read_bytes().decode() if text is None else text
        self.versions[uri] = 1
        item = lsp.TextDocumentItem(uri, "elixir", 1, self.texts[uri])
        self.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
        self.ask_for(uri)
        return uri

    def type(self, uri: str, text: str) -> None:
        """The document has this text now."""
        self.texts[uri] = text
        self.versions[uri] += 1
        document = lsp.VersionedTextDocumentIdentifier(uri=uri, version=self.versions[uri])
        changes = [lsp.TextDocumentContentChangeWholeDocument(text)]
        self.text_document_did_change(lsp.DidChangeTextDocumentParams(document, changes))
        self.ask_for(uri)

    def replace(self, uri: str, old: str, new: str) -> None:
        assert self.texts[uri].count(old) == 1, f"{old!r} stands {self.texts[uri].count(old)} times there"
        self.type(uri, self.texts[uri].replace(old, new))

    def save(self, uri: str) -> None:
        self._file(uri).write_bytes(self.texts[uri].encode())
        self.text_document_did_save(lsp.DidSaveTextDocumentParams(lsp.TextDocumentIdentifier(uri)))

    def close(self, uri: str) -> None:
        del self.texts[uri]
        self.text_document_did_close(lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(uri)))
        self.ask_for(uri)  # a last time

    def disk_changed(self, *paths: str, how: lsp.FileChangeType = lsp.FileChangeType.Changed) -> None:
        """Tells the server that other programs wrote, made or deleted files."""
        events = [lsp.FileEvent((self.folder / path).as_uri(), how) for path in paths]
        self.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams(events))

    def text_of(self, uri: str) -> str:
        return self.texts[uri] if uri in self.texts else self._file(uri).read_bytes().decode()

    def _file(self, uri: str) -> Path:
        return Path(_decoded(uri))

    # --- what is shown --------------------------------------------------------------------------------

    async def until(
        self,
        condition: Callable[[], bool],
        what: Callable[[], object] = lambda: "",
        *,
        seconds: float = SECONDS,
    ) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert not self._failures, self._failures
            assert time.monotonic() < deadline, f"did not happen within {seconds} s: {what()}"
            await asyncio.sleep(0.01)

    async def shows(self, uri: str, *expected: Squiggle) -> None:
        """Waits until exactly these squiggles are shown, for the newest version of an open document."""
        await self.until(
            lambda: self.is_newest(uri) and self.squiggles(uri) == list(expected),
            lambda: f"{uri} shows {self.diagnostics.get(uri)}",
        )

    def squiggles(self, uri: str) -> list[Squiggle]:
        text = self.text_of(uri)
        return [
            Squiggle(found.range.start.line, self.text_at(text, found.range), str(found.code))
            for found in self.diagnostics.get(uri, ())
        ]

    def has_shown(self, uri: str) -> bool:
        """Whether the document at this URI, and no other, was opened by the server: as a file, or as none."""
        names = [shown.uri.rpartition("/")[2] for shown in self.shown_documents]
        return names == [uri.rpartition("/")[2]]

    def is_newest(self, uri: str) -> bool:
        of_this = [published for published in self.published if published.uri == uri]
        return bool(of_this) and (uri not in self.texts or of_this[-1].version == self.versions[uri])

    def diagnostic(self, uri: str, code: str) -> lsp.Diagnostic:
        """The only one with this code."""
        (found,) = [found for found in self.diagnostics[uri] if found.code == code]
        return found

    # --- diagnostics that are asked for, as VS Code does ----------------------------------------------

    def ask_for(self, uri: str) -> None:
        if self.pulls:
            self._pull(self._pull_document(uri))

    def ask_again(self) -> None:
        self.diagnostic_refresh_count += 1
        for uri in self.texts:
            self.ask_for(uri)

    async def _pull_document(self, uri: str) -> None:
        version = self.versions[uri] if uri in self.texts else None
        asked = lsp.DocumentDiagnosticParams(
            lsp.TextDocumentIdentifier(uri), previous_result_id=self.results.get(uri)
        )
        report = await self.text_document_diagnostic_async(asked)
        if version != (self.versions[uri] if uri in self.texts else None):
            return
        full = isinstance(report, lsp.RelatedFullDocumentDiagnosticReport)
        items = report.items if full else self.diagnostics[uri]
        if report.result_id and version:
            self.results[uri] = report.result_id
        else:
            self.results.pop(uri, None)
        _show(self, lsp.PublishDiagnosticsParams(uri, items, version))

    async def _pull_workspace(self) -> None:
        while True:
            previous = [lsp.PreviousResultId(*known) for known in self.workspace_results.items()]
            token = str(uuid4())
            answer = await self.workspace_diagnostic_async(
                lsp.WorkspaceDiagnosticParams(previous, partial_result_token=token)
            )
            assert not answer.items
            await asyncio.sleep(0.05)

    def hear_of(self, report: lsp.WorkspaceFullDocumentDiagnosticReport) -> None:
        if report.result_id:
            self.workspace_results[report.uri] = report.result_id
        else:
            self.workspace_results.pop(report.uri, None)
        if report.uri not in self.texts:  # that of the document itself goes before
            _show(self, lsp.PublishDiagnosticsParams(report.uri, report.items))

    def _pull(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._pulling.add(task)
        task.add_done_callback(self._pulled)

    def _pulled(self, task: asyncio.Task[None]) -> None:
        self._pulling.discard(task)
        if not task.cancelled() and task.exception():
            self._failures.append(task.exception())

    # --- asking ---------------------------------------------------------------------------------------

    async def actions(self, uri: str, line: int, *only: str) -> list[lsp.CodeAction]:
        """What the light bulb offers on a line."""
        context = lsp.CodeActionContext(diagnostics=[], only=list(only) or None)
        place = lsp.Range(lsp.Position(line, 0), lsp.Position(line, 0))
        document = lsp.TextDocumentIdentifier(uri)
        offers = await self.text_document_code_action_async(lsp.CodeActionParams(document, place, context))
        actions = [offer for offer in offers or () if isinstance(offer, lsp.CodeAction)]
        assert len(actions) == len(offers or ())
        return actions

    async def fix_on(self, uri: str, line: int) -> lsp.CodeAction:
        """The one fix that is offered on a line."""
        return await self.action_on(uri, line, "Fix with OTP-Genesis")

    async def action_on(self, uri: str, line: int, title: str, kind: str = "quickfix") -> lsp.CodeAction:
        """The one action of a kind that is offered on a line under this title, or one that begins so."""
        (offer,) = [offer for offer in await self.actions(uri, line, kind) if offer.title.startswith(title)]
        return offer

    def bars(self, title: str) -> dict[str | int, list[Any]]:
        """What was reported in each progress bar of this title, by its token."""
        reported: dict[str | int, list[Any]] = {
            token: list(reports) for token, reports in self.progress_reports.items() if reports
        }
        return {token: reports for token, reports in reported.items() if reports[0].title == title}

    def bar(self, title: str) -> str | int | None:
        """The token of the progress bar of this title that has not ended."""
        shown = [token for token, reports in self.bars(title).items() if reports[-1].kind != "end"]
        return shown[-1] if shown else None

    def cancel_bar(self, token: str | int) -> None:
        """As if the user clicked on the cross beside a bar."""
        self.window_work_done_progress_cancel(lsp.WorkDoneProgressCancelParams(token))

    async def command(self, name: str, arguments: object) -> Any:
        return await self.workspace_execute_command_async(lsp.ExecuteCommandParams(name, [arguments]))

    async def hover_at(self, uri: str, text: str) -> lsp.Hover | None:
        """The hover at the first place of a text."""
        *lines, last = self.texts[uri].partition(text)[0].split("\n")
        position = lsp.Position(len(lines), self._units(last))
        params = lsp.HoverParams(lsp.TextDocumentIdentifier(uri), position)
        return await self.text_document_hover_async(params)

    # --- positions and edits --------------------------------------------------------------------------

    def apply(self, edit: lsp.WorkspaceEdit) -> None:
        """As editors do: all edits of a file against the text before them; closed files are opened."""
        edits = {uri: list(changes) for uri, changes in (edit.changes or {}).items()}
        for change in edit.document_changes or ():
            if isinstance(change, lsp.CreateFile):
                self._file(change.uri).touch(exist_ok=False)
                continue
            assert isinstance(change, lsp.TextDocumentEdit)
            uri, version = change.text_document.uri, change.text_document.version
            assert version == self.versions.get(uri), "the edit is for another version"
            edits[uri] = list(change.edits)  # pyright: ignore[reportArgumentType]
        for uri, changes in edits.items():
            if uri not in self.texts:
                self.open(str(self._file(uri).relative_to(self.folder)))
            self.type(uri, self._edited(self.texts[uri], changes))

    def text_at(self, text: str, place: lsp.Range) -> str:
        return text[self._offset(text, place.start) : self._offset(text, place.end)]

    def _edited(self, text: str, edits: list[lsp.TextEdit]) -> str:
        for edit in sorted(edits, key=lambda edit: _key(edit.range.start), reverse=True):
            start, end = self._offset(text, edit.range.start), self._offset(text, edit.range.end)
            text = text[:start] + edit.new_text + text[end:]
        return text

    def _offset(self, text: str, position: lsp.Position) -> int:
        lines = _LINE.findall(text)
        assert position.line < len(lines), f"line {position.line} of {len(lines)}"
        line = lines[position.line].rstrip("\r\n")
        encoded = line.encode(_codec(self.encoding))
        units = position.character * _WIDTH[self.encoding]
        assert units <= len(encoded), f"{position} lies outside of {line!r}"
        before = encoded[:units].decode(_codec(self.encoding))
        return sum(map(len, lines[: position.line])) + len(before)

    def _units(self, text: str) -> int:
        return len(text.encode(_codec(self.encoding))) // _WIDTH[self.encoding]


def make_editor() -> Editor:
    return Editor()


def _converter() -> Converter:
    """lsprotocol takes an action that has a command for a bare command: what tells them apart is its type."""
    converter = default_converter()

    def offer(value: dict[str, Any], _: object) -> lsp.Command | lsp.CodeAction:
        bare = isinstance(value.get("command"), str)
        return converter.structure(value, lsp.Command if bare else lsp.CodeAction)

    converter.register_structure_hook(lsp.Command | lsp.CodeAction, offer)
    return converter


def _codec(encoding: str) -> str:
    return encoding if encoding == "utf-8" else f"{encoding}-le"


def _key(position: lsp.Position) -> tuple[int, int]:
    return position.line, position.character


def _folders(folders: list[Path] | None) -> list[lsp.WorkspaceFolder]:
    return [lsp.WorkspaceFolder(folder.as_uri(), folder.name) for folder in folders or []]


def _decoded(uri: str) -> str:
    from urllib.parse import unquote, urlparse

    return unquote(urlparse(uri).path)


def _pushed(editor: Editor, params: lsp.PublishDiagnosticsParams) -> None:
    editor.pushed.append(params)
    _show(editor, params)


def _show(editor: Editor, params: lsp.PublishDiagnosticsParams) -> None:
    editor.diagnostics[params.uri] = params.diagnostics
    editor.published.append(params)


def _apply_edit(editor: Editor, params: lsp.ApplyWorkspaceEditParams) -> lsp.ApplyWorkspaceEditResult:
    if not editor.applies_edits:
        return lsp.ApplyWorkspaceEditResult(applied=False, failure_reason="the file is read-only")
    editor.apply(params.edit)
    return lsp.ApplyWorkspaceEditResult(applied=True)


def _answer(editor: Editor, params: lsp.ShowMessageRequestParams) -> lsp.MessageActionItem | None:
    if not editor.can_be_asked:
        raise JsonRpcMethodNotFound.of(lsp.WINDOW_SHOW_MESSAGE_REQUEST)
    editor.questions.append(params.message)
    return next((choice for choice in params.actions or () if choice.title == editor.answers), None)


def _refresh(editor: Editor, _: None) -> None:
    editor.ask_again()


def _refresh_document(editor: Editor, params: lsp.TextDocumentContentRefreshParams) -> None:
    editor.refreshed_documents.append(params.uri)


def _progress(editor: Editor, params: lsp.ProgressParams) -> None:
    if not isinstance(params.value, dict) or "items" not in params.value:
        DEFAULT_CLIENT_FEATURES[lsp.PROGRESS](editor, params)
        return
    converter = editor.protocol._converter
    for report in converter.structure(params.value, lsp.WorkspaceDiagnosticReportPartialResult).items:
        assert isinstance(report, lsp.WorkspaceFullDocumentDiagnosticReport)
        editor.hear_of(report)


def _register(editor: Editor, params: lsp.RegistrationParams) -> None:
    editor.registered += params.registrations
