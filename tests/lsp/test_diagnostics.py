"""Diagnostics that are asked for and diagnostics that are sent: to each client one of the two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig

from otp_genesis_server.lsp import diagnostics as diagnostics_module
from otp_genesis_server.lsp.diagnostics import Diagnostics
from tests.lsp.editor import SERVER, Editor, Squiggle, abilities, make_editor
from tests.lsp.shop import APPLICATION, CART, CART_TEXT, MAILER, MAILER_TEXT, TILL_TEXT, write_shop

SPAWN = Squiggle(2, "spawn", "OTP101")
CART_UNSUPERVISED = Squiggle(0, "Shop.Cart", "OTP106")
Reports = Sequence[lsp.WorkspaceFullDocumentDiagnosticReport]
A, B = "file:///shop/lib/a.ex", "file:///shop/lib/b.ex"


class TestReports:
    """Without a protocol around it."""

    pytestmark = pytest.mark.asyncio

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(diagnostics_module, "ASK_AGAIN_AFTER_SECONDS", 0.01)
        yield

    async def test_an_id_names_the_items(self) -> None:
        client = Client()
        client.told.put(A, 1, flaws(1))
        first = client.id_of(A)
        client.told.put(A, 2, flaws(1))
        client.told.put(B, None, flaws(5))
        assert client.id_of(A) == first
        client.told.put(A, 3, flaws(2))
        assert client.id_of(A) not in (first, client.id_of(B))
        client.told.put(A, 4, flaws(1))
        assert client.id_of(A) != first
        assert Client().told.pull(A) is None

    async def test_a_client_that_can_not_pull_is_sent_everything_that_is_new(self) -> None:
        client = Client(pulled=False)
        client.told.put(A, None, [])
        client.told.put(A, None, flaws(1))
        client.told.put(A, None, flaws(1))
        client.told.put(A, 1, flaws(1))
        client.told.put(A, 2, [])
        client.told.put(A, None, [])
        assert client.sent == [(A, None, 1), (A, 1, 1), (A, 2, 0)]

    async def test_a_client_that_pulls_documents_only_is_sent_what_is_not_open(self) -> None:
        client = Client()
        client.told.put(A, None, flaws(1))
        client.told.put(A, 1, flaws(1))
        assert client.sent == [(A, None, 1), (A, None, 0)], "what is open now was taken back"
        client.told.put(A, 2, flaws(2))
        assert len(client.sent) == 2
        client.told.put(A, None, flaws(2))
        assert client.sent[2:] == [(A, None, 1)]

    async def test_a_client_that_pulls_all_is_sent_nothing_any_more(self) -> None:
        client = Client()
        client.told.put(A, None, flaws(1))
        (report,) = await client.told.pull_all({})
        assert client.sent == [(A, None, 1), (A, None, 0)]
        client.told.put(B, None, flaws(1))
        assert len(client.sent) == 2
        (report,) = await client.told.pull_all({A: report.result_id})
        assert report.uri == B

    async def test_nothing_new_is_not_answered(self) -> None:
        client = Client()
        client.told.put(A, None, flaws(1))
        known = {report.uri: report.result_id for report in await client.told.pull_all({})}
        held = asyncio.create_task(client.told.pull_all(known))
        client.told.put(A, None, flaws(1))
        client.told.put(B, None, [])
        done, _ = await asyncio.wait([held], timeout=0.05)
        assert not done
        client.told.put(A, None, [])
        (report,) = await held
        assert (report.uri, report.items) == (A, [])
        held = asyncio.create_task(client.told.pull_all({A: report.result_id}))
        done, _ = await asyncio.wait([held], timeout=0.05)
        assert not done
        held.cancel()

    async def test_a_file_that_nothing_is_known_of_is_cleared(self) -> None:
        client = Client()
        (report,) = await client.told.pull_all({A: "of a server that ended"})
        assert (report.uri, report.items) == (A, [])

    async def test_one_file_under_two_names(self) -> None:
        client = Client()
        client.told.put("file:///shop/a%20b.ex", None, flaws(1))
        (report,) = await client.told.pull_all({})
        held = asyncio.create_task(client.told.pull_all({"file:///shop/a b.ex": report.result_id}))
        done, _ = await asyncio.wait([held], timeout=0.05)
        assert not done
        held.cancel()

    async def test_asking_again_is_for_what_the_client_did_not_ask_for_itself(self) -> None:
        client = Client()
        client.told.put(A, 1, flaws(1))
        client.told.pull(A)
        client.told.put(B, None, flaws(1))
        await asyncio.sleep(0.03)
        assert client.asked_again == 0
        client.told.put(A, 1, flaws(2))
        client.told.put(A, 1, flaws(3))
        await asyncio.sleep(0.03)
        assert client.asked_again == 1
        client.told.put(B, None, flaws(2))
        await asyncio.sleep(0.03)
        assert client.asked_again == 1


class Client:
    """What a client hears."""

    def __init__(self, *, pulled: bool = True) -> None:
        self.sent: list[tuple[str, int | None, int]] = []
        self.asked_again = 0
        self.told = Diagnostics(self._hear, self._ask)
        self.told.pulled = pulled

    def id_of(self, uri: str) -> str:
        report = self.told.pull(uri)
        assert report
        return report.result_id

    def _hear(self, params: lsp.PublishDiagnosticsParams) -> None:
        self.sent.append((params.uri, params.version, len(params.diagnostics)))

    def _ask(self) -> None:
        self.asked_again += 1


def flaws(line: int) -> list[lsp.Diagnostic]:
    place = lsp.Range(lsp.Position(line, 0), lsp.Position(line, 1))
    return [lsp.Diagnostic(place, "flaw")]


# --- a client that asks -------------------------------------------------------------------------------


@pytest_lsp.fixture(scope="module", config=ClientServerConfig(SERVER, client_factory=make_editor))
async def editor(lsp_client: Editor) -> AsyncIterator[None]:
    await lsp_client.connect(abilities("visual_studio_code"))
    yield
    await lsp_client.leave()


@pytest_asyncio.fixture(loop_scope="module")
async def shop(editor: Editor, tmp_path: Path) -> AsyncIterator[Editor]:
    editor.open_folder(write_shop(tmp_path, {CART: CART_TEXT, "lib/shop/till.ex": TILL_TEXT}))
    yield editor
    editor.close_everything()


module_loop = pytest.mark.asyncio(loop_scope="module")


async def pull(editor: Editor, uri: str, previous: str | None = None) -> lsp.DocumentDiagnosticReport:
    asked = lsp.DocumentDiagnosticParams(lsp.TextDocumentIdentifier(uri), previous_result_id=previous)
    return await editor.text_document_diagnostic_async(asked)


async def pull_all(editor: Editor, known: Reports = ()) -> Reports:
    """In one answer, without a token."""
    answer = await editor.workspace_diagnostic_async(lsp.WorkspaceDiagnosticParams(ids(known)))
    return [
        report for report in answer.items if isinstance(report, lsp.WorkspaceFullDocumentDiagnosticReport)
    ]


def ids(reports: Reports) -> list[lsp.PreviousResultId]:
    return [lsp.PreviousResultId(report.uri, report.result_id or "") for report in reports]


@module_loop
async def test_who_asks_is_sent_nothing(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, SPAWN)
    await shop.shows((shop.folder / CART).as_uri(), CART_UNSUPERVISED)
    shop.close(uri)
    shop.open(CART)
    shop.replace((shop.folder / CART).as_uri(), "length(cart)", "Enum.count(cart)")
    await shop.shows((shop.folder / CART).as_uri(), CART_UNSUPERVISED)
    assert shop.pushed == []


@module_loop
async def test_unchanged_until_something_changes_that_counts(shop: Editor) -> None:
    uri = shop.open(CART)
    await shop.shows(uri, CART_UNSUPERVISED)
    first = shop.results[uri]
    assert await pull(shop, uri, first) == lsp.RelatedUnchangedDocumentDiagnosticReport(first)
    full = await pull(shop, uri)
    assert isinstance(full, lsp.RelatedFullDocumentDiagnosticReport) and full.result_id == first
    assert (await pull(shop, uri, "of another server")).kind == "full"
    shop.replace(uri, "length(cart)", "Enum.count(cart)")
    assert (await pull(shop, uri, first)).kind == "unchanged"
    shop.type(uri, "# Carts\n" + shop.texts[uri])
    moved = await pull(shop, uri, first)
    assert moved.kind == "full" and moved.result_id != first


@module_loop
async def test_asked_to_ask_again_when_another_file_changes_what_is_shown(shop: Editor) -> None:
    uri, application = shop.open(CART), shop.open(APPLICATION)
    await shop.shows(uri, CART_UNSUPERVISED)
    before, first = shop.diagnostic_refresh_count, shop.results[uri]
    shop.replace(application, "children = []", "children = [Shop.Cart]")
    await shop.shows(uri)
    assert shop.diagnostic_refresh_count > before
    assert shop.results[uri] != first


@module_loop
async def test_what_is_not_looked_at_has_no_report(shop: Editor) -> None:
    for uri in ("untitled:Untitled-1", "file:///nowhere/a.ex", (shop.folder / "deps/a/a.ex").as_uri()):
        assert await pull(shop, uri) == lsp.RelatedFullDocumentDiagnosticReport(())


@module_loop
async def test_all_files_without_a_token_in_one_answer(shop: Editor) -> None:
    await shop.shows((shop.folder / CART).as_uri(), CART_UNSUPERVISED)
    uri = shop.open(MAILER)
    await shop.shows(uri, SPAWN)
    reports = {report.uri: report for report in await pull_all(shop)}
    assert reports[uri].version == 1
    cart = reports[(shop.folder / CART).as_uri()]
    assert cart.version is None and cart.result_id
    assert [found.code for found in cart.items] == ["OTP106"]


@module_loop
async def test_all_files_are_answered_when_something_changes_not_before(shop: Editor) -> None:
    cart = (shop.folder / CART).as_uri()
    await shop.shows((shop.folder / MAILER).as_uri(), SPAWN)
    await shop.shows(cart, CART_UNSUPERVISED)
    held = asyncio.ensure_future(pull_all(shop, await pull_all(shop)))
    done, _ = await asyncio.wait([held], timeout=0.5)
    assert not done
    (shop.folder / MAILER).unlink()
    shop.disk_changed(MAILER, how=lsp.FileChangeType.Deleted)
    (report,) = await held
    assert report.uri == (shop.folder / MAILER).as_uri() and not report.items


@module_loop
async def test_waiting_for_a_change_can_be_cancelled(shop: Editor) -> None:
    await shop.shows((shop.folder / CART).as_uri(), CART_UNSUPERVISED)
    await shop.shows((shop.folder / MAILER).as_uri(), SPAWN)
    asked = lsp.WorkspaceDiagnosticParams(ids(await pull_all(shop)))
    held = shop.protocol.send_request(lsp.WORKSPACE_DIAGNOSTIC, asked, msg_id="held")
    await asyncio.sleep(0.1)
    shop.cancel_request(lsp.CancelParams("held"))
    with pytest.raises(JsonRpcException) as failure:
        await asyncio.wait_for(asyncio.wrap_future(held), 10)
    assert failure.value.code == lsp.LSPErrorCodes.RequestCancelled.value


@module_loop
async def test_who_asks_and_goes_away_takes_nothing_with_them(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, SPAWN)
    for number in range(10):
        shop.type(uri, f"# {number}\n" + MAILER_TEXT)
        asked = lsp.DocumentDiagnosticParams(lsp.TextDocumentIdentifier(uri))
        gone = shop.protocol.send_request(lsp.TEXT_DOCUMENT_DIAGNOSTIC, asked, msg_id=f"gone {number}")
        shop.cancel_request(lsp.CancelParams(f"gone {number}"))
        gone.add_done_callback(lambda future: future.exception())
    await shop.shows(uri, Squiggle(3, "spawn", "OTP101"))


@module_loop
async def test_closed_folders_are_cleared(shop: Editor) -> None:
    cart = (shop.folder / CART).as_uri()
    await shop.shows(cart, CART_UNSUPERVISED)
    shop.close_folder(shop.folder)
    await shop.until(lambda: not shop.diagnostics[cart])


# --- clients that are sent them -----------------------------------------------------------------------


@pytest_lsp.fixture(
    scope="module",
    params=["neovim", "emacs"],
    config=ClientServerConfig(SERVER, client_factory=make_editor),
)
async def listener(lsp_client: Editor, request: pytest.FixtureRequest) -> AsyncIterator[None]:
    lsp_client.said = await lsp_client.connect(abilities(request.param))
    yield
    await lsp_client.leave()


@module_loop
async def test_who_is_sent_them_is_not_offered_to_ask(listener: Editor, tmp_path: Path) -> None:
    assert listener.said.capabilities.diagnostic_provider is None
    listener.open_folder(write_shop(tmp_path))
    uri = (tmp_path / MAILER).as_uri()
    await listener.shows(uri, SPAWN)
    listener.open(MAILER)
    listener.replace(uri, "spawn(fn -> deliver(user) end)", "deliver(user)")
    await listener.shows(uri)
    listener.close(uri)
    await listener.until(lambda: listener.squiggles(uri) == [SPAWN])
    listener.close_everything()
    await listener.until(lambda: not listener.diagnostics[uri])


@module_loop
async def test_other_programs_change_files(listener: Editor, tmp_path: Path) -> None:
    """Neovim on Linux doesn't tell: the server looks itself. Emacs was asked to tell."""
    listener.open_folder(write_shop(tmp_path))
    uri, postman = (tmp_path / MAILER).as_uri(), (tmp_path / "lib/post/postman.ex").as_uri()
    await listener.shows(uri, SPAWN)
    telling = "workspace/didChangeWatchedFiles" in [one.method for one in listener.registered]

    def tell(*paths: str) -> None:
        if telling:
            listener.disk_changed(*paths)

    (tmp_path / "lib/post").mkdir()
    (tmp_path / MAILER).rename(tmp_path / "lib/post/postman.ex")
    tell(MAILER, "lib/post/postman.ex")
    await listener.shows(postman, SPAWN)
    await listener.until(lambda: not listener.diagnostics[uri])
    (tmp_path / ".otp-genesis.toml").write_text('ignore = ["OTP101"]\n')
    tell(".otp-genesis.toml")
    await listener.until(lambda: not listener.diagnostics[postman])
    (tmp_path / ".otp-genesis.toml").unlink()
    tell(".otp-genesis.toml")
    await listener.shows(postman, SPAWN)
    (tmp_path / "lib/post").rename(tmp_path / "lib/mail")
    tell("lib/post", "lib/mail/postman.ex")
    await listener.shows((tmp_path / "lib/mail/postman.ex").as_uri(), SPAWN)
    await listener.until(lambda: not listener.diagnostics[postman])
    listener.close_everything()
