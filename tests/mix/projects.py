"""Small mix projects on disk, and runs of mix on shadows of them."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from otp_genesis_refactorers.shadow.workspace import Shadow, open_shadow

MIX = """\
defmodule Till.MixProject do
  use Mix.Project

  def project, do: [app: :till, version: "0.1.0", deps: []]

  def application, do: [extra_applications: [:logger]]
end
"""
MODULE = """\
defmodule Till do
  def total(prices), do: Enum.sum(prices)
end
"""
TEST = """\
defmodule TillTest do
  use ExUnit.Case

  test "adds up" do
    assert Till.total([1, 2]) == 3
  end
end
"""
TILL = {
    "mix.exs": MIX,
    "lib/till.ex": MODULE,
    "test/test_helper.exs": "ExUnit.start()\n",
    "test/till_test.exs": TEST,
}


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def write_till(root: Path, files: Mapping[str, str | bytes] | None = None) -> Path:
    """A project of one module and one test, with these files in it or in place of its own."""
    return write(root, {**TILL, **(files or {})})


@contextmanager
def trusted_shadow(root: Path) -> Generator[Shadow]:
    with open_shadow(root, trusted_for_this_run=True) as shadow:
        yield shadow


def script(body: str) -> str:
    """A test that runs `body`: code of the project, in mix, as any other."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return f"""\
defmodule ScriptTest do
  use ExUnit.Case

  test "runs" do
{lines}
  end
end
"""


def state_of(root: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """All that is below a folder, with what any change of it would change."""
    found: dict[str, tuple[int, int, int, bytes]] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            content = os.fsencode(path.readlink())
        else:
            content = path.read_bytes() if path.is_file() else b""
        found[path.relative_to(root).as_posix()] = (
            status.st_mode,
            status.st_mtime_ns,
            status.st_ino,
            content,
        )
    return found
