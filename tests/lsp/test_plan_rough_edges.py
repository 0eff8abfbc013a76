"""Plan documents as people, editors and other programs leave them: all is answered, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig

from otp_genesis_refactorers.plan.markdown import parse
from tests.example_project import DEFAULT_APPLICATION, DEFAULT_MIX
from tests.lsp.editor import SERVER, Editor, abilities, make_editor
from tests.lsp.shop import MAILER, MAILER_TEXT, write_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHASE_1 = ".otp-genesis/plan/01-critical-fixes.md"
PRINTER = "lib/shop/printer.ex"
PRINTER_TEXT = MAILER_TEXT.replace("Shop.Mailer", "Shop.Printer")
UMBRELLA = {
    "mix.exs": DEFAULT_MIX.replace("app: :shop", 'apps_path: "apps"').replace(
        "  def application, do: [mod: {Shop.Application, []}]\n", ""
    ),
    "apps/shop/mix.exs": DEFAULT_MIX,
    "apps/shop/lib/shop/application.ex": DEFAULT_APPLICATION,
    "apps/shop/lib/shop/mailer.ex": MAILER_TEXT,
}
SIDE_BY_SIDE = {
    "one/mix.exs": DEFAULT_MIX,
    "one/lib/shop/application.ex": DEFAULT_APPLICATION,
    "one/lib/shop/mailer.ex": MAILER_TEXT,
    "two/mix.exs": DEFAULT_MIX.replace("Shop", "Depot").replace(":shop", ":depot"),
    "two/lib/depot/application.ex": DEFAULT_APPLICATION.replace("Shop", "Depot"),
    "two/lib/depot/mailer.ex": MAILER_TEXT.replace("Shop", "Depot"),
}


@pytest_lsp.fixture(
    scope="module",
    config=ClientServerConfig(SERVER, client_factory=make_editor),
)
async def editor(lsp_client: Editor) -> AsyncIterator[None]:
    can = abilities("visual_studio_code")
    assert can.workspace
    can.workspace.text_document_content = lsp.TextDocumentContentClientCapabilities()
    lsp_client.said = await lsp_client.connect(can)
    yield
    await lsp_client.leave()


@pytest_lsp.fixture(scope="module", config=ClientServerConfig(SERVER, client_factory=make_editor))
async def other(lsp_client: Editor) -> AsyncIterator[None]:
    """A second editor, with a server of its own."""
    lsp_client.said = await lsp_client.connect(abilities("neovim"))
    yield
    await lsp_client.leave()


@pytest_asyncio.fixture(loop_scope="module")
async def shop(editor: Editor, tmp_path: Path) -> AsyncIterator[Editor]:
    """The shop with a plan of two items; no document is open."""
    await planned(editor, write_shop(tmp_path / "shop", {PRINTER: PRINTER_TEXT}))
    yield editor
    editor.close_everything()


async def planned(editor: Editor, folder: Path) -> None:
    editor.open_folder(folder)
    await editor.command("otpGenesis.generatePlan", {"goal": "No crash is silent", "root": folder.as_uri()})


def write(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def read(shop: Editor) -> str:
    return (shop.folder / PHASE_1).read_bytes().decode()


def steps(text: str) -> dict[str, str]:
    """The id of each item by the file that it is about."""
    return {item.step.places[0].path: item.step.id for item in parse(text).items if item.step.places}


async def run(shop: Editor, step: str, action: str, **more: str) -> dict[str, object]:
    uri = (shop.folder / PHASE_1).as_uri()
    arguments = {"uri": uri, "step": step, "action": action, **more}
    return await shop.command("otpGenesis.runStep", arguments)


async def ask_everything(shop: Editor, uri: str) -> None:
    """Whatever an editor asks of a document, on each line. An error is raised."""
    document = lsp.TextDocumentIdentifier(uri)
    await shop.text_document_code_lens_async(lsp.CodeLensParams(document))
    await shop.text_document_document_symbol_async(lsp.DocumentSymbolParams(document))
    await shop.text_document_folding_range_async(lsp.FoldingRangeParams(document))
    for line in range(min(12, shop.text_of(uri).count("\n") + 1)):
        place = lsp.Position(line, 3)
        await shop.text_document_hover_async(lsp.HoverParams(document, place))
        await shop.text_document_definition_async(lsp.DefinitionParams(document, place))
        await shop.text_document_completion_async(lsp.CompletionParams(document, place))
        await shop.actions(uri, line)


LEFT: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "windows": lambda text: text.replace("\n", "\r\n"),
    "byte order mark": lambda text: "\ufeff" + text,
    "no line break at the end": lambda text: text.rstrip("\n"),
    "no brackets": lambda text: text.replace("- [ ] ", "- "),
    "quoted": lambda text: text.replace("- [ ] ", "> - [ ] "),
    "no heading": lambda text: text.replace("# Phase", "Phase"),
    "twice": lambda text: text + text,
    "open fence": lambda text: text.replace("```diff", "````diff"),
    "no ledger": lambda text: text.partition("<!-- otp-genesis")[0],
    "a line far below": lambda text: text.replace(f"{MAILER}:3", f"{MAILER}:30000"),
    "out of the project": lambda text: text.replace(f"{MAILER}:3", "../../../etc/passwd:1"),
    "no plain text": lambda text: text.replace("Supervise", "\U0001f600 Éé\u202e \x00 Supervise"),
    "deep": lambda text: "- [ ] " * 60 + text,
    "old line breaks": lambda text: "\r".join(text.split("\n")),
}


@pytest.mark.parametrize("name", LEFT)
async def test_whatever_becomes_of_a_document_everything_is_answered(shop: Editor, name: str) -> None:
    text = LEFT[name](read(shop))
    uri = shop.open(PHASE_1, text)
    await ask_everything(shop, uri)
    assert shop.text_of(uri) == text
    assert not [said for said in shop.messages if "internal error" in said.message]


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
async def test_line_breaks_and_byte_order_marks_stay(shop: Editor, is_open: bool, mark: str) -> None:
    file = shop.folder / PHASE_1
    before = mark + read(shop).replace("\n", "\r\n")
    file.write_bytes(before.encode())
    step = steps(before)[MAILER]
    if is_open:
        before = before.removeprefix(mark)  # editors keep it to themselves
        shop.open(PHASE_1, before)
    await run(shop, step, "skip", reason="later")
    after = shop.text_of(file.as_uri()) if is_open else file.read_bytes().decode()
    lines, others = before.split("\r\n"), after.split("\r\n")
    (changed,) = [new for old, new in zip(lines, others, strict=True) if old != new]
    assert changed.startswith("- [-] ") and changed.endswith(f"{step} --> skipped: later")


@pytest.mark.parametrize("is_open", [True, False])
async def test_two_items_marked_at_once_are_both_marked(shop: Editor, is_open: bool) -> None:
    both = steps(read(shop))
    uri = shop.open(PHASE_1) if is_open else (shop.folder / PHASE_1).as_uri()
    answers = await asyncio.gather(
        run(shop, both[MAILER], "skip", reason="a"), run(shop, both[PRINTER], "skip", reason="b")
    )
    assert [answer["reason"] for answer in answers] == ["", ""]
    text = shop.text_of(uri)
    assert text.count("- [-] ") == 2 and "skipped: a" in text and "skipped: b" in text


async def test_another_program_writes_a_document_that_is_closed(shop: Editor) -> None:
    both = steps(read(shop))
    await run(shop, both[MAILER], "skip", reason="a")
    (shop.folder / PHASE_1).write_text("Another says.\n\n" + read(shop))
    await run(shop, both[PRINTER], "skip", reason="b")
    assert read(shop).startswith("Another says.\n") and read(shop).count("- [-] ") == 2


async def test_two_editors_keep_what_the_other_one_says(shop: Editor, other: Editor) -> None:
    other.open_folder(shop.folder)
    both = steps(read(shop))
    await run(shop, both[MAILER], "skip", reason="a")
    await run(other, both[PRINTER], "skip", reason="b")
    assert "skipped: a" in read(shop) and "skipped: b" in read(shop)
    uri = shop.open(PHASE_1)
    await run(other, both[PRINTER], "reopen")
    await run(shop, both[MAILER], "reopen")
    assert "skipped: a" in read(shop) and "skipped: b" not in read(shop)
    assert "skipped: a" not in shop.text_of(uri) and "skipped: b" in shop.text_of(uri)
    other.close_everything()


async def test_a_document_deleted_under_the_editor_is_still_its_own(shop: Editor) -> None:
    uri = shop.open(PHASE_1)
    (shop.folder / PHASE_1).unlink()
    await ask_everything(shop, uri)
    answer = await run(shop, steps(shop.text_of(uri))[MAILER], "skip", reason="later")
    assert answer["applied"] is True
    assert "skipped: later" in shop.text_of(uri)


async def test_a_place_is_the_one_that_the_line_names(shop: Editor) -> None:
    text = read(shop).replace(
        f"`{MAILER}:3` OTP101 unsupervised-spawn", f"`{MAILER}:1` here\n  - `{MAILER}:11` there"
    )
    (shop.folder / MAILER).write_text(MAILER_TEXT + "# and\n" * 6)
    uri = shop.open(PHASE_1, text)
    line = text[: text.index(f"{MAILER}:11")].count("\n")
    params = lsp.DefinitionParams(lsp.TextDocumentIdentifier(uri), lsp.Position(line, 6))
    found = await shop.text_document_definition_async(params)
    assert isinstance(found, list) and isinstance(found[0], lsp.Location)
    assert found[0].range.start.line == 10


@pytest.mark.parametrize(
    ("files", "path"),
    [(UMBRELLA, "apps/shop/lib/shop/mailer.ex"), (SIDE_BY_SIDE, "two/lib/depot/mailer.ex")],
)
async def test_the_plan_of_a_folder_of_several_projects(
    editor: Editor, tmp_path: Path, files: dict[str, str], path: str
) -> None:
    await planned(editor, write(tmp_path / "work", files))
    uri = editor.open(PHASE_1)
    line = editor.text_of(uri)[: editor.text_of(uri).index(f"`{path}:3`")].count("\n")
    params = lsp.DefinitionParams(lsp.TextDocumentIdentifier(uri), lsp.Position(line, 6))
    found = await editor.text_document_definition_async(params)
    assert isinstance(found, list) and isinstance(found[0], lsp.Location)
    assert found[0].uri == (editor.folder / path).as_uri()
    answer = await run(editor, steps(editor.text_of(uri))[path], "apply")
    assert (answer["applied"], answer["reason"]) == (True, "")
    assert "Task.Supervisor.start_child(" in (editor.folder / path).read_text()
    editor.close_everything()


async def test_what_is_only_looked_at_is_no_file_where_the_editor_can_show_it(shop: Editor) -> None:
    assert shop.said.capabilities.workspace
    offered = shop.said.capabilities.workspace.text_document_content
    assert offered and list(offered.schemes) == ["otp-genesis"]
    await run(shop, steps(read(shop))[MAILER], "show")
    await shop.until(lambda: bool(shop.shown_documents))
    uri = shop.shown_documents[-1].uri
    assert uri.startswith("otp-genesis:/changes/")
    shown = await shop.workspace_text_document_content_async(lsp.TextDocumentContentParams(uri))
    assert "+    Task.Supervisor.start_child(" in shown.text
    await run(shop, steps(read(shop))[PRINTER], "show")
    await shop.until(lambda: shop.refreshed_documents == [uri])
    for other in (
        "otp-genesis:/trust/x",
        "otp-genesis:/changes/../x",
        "otp-genesis:/changes/gone.md",
        "file:///etc",
    ):
        with pytest.raises(Exception, match="there is no document"):
            await shop.workspace_text_document_content_async(lsp.TextDocumentContentParams(other))
