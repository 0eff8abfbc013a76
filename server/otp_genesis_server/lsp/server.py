"""The pygls server with its traps defused, and what a session needs of it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import threading
from collections.abc import Callable, Coroutine, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from cattrs import BaseValidationError, Converter, transform_error
from lsprotocol import types as lsp
from pygls.exceptions import FeatureRequestError, JsonRpcException, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method

from otp_genesis_analyzers.findings import Finding
from otp_genesis_server import VERSION
from otp_genesis_server.lsp import to_lsp
from otp_genesis_server.lsp.client_features import ClientFeatures
from otp_genesis_server.lsp.diagnostics import Diagnostics
from otp_genesis_server.lsp.plans.open_plans import OpenPlans
from otp_genesis_server.lsp.plans.stale_items import StaleItems
from otp_genesis_server.lsp.settings import SECTION, Settings, read_settings
from otp_genesis_server.lsp.shown.documents import SCHEME, virtual
from otp_genesis_server.lsp.work.progress import GivenUp, progress
from otp_genesis_server.lsp.workspace.session import Session
from otp_genesis_server.lsp.workspace.snapshot import Snapshot
from otp_genesis_server.lsp.workspace.watching import NotWatched, changes_below

if TYPE_CHECKING:
    from otp_genesis_server.lsp.workspace.folder import Folder

PARENT_CHECK_SECONDS = 5.0
LONG_WORKS_AT_ONCE = 16
"""Others wait for one of them to end."""

log = logging.getLogger("otp_genesis")


class Protocol(LanguageServerProtocol):
    _server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    @lsp_method(lsp.INITIALIZE)
    def lsp_initialize(self, params: lsp.InitializeParams) -> Generator[Any, Any, lsp.InitializeResult]:
        features = ClientFeatures.from_lsp(params.capabilities, params.initialization_options)
        self._server.session.features = features
        self._server.diagnostics.pulled = features.pull_diagnostics
        if params.capabilities.general and params.capabilities.general.position_encodings:
            params.capabilities.general.position_encodings = [features.encoding]
        result = yield from super().lsp_initialize(params)
        if not features.pull_diagnostics:
            result.capabilities.diagnostic_provider = None
        if features.virtual_documents and result.capabilities.workspace:
            options = lsp.TextDocumentContentOptions([SCHEME])
            result.capabilities.workspace.text_document_content = options
        return result

    def get_message_type(  # pyright: ignore[reportIncompatibleVariableOverride]
        self, method: str
    ) -> type[Any] | None:
        return self._server.requests.get(method) or super().get_message_type(method)

    def structure_message(self, data: dict[str, Any]) -> Any:
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            worded = _worded(error, error.__cause__)
            if "id" not in data or "method" not in data:
                raise worded from error
            # pygls only shows a message: the one who asked would wait for ever.
            self._send_response(data["id"], error=worded.to_response_error())
            raise Answered from error

    @lsp_method(lsp.EXIT)
    def lsp_exit(self, *args: Any) -> Generator[Any, Any, None]:
        self._server.exit_status = 0 if self._shutdown else 1  # pygls ends its loop, and forgets it
        yield from super().lsp_exit(*args)  # pyright: ignore[reportUnknownMemberType]

    @lsp_method(lsp.WORKSPACE_EXECUTE_COMMAND)
    def lsp_workspace__execute_command(self, params: lsp.ExecuteCommandParams) -> Generator[Any, Any, Any]:
        asked = self._request_futures[self.msg_id] if self.msg_id is not None else None
        try:
            handler, args, kwargs = next(super().lsp_workspace__execute_command(params))
        except JsonRpcInvalidParams as error:
            raise _worded(error, error.__context__) from None
        return (yield _ended_with(asked, handler), args, kwargs)


class Server(LanguageServer):
    """One server serves one client, from its `initialize` to its `exit`."""

    def __init__(self) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            to_lsp.SOURCE_NAME,
            VERSION,
            # pygls splits lines where the protocol doesn't, so that an edit of a part could land elsewhere.
            text_document_sync_kind=lsp.TextDocumentSyncKind.Full,
            protocol_cls=Protocol,
            converter_factory=_converter,
        )
        self.session = Session(self)
        self.diagnostics = Diagnostics(self.text_document_publish_diagnostics, self._ask_to_pull_again)
        self.stale_items = StaleItems(self)
        self.plans = OpenPlans(self.stale_items.look_again)
        self.requests: dict[str, type[Any]] = {}
        """The message types of requests that the protocol doesn't know, by method."""
        self.ends_with_parent = False
        self.exit_status = 0
        self.threads = ThreadPoolExecutor(LONG_WORKS_AT_ONCE, "long work")
        """For what takes long, so that the threads that answer hovers are free."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._reported: set[str] = set()
        self._shown_virtually: set[str] = set()
        self._settings_problems: tuple[str, ...] = ()

    # --- what a session needs -------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def publish(self, snapshot: Snapshot, path: str, findings: tuple[Finding, ...]) -> None:
        if self.session.owns(snapshot.root, path):
            found = to_lsp.diagnostics(findings, path, snapshot, self.session.features)
            self.diagnostics.put(snapshot.uri(path), snapshot.version(path), found)
            self.stale_items.look_again(snapshot.root)

    @property
    def settings(self) -> Settings:
        return self.session.settings

    def scan(self, folder: Folder) -> None:
        self.spawn(self._scan(folder))

    def watch(self, folder: Folder) -> None:
        if not self.session.features.watch_files and not folder.alone:
            folder.watching = self.spawn(self._watch(folder))

    def log(self, message: str) -> None:
        self.window_log_message(lsp.LogMessageParams(lsp.MessageType.Info, message))

    def warn(self, message: str) -> None:
        self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, message))

    def inform(self, message: str) -> None:
        """Tell the user what came of what they asked for."""
        self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Info, message))

    def open(self, uri: str, *, take_focus: bool = True) -> None:
        """Open a file in the editor where it can be asked to, without waiting for that.

        What the server made only to be looked at is opened as no file where the editor can show such.
        """
        if self.session.features.show_document:
            shown = virtual(uri) if self.session.features.virtual_documents else None
            self.spawn(self._open_virtual(shown, take_focus) if shown else self._open(uri, take_focus))

    def warm_up(self) -> None:
        """Make cattrs write its code for diagnostics now, 50 ms before the first are due."""
        place = lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0))
        found = [lsp.Diagnostic(place, "", lsp.DiagnosticSeverity.Hint)]
        params = lsp.PublishDiagnosticsParams("", found, version=0)
        notification = lsp.PublishDiagnosticsNotification(params, jsonrpc="2.0")
        self.protocol._converter.unstructure(notification)  # pyright: ignore[reportPrivateUsage]

    # --- settings -------------------------------------------------------------------------------------

    async def ask_for_settings(self) -> None:
        asked = lsp.ConfigurationParams([lsp.ConfigurationItem(section=SECTION)])
        try:
            self.apply_settings(*await self.workspace_configuration_async(asked))
        except JsonRpcException as error:
            self.log(f"the settings are left as they are: the client answered {error}")

    def apply_settings(self, *said: Any) -> None:
        """Those that come with the connection hold where these say nothing."""
        settings, problems = read_settings(self.session.first_settings, *said)
        for problem in problems:
            if problem not in self._settings_problems:
                self.warn(problem)
        self._settings_problems = problems
        self.session.apply(settings)

    # --- errors ---------------------------------------------------------------------------------------

    def report_server_error(self, error: Exception, source: type[Exception]) -> None:
        """A bug: all of it goes to the log, a line of it to the user, and that only once."""
        if source is FeatureRequestError or isinstance(error, Answered):
            return  # the answer to the request says it
        log.error("%s", error, exc_info=error)
        message = f"OTP-Genesis: internal error, please report it: {' '.join(str(error).split())}"
        if message not in self._reported:
            self._reported.add(message)
            self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Error, message))

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self.report_server_error(error, type(error))

    # --- long work ------------------------------------------------------------------------------------

    async def _scan(self, folder: Folder) -> None:
        title = f"OTP-Genesis: reading {folder.root.name}"
        supported = self.session.features.work_done_progress and not folder.alone
        given_up = threading.Event()
        async with progress(self, title, supported=supported) as bar:

            def on_progress(done: int, total: int) -> None:
                if given_up.is_set() or folder.forgotten:
                    raise GivenUp
                bar.count(done, total)

            try:
                await folder.load(on_progress)
            except GivenUp:
                pass
            finally:
                given_up.set()  # a thread can't be cancelled, and the process waits for it at its end

    async def _watch(self, folder: Folder) -> None:
        try:
            async for files in changes_below(folder.root):
                self.session.files_changed(files)
        except NotWatched as error:
            self.log(f"{folder.root}: files changed by other programs are not noticed: {error}")

    def _ask_to_pull_again(self) -> None:
        self.spawn(self._refresh())

    async def _refresh(self) -> None:
        try:
            await self.workspace_diagnostic_refresh_async(None)
        except JsonRpcException as error:
            self.log(f"diagnostics may be old: the client answered {error}")

    async def _open(self, uri: str, take_focus: bool) -> None:
        try:
            await self.window_show_document_async(lsp.ShowDocumentParams(uri, take_focus=take_focus))
        except JsonRpcException as error:
            self.log(f"{uri} could not be opened: {error}")

    async def _open_virtual(self, uri: str, take_focus: bool) -> None:
        if uri in self._shown_virtually:
            try:
                await self.workspace_text_document_content_refresh_async(
                    lsp.TextDocumentContentRefreshParams(uri)
                )
            except JsonRpcException as error:
                self.log(f"{uri} may be old: the client answered {error}")
        self._shown_virtually.add(uri)
        await self._open(uri, take_focus)

    async def end_with_parent(self) -> None:
        """Don't outlive an editor that died without closing our input, where it says which process it is."""
        if self.process_id is None:
            return
        while _runs(self.process_id):
            await asyncio.sleep(PARENT_CHECK_SECONDS)
        os._exit(1)  # the thread that reads our input can't be interrupted


class Answered(JsonRpcException):
    """Ends the handling of a request that can't be read, when who sent it has been told."""


def _ended_with(asked: Future[Any] | None, handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler of a command, ended when its request is cancelled: pygls only ends the waiting for it."""
    if asked is None or not inspect.iscoroutinefunction(handler):
        return handler

    async def run(*args: Any, **kwargs: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None
        asked.add_done_callback(lambda _: task.cancel())
        return await handler(*args, **kwargs)

    return run


def _worded(error: JsonRpcException, cause: BaseException | None) -> JsonRpcException:
    """The error with what exactly is wrong in a message that doesn't have the right shape."""
    if not isinstance(cause, BaseValidationError):
        return error
    return JsonRpcInvalidParams(f"Invalid Params: {'; '.join(transform_error(cause))}")


def _runs(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs, as another user
    return True


def _converter() -> Converter:
    converter = default_converter()
    converter.register_structure_hook(lsp.Position, _clamped)
    return converter


def _clamped(value: Mapping[str, int], _: type[lsp.Position]) -> lsp.Position:
    """Some clients write "the end of the line" as 2^63; lsprotocol refuses what needs more than 31 bits."""
    return lsp.Position(*(max(0, min(int(value[key]), 2**31 - 1)) for key in ("line", "character")))
