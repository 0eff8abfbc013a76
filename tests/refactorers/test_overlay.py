"""A project with other texts in some files is the project that the disk would give."""

from __future__ import annotations

from pathlib import Path

from otp_genesis_analyzers import engine
from otp_genesis_refactorers.applying.overlay import with_files

CONFIG = """\
[servers]
wrappers = ["Vendor.Server"]

[rules.OTP301]
messages = 2
"""
CART = """\
defmodule Shop.Cart do
  use Vendor.Server

  def handle_call(:total, _from, cart) do
    Process.sleep(5_000)
    {:reply, 0, cart}
  end
end
"""


def test_it_is_analysed_as_it_is_configured(tmp_path: Path) -> None:
    files = {
        "mix.exs": "defmodule Shop.MixProject do\nend\n",
        ".otp-genesis.toml": CONFIG,
        "lib/cart.ex": CART,
    }
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(content)
    project = engine.load(tmp_path).project
    analysis = project.files["lib/cart.ex"]
    assert [finding.code for finding in analysis.findings] == ["OTP304"]
    assert with_files(project, {"lib/cart.ex": CART.encode()}).files["lib/cart.ex"] == analysis
