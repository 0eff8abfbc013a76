"""Writing under faults: the files end whole, old or new, and an error names the file and the reason."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from otp_genesis_analyzers.findings import FixKind
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.applying.write import NotWritten, write_change, write_files
from otp_genesis_refactorers.change import Change, Edit, FileChange, Outdated, content_hash, file_change

OLD = {"lib/a.ex": b"a old\n", "lib/b.ex": b"b old\r\n", "c.ex": b"c old"}
NEW = {"lib/a.ex": b"a new\n", "lib/b.ex": b"b new\r\n", "c.ex": b"c new"}
HASHES = {path: content_hash(content) for path, content in OLD.items()}


def lay_out(root: Path, files: Mapping[str, bytes] = OLD) -> Path:
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return root


def contents(root: Path, paths: Mapping[str, bytes] = OLD) -> dict[str, bytes]:
    return {path: (root / path).read_bytes() for path in paths}


def leftovers(root: Path) -> list[str]:
    return sorted(file.name for file in root.rglob(".*"))


def refused(root: Path, error: type[Exception], message: str) -> None:
    """Writing NEW fails with this message, every file that exists keeps its bytes, nothing is left behind."""
    before = {path: (root / path).read_bytes() for path in OLD if (root / path).is_file()}
    with pytest.raises(error, match=message):
        write_files(root, NEW, HASHES)
    assert contents(root, before) == before
    assert leftovers(root) == []


def test_all_files_are_written(tmp_path: Path) -> None:
    write_files(lay_out(tmp_path), NEW, HASHES)
    assert contents(tmp_path) == NEW
    assert leftovers(tmp_path) == []


def test_a_change_is_written(tmp_path: Path) -> None:
    lay_out(tmp_path)
    change = Change(
        title="Change it",
        kind=FixKind.SAFE,
        files=(
            file_change("lib/a.ex", OLD["lib/a.ex"], [Edit(Span.between(2, 5), "new")]),
            FileChange("test/new/a_test.exs", "", (Edit(Span(0, 0), "new\n"),)),
        ),
    )
    write_change(tmp_path, change)
    assert (tmp_path / "lib/a.ex").read_bytes() == b"a new\n"
    assert (tmp_path / "test/new/a_test.exs").read_bytes() == b"new\n"
    assert (tmp_path / "test/new/a_test.exs").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o755])
def test_the_mode_is_kept(mode: int, tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "c.ex").chmod(mode)
    write_files(tmp_path, NEW, HASHES)
    assert (tmp_path / "c.ex").stat().st_mode & 0o777 == mode


def test_changed_on_disk(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "lib/b.ex").write_bytes(b"someone else's\n")
    refused(tmp_path, Outdated, r"^lib/b\.ex has changed since the fix was computed; nothing was written$")


def test_a_change_is_outdated(tmp_path: Path) -> None:
    lay_out(tmp_path)
    change = Change("Change it", FixKind.SAFE, (file_change("c.ex", b"another", [Edit(Span(0, 1), "C")]),))
    with pytest.raises(Outdated):
        write_change(tmp_path, change)
    assert contents(tmp_path) == OLD


def test_removed_from_disk(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "lib/b.ex").unlink()
    refused(tmp_path, Outdated, r"lib/b\.ex has changed")


def test_a_new_file_that_exists(tmp_path: Path) -> None:
    lay_out(tmp_path)
    with pytest.raises(NotWritten, match=r"^c\.ex exists already; nothing was written$"):
        write_files(tmp_path, {"c.ex": b"new"}, {})
    assert contents(tmp_path) == OLD


def test_a_read_only_file(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "lib/b.ex").chmod(0o444)
    refused(tmp_path, NotWritten, r"^lib/b\.ex is read-only; nothing was written$")


def test_a_read_only_folder(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "lib").chmod(0o555)
    try:
        refused(tmp_path, NotWritten, r"^lib/a\.ex is in a read-only folder, .*/lib; nothing was written$")
    finally:
        (tmp_path / "lib").chmod(0o755)


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "c.ex").unlink()
    (tmp_path / "c.ex").mkdir()
    refused(tmp_path, NotWritten, r"^c\.ex is not a regular file")


def test_a_link_within_the_root_stays_a_link(tmp_path: Path) -> None:
    lay_out(tmp_path, {"real/c.ex": OLD["c.ex"], **{path: OLD[path] for path in ("lib/a.ex", "lib/b.ex")}})
    (tmp_path / "c.ex").symlink_to("real/c.ex")
    write_files(tmp_path, NEW, HASHES)
    assert (tmp_path / "c.ex").is_symlink()
    assert (tmp_path / "real/c.ex").read_bytes() == NEW["c.ex"]


@pytest.mark.parametrize("linked", ["lib/b.ex", "lib"])
def test_a_link_that_leads_outside(linked: str, tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    lay_out(root, {"c.ex": OLD["c.ex"]})
    lay_out(outside)
    (root / linked).parent.mkdir(exist_ok=True)
    (root / linked).symlink_to(outside / linked)
    with pytest.raises(NotWritten, match=r"^lib/b\.ex leads outside .*/root; nothing was written$"):
        write_files(root, {"lib/b.ex": NEW["lib/b.ex"]}, HASHES)
    assert contents(outside) == OLD


@pytest.mark.parametrize("path", ["../c.ex", "/etc/otp-genesis.ex", "lib/../../c.ex"])
def test_a_path_that_leads_outside(path: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(NotWritten, match="leads outside"):
        write_files(root, {path: b"new"}, {})


def test_a_link_to_itself(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "lib/b.ex").unlink()
    (tmp_path / "lib/b.ex").symlink_to("b.ex")
    refused(tmp_path, NotWritten, r"^lib/b\.ex ")


def test_one_file_under_two_names(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "c.ex").unlink()
    (tmp_path / "c.ex").symlink_to("lib/a.ex")
    refused(tmp_path, NotWritten, r"^lib/a\.ex is the same file as c\.ex")


# A child process stops, or has a system call refused, at the n-th thing it does to the file system.
FAULT = """
import os, signal, sys
from pathlib import Path
from otp_genesis_refactorers.applying.write import NotWritten, write_files
sys.path.insert(0, {tests!r})
from test_write import HASHES, NEW

left = {nth}
def fault(event, arguments):
    global left
    if event in {events!r} and (event != "open" or "{root}" in str(arguments[0])):
        left -= 1
        if left == 0:
            {act}

sys.addaudithook(fault)
try:
    write_files(Path("{root}"), NEW, HASHES)
except NotWritten as error:
    sys.exit(str(error))
os._exit(77 if left > 0 else 0)
"""
EVENTS = ("open", "os.rename", "os.link", "os.remove", "os.chmod")
NEVER_REACHED = 77


def run_with_fault(
    root: Path, nth: int, act: str, events: tuple[str, ...]
) -> subprocess.CompletedProcess[str]:
    script = FAULT.format(tests=str(Path(__file__).parent), nth=nth, act=act, events=events, root=root)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


def test_killed_at_any_point_every_file_is_whole(tmp_path: Path) -> None:
    seen: set[int] = set()
    for nth in range(1, 100):
        root = lay_out(tmp_path / str(nth))
        done = run_with_fault(root, nth, "os.kill(os.getpid(), signal.SIGKILL)", EVENTS)
        if done.returncode == NEVER_REACHED:
            break
        assert done.returncode == -9, done.stderr
        written = contents(root)
        assert all(written[path] in (OLD[path], NEW[path]) for path in OLD), f"at step {nth}: {written}"
        seen.add(sum(written[path] == NEW[path] for path in OLD))
        assert all(
            name.startswith(".") and name.endswith(".tmp") and ".otp-genesis-" in name
            for name in leftovers(root)
        )
    else:
        pytest.fail("the fault was always reached: it is not the last step that ended the loop")
    assert seen == {0, 1, 2, 3}, "it must have been killed before, between and after the renames"


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_rename_that_fails_takes_the_earlier_ones_back(nth: int, tmp_path: Path) -> None:
    act = "raise OSError(28, os.strerror(28))"
    done = run_with_fault(lay_out(tmp_path), nth, act, ("os.rename",))
    path = sorted(OLD)[nth - 1]
    assert done.stderr == f"{path} can't be replaced: No space left on device; nothing was written\n"
    assert contents(tmp_path) == OLD
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_interrupted_between_renames(nth: int, tmp_path: Path) -> None:
    done = run_with_fault(lay_out(tmp_path), nth, "raise KeyboardInterrupt", ("os.rename",))
    assert "KeyboardInterrupt" in done.stderr
    assert contents(tmp_path) == OLD
    assert leftovers(tmp_path) == []


def test_the_old_content_survives_when_it_cannot_be_put_back(tmp_path: Path) -> None:
    act = "left = 1; raise OSError(5, os.strerror(5))"  # from the second rename on, all fail
    done = run_with_fault(lay_out(tmp_path), 2, act, ("os.rename",))
    assert "writing failed half-way" in done.stderr
    [kept] = leftovers(tmp_path)
    assert kept in done.stderr
    assert next(tmp_path.rglob(kept)).read_bytes() == OLD["c.ex"]


def test_without_hard_links(tmp_path: Path) -> None:
    act = "left = 1; raise OSError(95, os.strerror(95))"
    done = run_with_fault(lay_out(tmp_path), 1, act, ("os.link",))
    assert done.stderr == ""
    assert contents(tmp_path) == NEW
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_owner_is_kept(tmp_path: Path) -> None:
    lay_out(tmp_path)
    os.chown(tmp_path / "c.ex", 1234, 1234)
    write_files(tmp_path, NEW, HASHES)
    assert (tmp_path / "c.ex").stat().st_uid == 1234
