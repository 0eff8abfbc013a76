"""What an editor of today is told of a finding and its fix, and what the commands do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig

from otp_genesis_analyzers.findings import Finding
from otp_genesis_refactorers import fix_all
from otp_genesis_server import VERSION
from otp_genesis_server.lsp.app import build_server
from otp_genesis_server.lsp.client_features import ClientFeatures
from otp_genesis_server.lsp.features import code_action
from otp_genesis_server.lsp.workspace.snapshot import Document
from tests.lsp.editor import SERVER, Editor, Squiggle, abilities, make_editor
from tests.lsp.shop import APPLICATION, MAILER, MAILER_TEXT, write_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPAWN = Squiggle(2, "spawn", "OTP101")
PLAN = [
    "README.md",
    "01-critical-fixes.md",
    "02-state-persistence.md",
    "03-architectural-decomposition.md",
    "04-testing-and-communication.md",
    "05-integration-and-rollout.md",
]


@pytest_lsp.fixture(scope="module", config=ClientServerConfig(SERVER, client_factory=make_editor))
async def editor(lsp_client: Editor) -> AsyncIterator[None]:
    lsp_client.said = await lsp_client.connect(abilities("visual_studio_code"))
    yield
    await lsp_client.leave()


@pytest_asyncio.fixture(loop_scope="module")
async def shop(editor: Editor, tmp_path: Path) -> AsyncIterator[Editor]:
    editor.open_folder(write_shop(tmp_path))
    yield editor
    editor.close_everything()


async def opened(shop: Editor) -> str:
    uri = shop.open(MAILER)
    await shop.shows(uri, SPAWN)
    return uri


def fingerprint(shop: Editor, uri: str) -> str:
    data: Any = shop.diagnostic(uri, "OTP101").data
    return data["fingerprint"]


async def test_what_the_server_says_of_itself(editor: Editor) -> None:
    said = editor.said
    assert said.server_info == lsp.ServerInfo("otp-genesis", VERSION)
    can = said.capabilities
    assert isinstance(can.text_document_sync, lsp.TextDocumentSyncOptions)
    assert can.text_document_sync.change == lsp.TextDocumentSyncKind.Full
    assert can.text_document_sync.save
    assert isinstance(can.code_action_provider, lsp.CodeActionOptions)
    assert can.code_action_provider.resolve_provider
    assert list(can.code_action_provider.code_action_kinds or ()) == ["quickfix", "source.fixAll.otpGenesis"]
    assert can.diagnostic_provider == lsp.DiagnosticOptions(
        identifier="otp-genesis", inter_file_dependencies=True, workspace_diagnostics=True
    )
    assert can.execute_command_provider
    assert set(can.execute_command_provider.commands) >= {
        "otpGenesis.explainRule",
        "otpGenesis.fix",
        "otpGenesis.generatePlan",
        "otpGenesis.showSupervisionTree",
        "otpGenesis.verify",
    }


async def test_a_diagnostic_has_all_that_the_editor_can_show(shop: Editor) -> None:
    found = shop.diagnostic(await opened(shop), "OTP101")
    assert (found.source, found.severity) == ("otp-genesis", lsp.DiagnosticSeverity.Information)
    assert found.message.startswith("`spawn/1` starts a process with no link, monitor or supervisor")
    assert found.data and set(found.data) == {"fingerprint", "name", "module"}
    assert found.code_description
    page = Path(unquote(urlparse(found.code_description.href).path))
    assert page.read_text().startswith("# OTP101 unsupervised-spawn\n")


async def test_related_places_in_other_files(shop: Editor) -> None:
    server = "defmodule Shop.Cart do\n  use GenServer\n\n" + (
        "  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)\n"
        "  def total, do: GenServer.call(__MODULE__, :total)\n"
        "  def init(opts), do: {:ok, opts}\n"
        "  def handle_call(:total, _from, cart), do: {:reply, length(cart), cart}\nend\n"
    )
    till = "defmodule Shop.Till do\n  def total, do: Shop.Cart.total()\nend\n"
    write_shop(shop.folder, {"lib/shop/cart.ex": server, "lib/shop/till.ex": till})
    shop.disk_changed("lib/shop/cart.ex", "lib/shop/till.ex")
    uri = (shop.folder / "lib/shop/cart.ex").as_uri()
    await shop.shows(uri, Squiggle(0, "Shop.Cart", "OTP106"))
    related = shop.diagnostic(uri, "OTP106").related_information or ()
    assert (shop.folder / APPLICATION).as_uri() in [place.location.uri for place in related]


async def test_an_unsafe_fix_is_not_preferred_and_asks_before_it_is_applied(shop: Editor) -> None:
    uri = await opened(shop)
    action = await shop.fix_on(uri, 2)
    assert (action.kind, action.is_preferred) == ("quickfix", False)
    assert action.diagnostics == (shop.diagnostic(uri, "OTP101"),)
    finding = {"fingerprint": fingerprint(shop, uri), "code": "OTP101", "scope": "Shop.Mailer.notify/1"}
    assert action.data == {"action": "fix", "uri": uri, "version": 1, **finding}
    edit = (await shop.code_action_resolve_async(action)).edit
    assert edit and edit.document_changes and edit.change_annotations and edit.changes is None
    ((name, annotation),) = edit.change_annotations.items()
    assert annotation.needs_confirmation and annotation.label in action.title
    versions = {}
    for change in edit.document_changes:
        assert isinstance(change, lsp.TextDocumentEdit)
        versions[change.text_document.uri] = change.text_document.version
        for one in change.edits:
            assert isinstance(one, lsp.AnnotatedTextEdit) and one.annotation_id == name
    assert versions == {uri: 1, (shop.folder / APPLICATION).as_uri(): None}


async def test_a_fix_that_is_refused_says_why(shop: Editor) -> None:
    application = shop.open(APPLICATION)
    shop.replace(application, "children = []", "children = Shop.Children.all()")
    uri = await opened(shop)
    action = await shop.fix_on(uri, 2)
    assert action.title == "Fix with OTP-Genesis"
    assert action.disabled and "Shop.Application" in action.disabled.reason
    assert action.edit is None and action.data is None


async def test_a_fix_that_needs_a_file_that_is_gone(shop: Editor) -> None:
    uri = await opened(shop)
    (shop.folder / APPLICATION).unlink()
    action = await shop.fix_on(uri, 2)
    assert action.disabled and "application" in action.disabled.reason.lower()  # the server may know by now


async def test_both_open_documents_are_edited_in_their_newest_version(shop: Editor) -> None:
    application = shop.open(APPLICATION)
    uri = await opened(shop)
    offered = await shop.fix_on(uri, 2)
    shop.replace(application, "  use Application", "  @moduledoc false\n\n  use Application")
    edit = (await shop.code_action_resolve_async(offered)).edit
    assert edit
    shop.apply(edit)  # which checks the versions
    assert "@moduledoc false" in shop.texts[application]
    assert "{Task.Supervisor, name: Shop.TaskSupervisor}" in shop.texts[application]
    await shop.shows(uri)


async def test_fix_command(shop: Editor) -> None:
    uri = await opened(shop)
    arguments = {"uri": uri, "fingerprint": fingerprint(shop, uri)}
    assert (await shop.command("otpGenesis.fix", arguments))["applied"] is True
    assert "Task.Supervisor.start_child" in shop.texts[uri]
    await shop.shows(uri)
    answer = await shop.command("otpGenesis.fix", arguments)
    assert answer["applied"] is False and "finding is gone" in answer["reason"]
    await shop.until(lambda: "finding is gone" in shop.messages[-1].message)


async def test_fix_command_when_the_editor_refuses(shop: Editor) -> None:
    uri = await opened(shop)
    shop.applies_edits = False
    arguments = {"uri": uri, "fingerprint": fingerprint(shop, uri)}
    answer = await shop.command("otpGenesis.fix", arguments)
    assert answer == {"applied": False, "reason": "the file is read-only"}


async def test_explain_rule(shop: Editor) -> None:
    answer = await shop.command("otpGenesis.explainRule", {"code": "otp101"})
    assert answer["markdown"].startswith("# OTP101 unsupervised-spawn\n")
    await shop.until(lambda: bool(shop.shown_documents))
    (shown,) = shop.shown_documents
    assert Path(unquote(urlparse(shown.uri).path)).read_text() == answer["markdown"]


@pytest.mark.parametrize(
    ("command", "arguments", "complaint"),
    [
        ("otpGenesis.explainRule", {"code": "OTP999"}, "no rule 'OTP999'"),
        ("otpGenesis.explainRule", {}, "required field missing @ $.code"),
        ("otpGenesis.generatePlan", {"goal": "x", "root": "untitled:1"}, "no mix project at untitled:1"),
        ("otpGenesis.generatePlan", {"goal": "x", "root": "file:///nowhere"}, "no mix project at"),
        ("otpGenesis.unheardOf", {}, "otpGenesis.unheardOf"),
    ],
)
async def test_a_command_with_a_mistake(
    shop: Editor, command: str, arguments: object, complaint: str
) -> None:
    with pytest.raises(JsonRpcException) as failure:
        await shop.command(command, arguments)
    assert complaint in failure.value.message


@pytest.mark.parametrize("how", ["command", "request"])
async def test_plan(shop: Editor, how: str) -> None:
    arguments = {"goal": "Survive any crash"}
    if how == "command":
        uris = await shop.command("otpGenesis.generatePlan", arguments)
    else:
        uris = await shop.protocol.send_request_async("otpGenesis/generatePlan", arguments)
    plan = shop.folder / ".otp-genesis" / "plan"
    assert list(uris) == [(plan / name).as_uri() for name in PLAN]
    assert "Survive any crash" in (plan / "README.md").read_text()
    assert "lib/shop/mailer.ex:3" in (plan / "01-critical-fixes.md").read_text()
    await shop.until(lambda: [shown.uri for shown in shop.shown_documents] == [uris[0]])
    again = await shop.command("otpGenesis.generatePlan", {"root": shop.folder.as_uri()})
    assert list(again) == list(uris)
    assert "Survive any crash" in (plan / "README.md").read_text()


async def test_plan_of_what_is_typed_and_not_saved(shop: Editor) -> None:
    uri = await opened(shop)
    shop.replace(uri, "defmodule", "# A comment\ndefmodule")
    await shop.command("otpGenesis.generatePlan", {"goal": "x"})
    plan = (shop.folder / ".otp-genesis/plan/01-critical-fixes.md").read_text()
    assert "lib/shop/mailer.ex:4" in plan


async def test_plan_request_can_be_cancelled(shop: Editor) -> None:
    request = shop.protocol.send_request("otpGenesis/generatePlan", {"goal": "x"}, msg_id="plan")
    shop.cancel_request(lsp.CancelParams("plan"))
    with pytest.raises(JsonRpcException) as failure:
        await asyncio.wrap_future(request)
    assert failure.value.code == lsp.LSPErrorCodes.RequestCancelled.value


async def test_reading_a_folder_shows_progress_and_ends_it(shop: Editor) -> None:
    await opened(shop)
    reading = f"OTP-Genesis: reading {shop.folder.name}"

    def bars() -> list[list[Any]]:
        """What was reported of each reading of the folder."""
        reports: list[list[Any]] = [list(reports) for reports in shop.progress_reports.values() if reports]
        return [bar for bar in reports if bar[0].title == reading]

    await shop.until(lambda: bool(bars()) and bars()[0][-1].kind == "end")
    assert [bar[0].percentage for bar in bars()] == [0]


async def test_a_bug_in_one_fix_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In this process, where a fix can be broken."""
    write_shop(tmp_path, {MAILER: MAILER_TEXT.replace("    :ok", "    spawn(fn -> :bug end)")})
    ls = build_server()
    ls.session.features = ClientFeatures(code_action_literals=True)
    prove = fix_all.proven_fix

    def proven_fix(finding: Finding, *rest: Any) -> Any:
        if ":bug" in finding.snippet:
            raise ZeroDivisionError("in a fix")
        return prove(finding, *rest)

    monkeypatch.setattr(fix_all, "proven_fix", proven_fix)
    ls.session.open_folders([tmp_path])
    document = Document((tmp_path / MAILER).as_uri(), tmp_path / MAILER, 1, (tmp_path / MAILER).read_bytes())
    ls.session.put(document)
    (folder,) = ls.session.folders
    await folder.checked()
    place = lsp.Range(lsp.Position(2, 0), lsp.Position(3, 20))
    context = lsp.CodeActionContext([], only=[lsp.CodeActionKind.QuickFix])
    asked = lsp.CodeActionParams(lsp.TextDocumentIdentifier(document.uri), place, context)
    offers = await code_action.handle(ls, asked)
    fixes = [offer.title for offer in offers or () if offer.title.startswith("Fix")]
    assert fixes == ["Fix with OTP-Genesis: Start the task under Shop.TaskSupervisor"]
    assert "in a fix" in caplog.text
    folder.forget()
