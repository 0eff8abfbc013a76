"""The cache changes how long a run takes, and nothing else."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.cache import Cache
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.engine import Loaded
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import FileAnalysis, Project
from otp_genesis_analyzers.remembered import Memory
from tests.example_project import write_project

SPAWN = "defmodule Shop.Mail do\n  def send(mail), do: spawn(fn -> Shop.Smtp.deliver(mail) end)\nend\n"
QUIET = "defmodule Shop.Price do\n  def sum(items), do: Enum.sum(items)\nend\n"
BROKEN = 'defmodule Shop.Half do\n  def go, do: spawn(fn -> "\nend\n'
WRAPPER = """\
defmodule Shop.Server do
  defmacro __using__(_options) do
    quote do
      use GenServer
    end
  end
end
"""
WRAPPED = """\
defmodule Shop.Orders do
  use Shop.Server

  def init(orders), do: {:ok, orders}

  def handle_info({:ship, order}, orders) do
    spawn(fn -> Shop.Warehouse.ship(order) end)
    {:noreply, orders}
  end
end
"""
FILES = {
    "lib/mail.ex": SPAWN,
    "lib/price.ex": QUIET,
    "lib/half.ex": BROKEN,
    "lib/server.ex": WRAPPER,
    "lib/orders.ex": WRAPPED,
}


class Run:
    """One run over a project: what it found, and which files it analysed."""

    def __init__(
        self,
        root: Path,
        cache_file: Path | None,
        chosen: Callable[[Config], Config] = lambda config: config,
        **how: object,
    ) -> None:
        self.analysed: list[str] = []
        cache = Cache(cache_file, "test")
        memory = Memory(root, cache, self._noted, chosen=chosen, **how)  # pyright: ignore[reportArgumentType]
        self.loaded: Loaded = memory.load()
        self.findings: tuple[Finding, ...] = memory.check(self.loaded, chosen(self.loaded.project.config))
        cache.close()

    def _noted(self, project: Project, paths) -> Iterator[tuple[str, FileAnalysis | None]]:
        self.analysed += paths
        return engine.analyze_in_turn(project, paths)

    @property
    def codes(self) -> list[str]:
        return [f"{finding.path} {finding.code}" for finding in self.findings]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    write_project(root, FILES)
    (root / "lib" / "latin1.ex").write_bytes(b"# caf\xe9\n")
    age(root)
    return root


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "shop.sqlite"


def age(root: Path, seconds: int = 3600) -> None:
    """Make the files older: one just written could change again without its time telling."""
    for file in root.rglob("*.*"):
        before = file.stat().st_mtime_ns - seconds * 1_000_000_000
        os.utime(file, ns=(before, before))


def test_the_same_comes_out_cold_warm_and_without(shop: Path, kept: Path) -> None:
    plain = engine.load(shop)
    findings = engine.check(plain.project, plain.project.config)
    assert any(finding.code == "OTP101" for finding in findings)
    for analysed_all in (True, False, False):
        ran = Run(shop, kept)
        assert ran.findings == findings
        assert dict(ran.loaded.project.files) == dict(plain.project.files)
        assert ran.loaded.project.apps == plain.project.apps
        assert (ran.loaded.unparsed, ran.loaded.broken) == (("lib/latin1.ex",), ("lib/half.ex",))
        assert bool(ran.analysed) == analysed_all


def test_files_are_there_after_the_cache_was_closed(shop: Path, kept: Path) -> None:
    Run(shop, kept)
    files = Run(shop, kept).loaded.project.files
    assert dict(files) == dict(engine.load(shop).project.files)
    assert list(files) == list(engine.load(shop).project.files)
    assert ("lib/mail.ex" in files, "lib/none.ex" in files, len(files)) == (True, False, 7)
    with pytest.raises(KeyError):
        files["lib/none.ex"]


def test_only_what_has_changed_is_analysed(shop: Path, kept: Path) -> None:
    Run(shop, kept)
    (shop / "lib" / "price.ex").write_text(SPAWN.replace("Mail", "Price"))
    ran = Run(shop, kept)
    assert set(ran.analysed) == {"lib/price.ex", "lib/latin1.ex"}
    assert ran.findings == Run(shop, None).findings
    assert "lib/price.ex OTP101" in ran.codes


def only_spawns(config: Config) -> Config:
    return config.merged(select=["OTP101"])


def test_what_was_read_for_some_rules_is_read_again_for_others(shop: Path, kept: Path) -> None:
    few = Run(shop, kept, chosen=only_spawns)
    assert few.codes == [code for code in Run(shop, None).codes if code.endswith("OTP101")]
    assert Run(shop, kept, chosen=only_spawns).analysed == []
    assert Run(shop, kept).findings == Run(shop, None).findings


def test_what_was_read_for_all_rules_is_enough_for_some(shop: Path, kept: Path) -> None:
    Run(shop, kept)
    assert Run(shop, kept, chosen=only_spawns).analysed == []
    (shop / "lib" / "price.ex").write_text(SPAWN.replace("Mail", "Price"))
    assert "lib/mail.ex" not in Run(shop, kept, chosen=only_spawns).analysed
    assert Run(shop, kept).findings == Run(shop, None).findings


def test_a_file_that_only_looks_changed_is_not_analysed(shop: Path, kept: Path) -> None:
    Run(shop, kept)
    age(shop)
    assert Run(shop, kept).analysed == []


def test_a_file_just_written_is_compared(shop: Path, kept: Path) -> None:
    file = shop / "lib" / "price.ex"
    file.write_text(SPAWN)
    before = file.stat()
    assert "lib/price.ex OTP101" in Run(shop, kept).codes
    file.write_text(SPAWN.replace("spawn(", "spown("))  # as long, within one tick
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "lib/price.ex OTP101" not in Run(shop, kept).codes


def test_strictly_every_content_is_compared(shop: Path, kept: Path) -> None:
    Run(shop, kept)
    file = shop / "lib" / "mail.ex"
    before = file.stat()
    file.write_text(SPAWN.replace("spawn(", "spown("))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "lib/mail.ex OTP101" in Run(shop, kept).codes
    assert "lib/mail.ex OTP101" not in Run(shop, kept, strict=True).codes


def test_deleted_and_moved_files_are_forgotten(shop: Path, kept: Path) -> None:
    Run(shop, kept)
    (shop / "lib" / "mail.ex").rename(shop / "lib" / "post.ex")
    assert "lib/post.ex OTP101" in Run(shop, kept).codes
    rows = Cache(kept, "test").rows()
    assert "lib/mail.ex" not in rows
    assert "lib/post.ex" in rows


def test_a_wrapper_that_comes_and_goes(shop: Path, kept: Path) -> None:
    plain = Run(shop, None).findings
    assert Run(shop, kept).findings == plain
    (shop / "lib" / "server.ex").rename(shop / "server.txt")
    without = Run(shop, None).findings
    assert without != plain
    assert Run(shop, kept).findings == without
    (shop / "server.txt").rename(shop / "lib" / "server.ex")
    assert Run(shop, kept).findings == plain


@pytest.mark.parametrize(
    "settings",
    ['ignore = ["OTP101"]', '[servers]\nwrappers = ["Shop.Base"]', "[rules.OTP303]\nscore = 1", ""],
)
def test_another_configuration(shop: Path, kept: Path, settings: str) -> None:
    Run(shop, kept)
    (shop / ".otp-genesis.toml").write_text(settings)
    for _ in range(2):
        assert Run(shop, kept).findings == Run(shop, None).findings


def test_another_role_of_the_same_file(shop: Path, kept: Path) -> None:
    Run(shop, kept)
    (shop / "mix.exs").rename(shop / "lib" / "mix.exs")
    for _ in range(2):
        assert Run(shop, kept).findings == Run(shop, None).findings


def test_an_overlay_counts_and_is_not_kept(shop: Path, kept: Path) -> None:
    Run(shop, kept)
    overlay = {"lib/price.ex": SPAWN.encode(), "lib/mail.ex": QUIET.encode()}
    for _ in range(2):
        codes = Run(shop, kept, overlay=overlay).codes
        assert "lib/price.ex OTP101" in codes
        assert "lib/mail.ex OTP101" not in codes
    again = Run(shop, kept)
    assert again.analysed == []
    assert again.findings == Run(shop, None).findings


def test_another_version_starts_anew(shop: Path, kept: Path) -> None:
    Run(shop, kept)
    newer = Cache(kept, "another")
    assert newer.rows() == {}
    newer.close()
    assert Run(shop, kept).analysed


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def scribble(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    file.write_bytes(content)


def no_database(file: Path) -> None:
    file.write_bytes(b"not a database, and longer than a header of one would be" * 100)


def other_tables(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE files (x)")


def bad_analyses(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("UPDATE files SET analysis = x'93a0'")
        database.execute("UPDATE answers SET answer = x'c1'")


def bad_paths(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("UPDATE files SET path = 7 WHERE path = (SELECT min(path) FROM files)")


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize(
    "damage",
    [cut, scribble, no_database, other_tables, bad_analyses, bad_paths, empty],
    ids=lambda d: d.__name__,
)
def test_a_damaged_cache_is_made_anew(shop: Path, kept: Path, damage: Callable[[Path], None]) -> None:
    plain = Run(shop, kept).findings
    damage(kept)
    for _ in range(3):
        ran = Run(shop, kept)
        assert ran.findings == plain
        assert dict(ran.loaded.project.files) == dict(engine.load(shop).project.files)
    assert ran.analysed == []


def test_where_no_cache_can_be_kept(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "x.sqlite", tmp_path / "shop"):
        assert Run(shop, place).findings == Run(shop, None).findings


def test_a_cache_that_another_process_writes(shop: Path, kept: Path) -> None:
    Run(shop, kept)
    (shop / "lib" / "price.ex").write_text(SPAWN)
    other = sqlite3.connect(kept, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert Run(shop, kept).findings == Run(shop, None).findings
    other.execute("ROLLBACK")


def test_a_file_name_that_is_no_text(shop: Path, kept: Path) -> None:
    Path(os.fsdecode(os.fsencode(shop) + b"/lib/caf\xe9.ex")).write_text(SPAWN)
    for _ in range(2):
        assert Run(shop, kept).findings == Run(shop, None).findings
