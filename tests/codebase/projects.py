"""A small project in a repository, as code bases see it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase import Codebase, TextEdit, open_commit, open_files
from tests.git.repositories import committed
from tests.mix.projects import TILL, write_till

MAILER = """\
defmodule Till.Mailer do
  @moduledoc "Sends."

  @doc "Sends it."
  @spec send_off(term()) :: :ok
  def send_off(mail) do
    spawn(fn -> deliver(mail) end)
    :ok
  end

  def deliver(mail) when is_map(mail), do: {:ok, mail}
  def deliver(_), do: :error
end
"""


def of_files(root: Path, files: Mapping[str, str | bytes] | None = None) -> Codebase:
    return sure(open_files(write_till(root, {"lib/mailer.ex": MAILER, **(files or {})})))


def of_commit(root: Path, files: Mapping[str, str | bytes] | None = None) -> Codebase:
    return sure(open_commit(committed(root, {**TILL, "lib/mailer.ex": MAILER, **(files or {})})))


def linked_folder(folder: Path) -> Path:
    """An empty project beside a file that it may not see, with links that lead there and elsewhere."""
    root = folder / "shop"
    root.mkdir()
    (folder / "secret").write_text("secret")
    (root / "link.ex").symlink_to("../secret")
    (root / "linked").symlink_to("/etc")
    (root / "inside").symlink_to("lib")
    return root


def sure(codebase: Codebase | Refused) -> Codebase:
    assert isinstance(codebase, Codebase), codebase
    return codebase


def why(answer: object) -> str:
    assert isinstance(answer, Refused), answer
    return answer.reason


def change(codebase: Codebase, path: str, old: str, new: str) -> None:
    """Propose and apply one edit."""
    proposed = codebase.propose([TextEdit(path, old, new)])
    assert not isinstance(proposed, Refused), proposed
    assert codebase.apply(proposed) is None


def files_below(root: Path) -> dict[str, bytes]:
    """What a code base may never change."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }
