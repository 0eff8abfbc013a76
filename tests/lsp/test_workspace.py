"""Which files the server looks at, and what it hears of them: folders, lonely files, the disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig

from tests.lsp.editor import SERVER, Editor, Squiggle, abilities, make_editor
from tests.lsp.shop import APPLICATION, MAILER, MAILER_TEXT, write_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPAWN = Squiggle(2, "spawn", "OTP101")


@pytest_lsp.fixture(scope="module", config=ClientServerConfig(SERVER, client_factory=make_editor))
async def editor(lsp_client: Editor) -> AsyncIterator[None]:
    await lsp_client.connect(abilities("visual_studio_code"), root_uri=None, workspace_folders=None)
    yield
    await lsp_client.leave()


@pytest_asyncio.fixture(loop_scope="module")
async def at(editor: Editor, tmp_path: Path) -> AsyncIterator[Editor]:
    """No folder is open; paths are relative to the test's own."""
    editor.folder = tmp_path
    yield editor
    editor.close_everything()


async def test_a_file_in_a_project_that_nobody_opened(at: Editor) -> None:
    write_shop(at.folder, {"lib/shop/other.ex": MAILER_TEXT})
    uri = at.open(MAILER)
    await at.shows(uri, SPAWN)
    edit = (await at.code_action_resolve_async(await at.fix_on(uri, 2))).edit
    assert edit
    at.apply(edit)
    await at.shows(uri)
    assert "Task.Supervisor" in at.texts[(at.folder / APPLICATION).as_uri()]
    assert (at.folder / "lib/shop/other.ex").as_uri() not in at.diagnostics


async def test_a_file_of_no_project(at: Editor) -> None:
    (at.folder / "scratch.ex").write_text(MAILER_TEXT)
    uri = at.open("scratch.ex")
    await at.shows(uri, SPAWN)
    fix, *quiet = await at.actions(uri, 2, "quickfix")
    assert fix.disabled and fix.disabled.reason
    assert [action.title for action in quiet] == ["Suppress OTP101 here…", "Ignore OTP101 in this file…"]
    at.close(uri)
    await at.until(lambda: at.diagnostics[uri] == ())


async def test_a_hover_on_what_is_shown_before_its_folder_was_read(at: Editor) -> None:
    more = "".join(f"  def notify{n}(user), do: spawn(fn -> deliver(user) end)\n" for n in range(200))
    text = MAILER_TEXT.replace("  def notify", f"{more}\n  def notify")
    others = {f"lib/shop/mailer{n}.ex": text.replace("Shop.Mailer", f"Shop.Mailer{n}") for n in range(60)}
    at.open_folder(write_shop(at.folder, others))
    uri = at.open(MAILER)
    await at.shows(uri, SPAWN)
    assert await at.hover_at(uri, "spawn("), "a squiggle that says nothing"


async def test_a_new_file_that_was_not_saved_yet(at: Editor) -> None:
    at.open_folder(write_shop(at.folder))
    uri = at.open("lib/shop/new.ex", MAILER_TEXT.replace("Mailer", "New"))
    await at.shows(uri, SPAWN)
    at.close(uri)
    await at.until(lambda: at.diagnostics[uri] == ())


@pytest.mark.parametrize(
    "path",
    ["deps/mail/lib/mail.ex", "_build/dev/lib/shop/a.ex", "node_modules/x/a.ex", "README.md", "mix.lock"],
)
async def test_what_is_not_looked_at(at: Editor, path: str) -> None:
    at.open_folder(write_shop(at.folder, {path: MAILER_TEXT}))
    ignored = at.open(path)
    uri = at.open(MAILER)
    await at.shows(uri, SPAWN)
    assert await at.actions(ignored, 2) == []
    assert await at.hover_at(ignored, "spawn") is None
    assert not at.diagnostics.get(ignored)


async def test_a_document_that_is_no_file(at: Editor) -> None:
    item = lsp.TextDocumentItem("untitled:Untitled-1", "elixir", 1, MAILER_TEXT)
    at.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
    assert await at.actions(item.uri, 2) == []


async def test_several_folders_side_by_side(at: Editor) -> None:
    shops = [write_shop(at.folder / name) for name in ("north", "south")]
    for shop in shops:
        at.open_folder(shop)
    north, south = [(shop / MAILER).as_uri() for shop in shops]
    await at.shows(north, SPAWN)
    await at.shows(south, SPAWN)
    at.close_folder(shops[0])
    await at.until(lambda: at.diagnostics[north] == ())
    assert at.squiggles(south) == [SPAWN]


async def test_a_folder_in_a_folder(at: Editor, tmp_path: Path) -> None:
    write_shop(tmp_path)
    inner = write_shop(tmp_path / "tools" / "till")
    at.open_folder(inner)
    uri = (inner / MAILER).as_uri()
    await at.shows(uri, SPAWN)
    at.open_folder(tmp_path)
    await at.shows((tmp_path / MAILER).as_uri(), SPAWN)

    def shown() -> list[int]:
        return [len(published.diagnostics) for published in at.published if published.uri == uri]

    assert shown() == [1]
    at.close_folder(inner)
    await at.until(lambda: len(shown()) > 1 and shown()[-1] == 1, shown)


async def test_an_open_document_moves_into_the_folder_that_is_opened_around_it(at: Editor) -> None:
    write_shop(at.folder, {"lib/shop/other.ex": MAILER_TEXT})
    uri = at.open(MAILER)
    await at.shows(uri, SPAWN)
    at.open_folder(at.folder)
    other = (at.folder / "lib/shop/other.ex").as_uri()
    await at.shows(other, SPAWN)
    assert at.squiggles(uri) == [SPAWN]
    at.type(uri, "")
    await at.shows(uri)


async def test_files_changed_by_others(at: Editor) -> None:
    (watching,) = [one for one in at.registered if one.method == "workspace/didChangeWatchedFiles"]
    assert watching.register_options
    at.open_folder(write_shop(at.folder))
    uri = (at.folder / MAILER).as_uri()
    await at.shows(uri, SPAWN)
    (at.folder / MAILER).write_text(MAILER_TEXT.replace("defmodule", "# Mail\ndefmodule", 1))
    at.disk_changed(MAILER)
    await at.shows(uri, Squiggle(3, "spawn", "OTP101"))
    (at.folder / MAILER).unlink()
    at.disk_changed(MAILER, how=lsp.FileChangeType.Deleted)
    await at.until(lambda: at.diagnostics[uri] == ())


async def test_dependencies_changed_by_others(at: Editor) -> None:
    at.open_folder(write_shop(at.folder))
    uri = at.open(MAILER)
    await at.shows(uri, SPAWN)
    readings = len(at.progress_reports)
    at.disk_changed("deps/mail/mix.exs", *(f"deps/mail/lib/{number}.ex" for number in range(60)))
    assert await at.hover_at(uri, "spawn")
    assert len(at.progress_reports) == readings


async def test_many_files_changed_at_once(at: Editor) -> None:
    at.open_folder(write_shop(at.folder))
    await at.shows((at.folder / MAILER).as_uri(), SPAWN)
    paths = [f"lib/shop/mailer_{number}.ex" for number in range(60)]
    write_shop(at.folder, dict.fromkeys(paths, MAILER_TEXT))
    at.disk_changed(*paths)
    for path in paths:
        await at.shows((at.folder / path).as_uri(), SPAWN)


async def test_the_configuration_counts_once_it_is_saved(at: Editor) -> None:
    at.open_folder(write_shop(at.folder))
    uri = at.open(MAILER)
    await at.shows(uri, SPAWN)
    (at.folder / ".otp-genesis.toml").write_text('ignore = ["OTP101"]\n\nignored = 1\n')
    at.disk_changed(".otp-genesis.toml")
    await at.shows(uri)
    await at.until(lambda: bool(at.messages))
    assert at.messages[0].message.startswith(".otp-genesis.toml:3: unknown key 'ignored'")
    assert at.messages[0].type == lsp.MessageType.Warning


async def test_the_project_is_read_anew_when_mix_exs_is_saved(at: Editor) -> None:
    at.open_folder(write_shop(at.folder))
    uri = at.open(MAILER)
    await at.shows(uri, SPAWN)
    assert at.diagnostic(uri, "OTP101").severity == lsp.DiagnosticSeverity.Information
    mix = at.open("mix.exs")
    at.replace(mix, "[mod: {Shop.Application, []}]", "[extra_applications: [:logger]]")
    at.save(mix)
    await at.until(lambda: at.diagnostic(uri, "OTP101").severity == lsp.DiagnosticSeverity.Hint)


async def test_a_file_that_is_not_utf8(at: Editor) -> None:
    at.open_folder(write_shop(at.folder, {"lib/shop/latin1.ex": "# é\n".encode("latin-1")}))
    await at.shows((at.folder / MAILER).as_uri(), SPAWN)
    (message,) = [said.message for said in at.log_messages]
    assert message == f"{at.folder}/lib/shop/latin1.ex is left out: it can't be read as UTF-8 text"


async def test_a_byte_order_mark_is_the_editors_own(at: Editor) -> None:
    at.open_folder(write_shop(at.folder, {MAILER: b"\xef\xbb\xbf" + MAILER_TEXT.encode()}))
    await at.shows((at.folder / MAILER).as_uri(), SPAWN)
    uri = at.open(MAILER, MAILER_TEXT)
    await at.shows(uri, SPAWN)


async def test_paths_with_spaces_and_other_scripts(at: Editor) -> None:
    shop = write_shop(at.folder / "моя лавка #1")
    at.open_folder(shop)
    uri = at.open(MAILER)
    await at.shows(uri, SPAWN)
    assert (await at.fix_on(uri, 2)).title.startswith("Fix with OTP-Genesis: ")


async def test_a_folder_reached_through_a_link(at: Editor) -> None:
    real, link = write_shop(at.folder / "shop"), at.folder / "link"
    link.symlink_to(real)
    at.open_folder(link)
    await at.shows((link / MAILER).as_uri(), SPAWN)
    at.folder = real
    uri = at.open(MAILER)
    await at.shows(uri, SPAWN)
    at.type(uri, "")
    await at.shows(uri)


async def test_a_folder_that_is_not_there(at: Editor) -> None:
    gone = at.folder / "gone"
    at.open_folder(gone)
    at.close_folder(gone)
    at.open_folder(write_shop(gone.parent / "shop"))
    await at.shows((at.folder / MAILER).as_uri(), SPAWN)
    assert at.messages == []
