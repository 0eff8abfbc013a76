"""Real changes of real files, noticed by the server itself."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from otp_genesis_server.lsp.workspace.watching import changes_below
from tests.lsp.shop import MAILER, write_shop

pytestmark = pytest.mark.asyncio

SECONDS = 20.0


async def noticed(root: Path, change: Callable[[], object], *expected: str) -> set[str]:
    """What is told of until all of `expected` was, after a change that begins when the watch stands."""
    heard: set[str] = set()
    async with aclosing(changes_below(root)) as changes:
        hearing = asyncio.create_task(hear(changes, root, heard, {*expected, "lib/begun.ex"}))
        while "lib/begun.ex" not in heard:
            (root / "lib/begun.ex").write_text("")
            await asyncio.sleep(0.05)
        await asyncio.to_thread(change)
        await asyncio.wait_for(hearing, SECONDS)
    return heard - {"lib/begun.ex"}


async def hear(changes: AsyncIterator[list[Path]], root: Path, heard: set[str], until: set[str]) -> None:
    async for paths in changes:
        heard |= {path.relative_to(root).as_posix() for path in paths}
        if heard >= until:
            return


async def test_files_written_made_and_deleted(tmp_path: Path) -> None:
    root = write_shop(tmp_path, {"lib/old.ex": "", "lib/kept.ex": ""})

    def change() -> None:
        (root / MAILER).write_text("")
        (root / "lib/new.ex").write_text("")
        (root / "lib/old.ex").unlink()
        (root / ".otp-genesis.toml").write_text("")
        (root / "lib/notes.md").write_text("")

    expected = {MAILER, "lib/new.ex", "lib/old.ex", ".otp-genesis.toml"}
    assert await noticed(root, change, *expected) == expected


@pytest.mark.parametrize("folder", ["deps/mail/lib", "_build/dev", "node_modules/x", ".git"])
async def test_what_is_not_looked_at_wakes_nobody(tmp_path: Path, folder: str) -> None:
    root = write_shop(tmp_path, {f"{folder}/a.ex": ""})

    def change() -> None:
        (root / folder / "a.ex").write_text("a")
        (root / folder / "b.ex").write_text("b")
        (root / MAILER).write_text("")

    assert await noticed(root, change, MAILER) == {MAILER}


async def test_new_folders_and_what_is_in_them_later(tmp_path: Path) -> None:
    root = write_shop(tmp_path)

    def change() -> None:
        (root / "lib/shop/web/live").mkdir(parents=True)
        threading.Event().wait(0.5)
        (root / "lib/shop/web/live/cart.ex").write_text("")

    heard = await noticed(root, change, "lib/shop/web", "lib/shop/web/live/cart.ex")
    assert heard <= {"lib/shop/web", "lib/shop/web/live", "lib/shop/web/live/cart.ex"}


async def test_a_folder_that_is_renamed_and_one_that_is_deleted(tmp_path: Path) -> None:
    root = write_shop(tmp_path, {"lib/a/x.ex": "", "lib/b/y.ex": ""})

    def change() -> None:
        (root / "lib/a").rename(root / "lib/c")
        shutil.rmtree(root / "lib/b")

    heard = await noticed(root, change, "lib/a", "lib/b", "lib/c")
    assert heard <= {"lib/a", "lib/b", "lib/c", "lib/b/y.ex"}


async def test_a_folder_that_is_deleted_and_made_again_is_still_watched(tmp_path: Path) -> None:
    root = write_shop(tmp_path, {"lib/a/x.ex": ""})

    def change() -> None:
        shutil.rmtree(root / "lib/a")
        (root / "lib/a").mkdir()
        threading.Event().wait(0.5)
        (root / "lib/a/z.ex").write_text("")

    assert "lib/a/z.ex" in await noticed(root, change, "lib/a", "lib/a/z.ex")


async def test_a_branch_that_is_checked_out(tmp_path: Path) -> None:
    root = write_shop(tmp_path)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=Shop")
    git(root, "checkout", "--quiet", "-b", "more")
    paths = [f"lib/shop/part_{number}.ex" for number in range(150)]
    write_shop(root, dict.fromkeys(paths, "x"))
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=More")
    git(root, "checkout", "--quiet", "main")
    assert {*paths} <= await noticed(root, lambda: git(root, "checkout", "--quiet", "more"), *paths)


@pytest.mark.parametrize("there", [True, False])
async def test_a_folder_that_is_gone_ends_it(tmp_path: Path, there: bool) -> None:
    root = write_shop(tmp_path / "shop") if there else tmp_path / "shop"

    async def watched() -> None:
        async for _ in changes_below(root):
            pass

    watching = asyncio.create_task(watched())
    await asyncio.sleep(0.3)
    if there:
        shutil.rmtree(root)
    await asyncio.wait_for(watching, SECONDS)


def git(root: Path, *arguments: str) -> None:
    user = ("-c", "user.name=Shop", "-c", "user.email=shop@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *user, *arguments], cwd=root, check=True)
