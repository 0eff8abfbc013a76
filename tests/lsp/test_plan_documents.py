"""The plan documents in the editor, without mix: what is offered, shown, followed, and noted in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig

from otp_genesis_refactorers.plan.markdown import parse
from tests.lsp.editor import SERVER, Editor, abilities, make_editor
from tests.lsp.shop import CART, CART_TEXT, MAILER, write_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHASE_1 = ".otp-genesis/plan/01-critical-fixes.md"
SPAWN_ITEM = "Supervise the process started in `Shop.Mailer.notify/1`"


@pytest_lsp.fixture(
    scope="module",
    config=ClientServerConfig(SERVER, client_factory=make_editor),
    params=["visual_studio_code", "neovim"],
)
async def editor(lsp_client: Editor, request: pytest.FixtureRequest) -> AsyncIterator[None]:
    lsp_client.said = await lsp_client.connect(abilities(request.param))
    yield
    await lsp_client.leave()


@pytest_asyncio.fixture(loop_scope="module")
async def shop(editor: Editor, tmp_path: Path) -> AsyncIterator[Editor]:
    """The shop with a plan, its first phase open."""
    write_shop(tmp_path, {CART: CART_TEXT})
    editor.open_folder(tmp_path)
    await editor.command("otpGenesis.generatePlan", {"goal": "No crash is silent", "root": tmp_path.as_uri()})
    editor.open(PHASE_1)
    yield editor
    editor.close_everything()


def phase_1(shop: Editor) -> str:
    return (shop.folder / PHASE_1).as_uri()


def step(shop: Editor, path: str) -> str:
    """The id of the item that is about a file."""
    document = parse(shop.text_of(phase_1(shop)))
    (found,) = [item for item in document.items if any(place.path == path for place in item.step.places)]
    return found.step.id


def line_of(shop: Editor, text: str) -> int:
    before, found, _ = shop.text_of(phase_1(shop)).partition(text)
    assert found, f"{text!r} is not in {shop.text_of(phase_1(shop))}"
    return before.count("\n")


def item_line(shop: Editor, path: str) -> str:
    (line,) = [line for line in shop.text_of(phase_1(shop)).splitlines() if step(shop, path) in line[:200]][
        :1
    ]
    return line


async def lenses(shop: Editor) -> dict[int, list[str]]:
    params = lsp.CodeLensParams(lsp.TextDocumentIdentifier(phase_1(shop)))
    shown: dict[int, list[str]] = {}
    for lens in await shop.text_document_code_lens_async(params) or ():
        assert lens.command
        shown.setdefault(lens.range.start.line, []).append(lens.command.title)
    return shown


async def run(shop: Editor, path: str, action: str, **more: str) -> dict[str, object]:
    arguments = {"uri": phase_1(shop), "step": step(shop, path), "action": action, **more}
    return await shop.command("otpGenesis.runStep", arguments)


async def test_each_item_has_its_lenses_and_so_has_the_document(shop: Editor) -> None:
    shown = await lenses(shop)
    assert shown[0] == ["Run this phase (2 open)", "Refresh the plan"]
    assert shown[line_of(shop, "1.1 ")] or shown[line_of(shop, "1.2 ")]
    everything = ["Run", "Show the change", "Apply", "Verify", "Generate test", "Skip with a reason"]
    assert shown[line_of(shop, step(shop, MAILER))] == everything


async def test_an_editor_without_lenses_has_the_same_in_its_light_bulb(shop: Editor) -> None:
    line = line_of(shop, step(shop, MAILER))
    titles = [action.title.partition(": ")[2] for action in await shop.actions(phase_1(shop), line)]
    assert titles == (await lenses(shop))[line]


async def test_other_markdown_is_let_be(shop: Editor) -> None:
    (shop.folder / "NOTES.md").write_text("# Notes\n\n- [ ] **1.1 Buy milk** <!-- step 7f3a9c21 -->\n")
    notes = lsp.TextDocumentIdentifier(shop.open("NOTES.md"))
    assert await shop.text_document_code_lens_async(lsp.CodeLensParams(notes)) is None
    assert await shop.text_document_folding_range_async(lsp.FoldingRangeParams(notes)) is None


async def test_the_outline_holds_the_items_and_folds(shop: Editor) -> None:
    document = lsp.TextDocumentIdentifier(phase_1(shop))
    symbols = await shop.text_document_document_symbol_async(lsp.DocumentSymbolParams(document))
    assert symbols
    (title,) = symbols
    assert isinstance(title, lsp.DocumentSymbol)
    assert title.name == "Phase 1: Critical fixes"
    assert title.children
    assert [child.detail for child in title.children] == ["open", "open"]
    folds = await shop.text_document_folding_range_async(lsp.FoldingRangeParams(document))
    first = line_of(shop, step(shop, MAILER))
    assert any(fold.start_line == first and fold.end_line > first for fold in folds or ())


async def test_from_an_item_to_the_code_and_back(shop: Editor) -> None:
    line = line_of(shop, f"`{MAILER}:3`")
    mailer = shop.open(MAILER)
    shop.type(mailer, "# A word before.\n" + shop.text_of(mailer))
    await shop.until(lambda: [s.line for s in shop.squiggles(mailer)] == [3])
    document = lsp.TextDocumentIdentifier(phase_1(shop))
    there = await shop.text_document_definition_async(lsp.DefinitionParams(document, lsp.Position(line, 6)))
    assert isinstance(there, list)
    assert isinstance(there[0], lsp.Location)
    assert (there[0].uri, there[0].range.start.line) == (mailer, 3)  # where the finding is by now
    back = await shop.text_document_definition_async(
        lsp.DefinitionParams(lsp.TextDocumentIdentifier(mailer), lsp.Position(3, 6))
    )
    assert isinstance(back, list)
    assert isinstance(back[0], lsp.Location)
    assert (back[0].uri, back[0].range.start.line) == (phase_1(shop), line_of(shop, step(shop, MAILER)))
    nowhere = lsp.DefinitionParams(lsp.TextDocumentIdentifier(mailer), lsp.Position(2, 4))
    assert await shop.text_document_definition_async(nowhere) is None


async def test_the_hover_of_an_item_says_why(shop: Editor) -> None:
    hover = await shop.hover_at(phase_1(shop), step(shop, MAILER))
    assert hover
    assert isinstance(hover.contents, lsp.MarkupContent)
    assert "OTP101 unsupervised-spawn" in hover.contents.value
    assert "Why it matters on the BEAM" in hover.contents.value


async def test_states_and_codes_are_completed(shop: Editor) -> None:
    async def completed(text: str) -> list[str]:
        shop.type(phase_1(shop), shop.text_of(phase_1(shop)) + text)
        lines = shop.text_of(phase_1(shop)).split("\n")
        params = lsp.CompletionParams(
            lsp.TextDocumentIdentifier(phase_1(shop)), lsp.Position(len(lines) - 1, len(lines[-1]))
        )
        found = await shop.text_document_completion_async(params)
        items = found.items if isinstance(found, lsp.CompletionList) else found or ()
        return [item.insert_text or item.filter_text or "" for item in items]

    assert await completed("\n- [") == [" ", "x", "-", "!"]
    assert "OTP101" in await completed("] OTP1")
    assert await completed(" of the") == []


async def test_an_item_whose_finding_is_gone_is_shown_as_stale_and_refreshed(shop: Editor) -> None:
    mailer = shop.open(MAILER)
    line = line_of(shop, step(shop, MAILER))
    shop.replace(mailer, "spawn(fn -> deliver(user) end)", "deliver(user)")
    await shop.until(lambda: any(s.code == "stale-item" for s in shop.squiggles(phase_1(shop))))
    (stale,) = [found for found in shop.squiggles(phase_1(shop)) if found.code == "stale-item"]
    assert stale.line == line
    (refresh,) = await shop.actions(phase_1(shop), line)
    assert refresh.command
    assert refresh.command.command == "otpGenesis.generatePlan"
    shop.replace(mailer, "deliver(user)\n    :ok", "spawn(fn -> deliver(user) end)\n    :ok")
    await shop.until(lambda: not any(s.code == "stale-item" for s in shop.squiggles(phase_1(shop))))


async def test_the_change_of_an_item_is_shown_as_it_would_be_made_now(shop: Editor) -> None:
    answer = await run(shop, MAILER, "show")
    document = str(answer["document"])
    assert "+    Task.Supervisor.start_child(" in shop.text_of(document)
    assert answer["applied"] is False


async def test_an_item_is_applied_where_it_is_open_by_the_editor(shop: Editor) -> None:
    mailer = shop.open(MAILER)
    on_disk = (shop.folder / MAILER).read_bytes()
    answer = await run(shop, MAILER, "apply")
    assert answer["applied"] is True
    assert "Task.Supervisor.start_child(" in shop.text_of(mailer)
    assert (shop.folder / MAILER).read_bytes() == on_disk


async def test_an_item_is_applied_on_disk_where_nothing_of_it_is_open(shop: Editor) -> None:
    answer = await run(shop, MAILER, "apply")
    assert answer["applied"] is True
    assert b"Task.Supervisor.start_child(" in (shop.folder / MAILER).read_bytes()
    assert "- [ ]" in item_line(shop, MAILER)  # nothing was proved


async def test_an_item_is_skipped_with_a_reason_and_reopened_in_its_line_alone(shop: Editor) -> None:
    before = shop.text_of(phase_1(shop)).splitlines()
    await run(shop, MAILER, "skip", reason="goes away with the old API in May")
    after = shop.text_of(phase_1(shop)).splitlines()
    (changed,) = [line for old, line in zip(before, after, strict=True) if old != line]
    assert changed.startswith("- [-] ")
    assert changed.endswith(" skipped: goes away with the old API in May")
    assert (await lenses(shop))[line_of(shop, step(shop, MAILER))] == ["Reopen"]
    await run(shop, MAILER, "reopen")
    assert shop.text_of(phase_1(shop)).splitlines() == before


async def test_a_document_that_is_not_open_is_marked_on_disk(shop: Editor) -> None:
    uri = phase_1(shop)
    id_ = step(shop, MAILER)
    shop.close(uri)
    await shop.command("otpGenesis.runStep", {"uri": uri, "step": id_, "action": "skip", "reason": "later"})
    assert "- [-] " in shop.text_of(uri)
    assert "skipped: later" in shop.text_of(uri)


async def test_what_a_document_claims_is_not_believed(shop: Editor) -> None:
    uri, id_ = phase_1(shop), step(shop, MAILER)
    line = next(line for line in shop.text_of(uri).splitlines() if f"step {id_}" in line)
    claimed = line.replace("[ ]", "[x]") + " verified 2026-11-21, evidence 5e1c5e1c"
    shop.type(uri, shop.text_of(uri).replace(line, claimed))
    assert (await lenses(shop))[line_of(shop, id_)] == ["Claimed, not proven: see why"]
    answer = await run(shop, MAILER, "evidence")
    assert "no such record" in str(answer["reason"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"step": "00000000"}, "01-critical-fixes.md has no item 00000000 any more"),
        ({"uri": "file:///nowhere/.otp-genesis/plan/01-critical-fixes.md"}, "can't be read"),
    ],
)
async def test_what_is_not_there_is_said(shop: Editor, arguments: dict[str, str], said: str) -> None:
    with pytest.raises(JsonRpcException, match=said):
        whole = {"uri": phase_1(shop), "step": step(shop, MAILER), "action": "show", **arguments}
        await shop.command("otpGenesis.runStep", whole)


async def test_a_corrupt_document_is_no_reason_to_fail(shop: Editor) -> None:
    shop.type(phase_1(shop), "\x00 - [ ] **\n```\n<!-- step 7f3a9c21 -->\n- [q] <!-- step zzz")
    assert (await lenses(shop)).keys() <= {0}
    assert await shop.hover_at(phase_1(shop), "step zzz") is None
