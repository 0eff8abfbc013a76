"""The plan in a real Neovim: written, read, an item run and seen verified, and all of it undone."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otp_genesis_refactorers.machine import trust
from tests.editors.test_neovim import APPLICATION, CHECKOUT, ROOT, Neovim

PHASE_1 = ".otp-genesis/plan/01-critical-fixes.md"
VERIFIED = re.compile(r"- \[x\] .* verified \d{4}-\d{2}-\d{2}, evidence [0-9a-f]{12}")


@pytest.fixture
def neovim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Neovim]:
    for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind))
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    shop = tmp_path / "shaky_shop"
    shutil.copytree(ROOT / "examples" / "shaky_shop", shop, ignore=shutil.ignore_patterns("_build"))
    trust.grant(shop)
    editor = Neovim(shop)
    yield editor
    editor.quit()


def line_of(neovim: Neovim, words: str) -> int:
    """The only line of the buffer with these words, counted from 1."""
    (line,) = [number for number, text in enumerate(neovim.remote.current.buffer[:], 1) if words in text]
    return line


def choose(neovim: Neovim, line: int, ends: str) -> None:
    """The code action on a line whose title ends so."""
    neovim.remote.current.window.cursor = (line, 0)
    neovim.lua(
        """
        local ends = ...
        vim.lsp.buf.code_action({
          apply = true,
          filter = function(action) return vim.endswith(action.title, ends) end,
        })
        """,
        ends,
    )


def lenses(neovim: Neovim) -> list[tuple[int, str]]:
    """The line, counted from 1, and the title of each."""
    return neovim.lua("""
      local params = { textDocument = vim.lsp.util.make_text_document_params() }
      local found = vim.lsp.buf_request_sync(0, 'textDocument/codeLens', params, 20000)
      local lenses = {}
      for _, answer in pairs(found or {}) do
        for _, lens in ipairs(answer.result or {}) do
          table.insert(lenses, { lens.range.start.line + 1, lens.command.title })
        end
      end
      return lenses
    """)


def test_a_plan_is_written_an_item_run_seen_verified_and_undone(neovim: Neovim) -> None:
    before = {path: (neovim.folder / path).read_text() for path in (CHECKOUT, APPLICATION)}
    neovim.edit(CHECKOUT)
    neovim.until(neovim.servers, "no server")
    neovim.run("plan Survive any crash")
    overview = str(neovim.folder / ".otp-genesis/plan/README.md")
    neovim.until(lambda: neovim.remote.current.buffer.name == overview, "the overview is not opened")

    neovim.edit(PHASE_1)
    neovim.until(neovim.servers, "no server for the plan")
    plan = neovim.shown()
    item = line_of(neovim, "checkout.ex:61` OTP101") - 1
    titles = [title for line, title in lenses(neovim) if line == item]
    assert titles[:2] == ["Run", "Show the change"]
    assert any(title.startswith("Run this phase") for line, title in lenses(neovim) if line == 1)

    choose(neovim, item, ": Run")
    neovim.until(
        lambda: VERIFIED.match(neovim.remote.current.buffer[item - 1]), "the item is not seen verified", 200
    )
    assert [title for line, title in lenses(neovim) if line == item] == ["Proven: show the evidence"]
    neovim.remote.command("wall")
    assert "Task.Supervisor.start_child(ShakyShop.TaskSupervisor" in (neovim.folder / CHECKOUT).read_text()

    neovim.remote.command("undo")
    assert neovim.shown() == plan
    for path, text in before.items():
        neovim.show(path)
        neovim.remote.command("undo")
        assert neovim.shown() == text
