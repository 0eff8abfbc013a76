"""What compiled modules offer, read from their files."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from otp_genesis_refactorers.gates.running.exports import exports_of

SOURCE = """\
defmodule Shop.Mailer do
  use GenServer
  defstruct [:to]
  def send_all(mails, opts \\\\ []), do: {mails, opts, hidden()}
  defmacro traced(name), do: name
  def init(state), do: {:ok, state}
  defp hidden, do: fn -> :ok end
end
"""


def ebin(root: Path) -> Path:
    folder = root / "lib/shop/ebin"
    folder.mkdir(parents=True)
    return folder


def beam(*, count_sign: int, atoms: list[bytes]) -> bytes:
    """A file with these atoms, each exported as a function without arguments."""
    table = struct.pack(">i", count_sign * len(atoms)) + b"".join(atoms)
    exported = struct.pack(">I", len(atoms)) + b"".join(
        struct.pack(">III", n + 1, 0, 1) for n in range(len(atoms))
    )
    chunks = b"".join(
        name + struct.pack(">I", len(data)) + data + b"\0" * (-len(data) % 4)
        for name, data in ((b"AtU8", table), (b"ExpT", exported))
    )
    return b"FOR1" + struct.pack(">I", len(chunks) + 4) + b"BEAM" + chunks


def test_what_the_compiler_makes(tmp_path: Path) -> None:
    folder = ebin(tmp_path)
    (tmp_path / "a.ex").write_text(SOURCE)
    subprocess.run(["elixirc", "-o", folder, tmp_path / "a.ex"], check=True, capture_output=True)
    (offered,) = exports_of(tmp_path).values()
    assert {"send_all/1", "send_all/2", "traced/1", "init/1", "child_spec/1"} <= set(offered)
    assert not {name for name in offered if name.startswith(("hidden", "__", "module_info", "-", "MACRO"))}


def test_long_and_short_atoms(tmp_path: Path) -> None:
    folder = ebin(tmp_path)
    (folder / "Elixir.Old.beam").write_bytes(beam(count_sign=1, atoms=[b"\x05hello", b"\x02ok"]))
    long = bytes([1 << 5 | 0b1000, 300 - 256]) + b"x" * 300
    (folder / "Elixir.New.beam").write_bytes(beam(count_sign=-1, atoms=[bytes([5 << 4]) + b"hello", long]))
    assert exports_of(tmp_path) == {"New": ("hello/0", f"{'x' * 300}/0"), "Old": ("hello/0", "ok/0")}


def test_what_is_no_module_is_left_out(tmp_path: Path) -> None:
    folder = ebin(tmp_path)
    (folder / "Elixir.Torn.beam").write_bytes(beam(count_sign=1, atoms=[b"\x05hello"])[:30])
    (folder / "Elixir.Link.beam").symlink_to("/etc/passwd")
    (folder / "Elixir.Folder.beam").mkdir()
    assert exports_of(tmp_path) == {}
