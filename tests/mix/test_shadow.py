"""The copy holds what a build needs and nothing else, follows the project, and never touches it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from otp_genesis_refactorers.machine.user_folders import cache_folder
from otp_genesis_refactorers.shadow.workspace import ShadowError, open_shadow
from tests.mix.projects import MIX, state_of, write, write_till


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_what_a_build_needs_is_copied_and_the_rest_is_not(tmp_path: Path) -> None:
    kept = {
        "mix.exs": MIX,
        "mix.lock": "%{}",
        ".formatter.exs": "[]",
        ".credo.exs": "%{}",
        "lib/till.ex": "",
        "lib/page.html.heex": "",
        "priv/sounds/bell.wav": b"\x00\xff",
        "config/config.exs": "",
        "README.md": "",
        "deps/far/mix.exs": "",
        "deps/far/.hex": "",
        "deps/far/.git/HEAD": "",
        "apps/one/lib/one.ex": "",
    }
    left_out = {
        ".git/config": "",
        ".env": "KEY=1",
        ".env.local": "KEY=1",
        ".npmrc": "",
        ".elixir_ls/build": "",
        "_build/test/lib/till/ebin/x.beam": "",
        "apps/one/_build/x": "",
        "assets/node_modules/a/index.js": "",
        "cover/till.html": "",
        "deps/far/.git/hooks/pre-commit": "",
        "deps/far/_build/x": "",
    }
    root = write(tmp_path / "till", {**kept, **left_out})
    with open_shadow(root) as shadow:
        assert files_of(shadow.root) == set(kept)


def test_a_link_is_copied_when_it_stays_in_the_project(tmp_path: Path) -> None:
    write(tmp_path, {"secret.txt": "s"})
    root = write_till(tmp_path / "till")
    (root / "lib/inside.ex").symlink_to("till.ex")
    (root / "lib/outside.ex").symlink_to("../../secret.txt")
    (root / "lib/absolute.ex").symlink_to(root / "lib/till.ex")
    (root / "lib/nowhere.ex").symlink_to("nowhere.ex")
    (root / "folder").symlink_to("..")
    with open_shadow(root) as shadow:
        links = {
            path.relative_to(shadow.root).as_posix() for path in shadow.root.rglob("*") if path.is_symlink()
        }
        assert links == {"lib/inside.ex"}


def test_odd_files_stop_nothing(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    os.mkfifo(root / "lib/pipe.ex")
    odd = os.fsdecode(b"lib/\xff.ex")
    write(root, {odd: "odd"})
    for _ in range(2):
        with open_shadow(root) as shadow:
            assert not (shadow.root / "lib/pipe.ex").exists()
            assert (shadow.root / odd).read_text() == "odd"


def test_an_overlay_holds_until_the_next_one(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    before = state_of(root)
    with open_shadow(root) as shadow:
        overlay = {"lib/till.ex": b"new", "lib/deps/more.ex": b"more", "test/till_test.exs": None}
        assert shadow.sync(overlay) == set(overlay)
        assert (shadow.root / "lib/till.ex").read_bytes() == b"new"
        assert not (shadow.root / "test/till_test.exs").exists()
        assert shadow.sync({"lib/till.ex": b"new"}) == {"lib/deps/more.ex", "test/till_test.exs"}
        assert shadow.sync({}) == {"lib/till.ex"}
        assert shadow.sync({}) == set()
        assert {path: (shadow.root / path).read_bytes() for path in files_of(root)} == {
            path: (root / path).read_bytes() for path in files_of(root)
        }
    assert state_of(root) == before


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../other/lib/a.ex",
        "lib/../../a.ex",
        "",
        "lib/",
        ".git/hooks/pre-commit",
        "deps/a/mix.exs",
    ],
)
def test_an_overlay_stays_in_the_project(tmp_path: Path, path: str) -> None:
    with (
        open_shadow(write_till(tmp_path / "till")) as shadow,
        pytest.raises(ShadowError, match=r"path|belongs"),
    ):
        shadow.sync({path: b""})


def test_it_follows_the_project(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till", {"bin/run": "x"})
    with open_shadow(root):
        pass
    (root / "lib/till.ex").unlink()
    (root / "bin/run").chmod(0o755)
    write(root, {"test/till_test.exs": "changed", "lib/new/till.ex": "new"})
    with open_shadow(root) as shadow:
        assert files_of(shadow.root) == files_of(root)
        assert (shadow.root / "test/till_test.exs").read_text() == "changed"
        assert (shadow.root / "bin/run").stat().st_mode & 0o111


def test_a_folder_may_become_a_file_and_a_file_a_folder(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till", {"lib/a": "file", "lib/b/c.ex": "in a folder"})
    with open_shadow(root):
        pass
    (root / "lib/a").unlink()
    (root / "lib/b/c.ex").unlink()
    (root / "lib/b").rmdir()
    write(root, {"lib/a/c.ex": "in a folder", "lib/b": "file"})
    with open_shadow(root) as shadow:
        assert files_of(shadow.root) == files_of(root)


def test_what_a_run_wrote_into_the_sources_is_undone(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    with open_shadow(root) as shadow:
        file = shadow.root / "lib/till.ex"
        status, size = file.stat(), file.stat().st_size
        file.write_bytes(b"#" * size)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        write(shadow.root, {"lib/planted.ex": "", "config/runtime.exs": ""})
        changed = shadow.sync({})
        assert changed == {"lib/till.ex", "lib/planted.ex", "config/runtime.exs"}
        assert files_of(shadow.root) == files_of(root)
        assert file.read_bytes() == (root / "lib/till.ex").read_bytes()


def test_a_link_planted_by_a_run_is_not_followed(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till", {"lib/deep/a.ex": "a"})
    elsewhere = write(tmp_path / "elsewhere", {"till.ex": "mine", "deep/a.ex": "mine"})
    with open_shadow(root) as shadow:
        (shadow.root / "lib/till.ex").unlink()
        (shadow.root / "lib/till.ex").symlink_to(elsewhere / "till.ex")
        (shadow.root / "lib/deep/a.ex").unlink()
        (shadow.root / "lib/deep").rmdir()
        (shadow.root / "lib/deep").symlink_to(elsewhere / "deep")
        (shadow.root / "test/till_test.exs").unlink()
        (shadow.root / "test/till_test.exs").hardlink_to(elsewhere / "till.ex")
        shadow.build.mkdir()
        (shadow.build / "lib").symlink_to(root)
        before = state_of(elsewhere), state_of(root)
        shadow.sync({"lib/till.ex": b"new", "lib/deep/a.ex": b"new", "test/till_test.exs": b"new"})
        assert (state_of(elsewhere), state_of(root)) == before
        assert (shadow.root / "lib/deep/a.ex").read_bytes() == b"new"


def test_folders_closed_by_a_run_are_opened_again(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    with open_shadow(root) as shadow:
        write(shadow.root, {"lib/closed/a.ex": ""})
        (shadow.root / "lib/closed").chmod(0)
        shadow.sync({})
        assert files_of(shadow.root) == files_of(root)


PATH_DEPENDENCY = 'def project, do: [app: :till, version: "0.1.0", deps: [{:far, path: "%s"}]]'


def with_path(path: str) -> str:
    return MIX.replace('def project, do: [app: :till, version: "0.1.0", deps: []]', PATH_DEPENDENCY % path)


def test_path_dependencies_lie_beside_the_copy_as_beside_the_project(tmp_path: Path) -> None:
    write(tmp_path / "libs/far", {"mix.exs": with_path("../farther"), "lib/far.ex": "", "deps/x/mix.exs": ""})
    write(tmp_path / "libs/farther", {"mix.exs": MIX, "lib/farther.ex": ""})
    write(tmp_path / "libs/other", {"mix.exs": MIX})
    root = write_till(tmp_path / "apps/till", {"mix.exs": with_path("../../libs/far")})
    with open_shadow(root) as shadow:
        assert files_of(shadow.root / "../../libs/far") == {"mix.exs", "lib/far.ex"}
        assert (shadow.root / "../../libs/farther/lib/farther.ex").is_file()
        assert not (shadow.root / "../../libs/other").exists()
    write(tmp_path / "libs/far", {"lib/far.ex": "changed"})
    with open_shadow(root) as shadow:
        assert (shadow.root / "../../libs/far/lib/far.ex").read_text() == "changed"


def test_an_example_may_depend_on_the_project_around_it(tmp_path: Path) -> None:
    write(tmp_path / "far", {"mix.exs": MIX, "lib/far.ex": ""})
    root = write_till(tmp_path / "far/examples/till", {"mix.exs": with_path("../..")})
    with open_shadow(root) as shadow:
        assert (shadow.root / "../../lib/far.ex").is_file()
        assert files_of(root) <= files_of(shadow.root)


def test_a_path_that_leads_to_no_project_is_not_copied(tmp_path: Path) -> None:
    write(tmp_path / "private", {"key": "secret"})
    root = write_till(tmp_path / "till", {"mix.exs": with_path("../private")})
    with open_shadow(root) as shadow:
        assert files_of(shadow.files) == {f"till/{path}" for path in files_of(root)}


def test_an_absolute_path_is_used_in_place(tmp_path: Path) -> None:
    far = write(tmp_path / "far", {"mix.exs": MIX})
    with open_shadow(write_till(tmp_path / "till", {"mix.exs": with_path(str(far))})) as shadow:
        assert shadow.in_place == (far,)


def test_a_second_use_waits_for_the_first(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    order: list[str] = []

    def second() -> None:
        with open_shadow(root):
            order.append("second")

    with open_shadow(root):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_waiting_can_be_cancelled(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    cancel = threading.Event()
    cancel.set()
    with open_shadow(root), pytest.raises(ShadowError, match="cancelled"), open_shadow(root, cancel=cancel):
        pass


def test_a_process_that_is_killed_leaves_the_copy_to_the_next(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    hold = (
        "import pathlib, sys, time; from otp_genesis_refactorers.shadow.workspace import open_shadow\n"
        "with open_shadow(pathlib.Path(sys.argv[1])) as shadow:\n"
        "    (shadow.root / 'lib/till.ex').write_text('half')\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, root], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.kill()
    with open_shadow(root) as shadow:
        assert (shadow.root / "lib/till.ex").read_bytes() == (root / "lib/till.ex").read_bytes()


def test_shadows_of_projects_that_are_gone_or_long_unused_are_removed(tmp_path: Path) -> None:
    roots = [write_till(tmp_path / name / "till") for name in ("gone", "unused", "in_use", "kept")]
    folders: list[Path] = []
    for root in roots:
        with open_shadow(root) as shadow:
            folders.append(shadow.folder)
    gone, unused, in_use, _ = folders
    (roots[0] / "mix.exs").unlink()
    (roots[0].rename(tmp_path / "moved"))
    long_ago = time.time() - 100 * 24 * 3600
    with open_shadow(roots[2]):
        os.utime(unused / "original", (long_ago, long_ago))
        os.utime(in_use / "original", (long_ago, long_ago))
        with open_shadow(roots[3]):
            assert [folder.exists() for folder in folders] == [False, False, True, True]
    assert not gone.with_name(f"{gone.name}.lock").exists()


def test_a_project_that_is_no_more_is_said_to_be_gone(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    with open_shadow(root) as shadow:
        root.rename(tmp_path / "moved")
        with pytest.raises(ShadowError, match="till is gone"):
            shadow.sync({})
    with pytest.raises(ShadowError, match="is no mix project"), open_shadow(root):
        pass


def test_two_projects_of_one_name_have_their_own_shadows(tmp_path: Path) -> None:
    names: set[Path] = set()
    for parent in ("a", "b"):
        with open_shadow(write_till(tmp_path / parent / "till")) as shadow:
            names.add(shadow.folder)
    assert len(names) == 2
    assert all(name.parent == cache_folder() / "shadows" for name in names)


def test_a_project_reached_by_a_link_is_the_same_project(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    (tmp_path / "link").symlink_to("till")
    with open_shadow(tmp_path / "link") as shadow:
        assert shadow.original == root


def test_reset_forgets_the_build_and_what_was_planted(tmp_path: Path) -> None:
    with open_shadow(write_till(tmp_path / "till")) as shadow:
        write(shadow.build, {"lib/till/ebin/Elixir.Till.beam": "planted"})
        deep = shadow.root
        for _ in range(30):
            deep = deep / ("d" * 100)
            deep.mkdir()
        shadow.reset()
        shadow.sync({})
        assert not shadow.build.exists()
        assert (shadow.root / "lib/till.ex").is_file()


FULL_DISK = """
import pathlib, sys
from otp_genesis_refactorers.shadow.workspace import ShadowError, open_shadow
root = pathlib.Path(sys.argv[1])
try:
    with open_shadow(root):
        print("copied")
except ShadowError as error:
    print(error)
(root / "priv/large").unlink()
with open_shadow(root) as shadow:
    print(sorted(path.name for path in (shadow.root / "lib").iterdir()))
"""


def test_a_full_disk_is_said_and_the_next_run_works(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till", {"priv/large": b"x" * 8 * 1024 * 1024})
    before = state_of(root / "lib")
    cache = tmp_path / "cache"
    cache.mkdir()
    small_disk = ["bwrap", "--dev-bind", "/", "/", "--size", "4194304", "--tmpfs", str(cache), "--"]
    done = subprocess.run(
        [*small_disk, sys.executable, "-c", FULL_DISK, root],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    full, after = done.stdout.splitlines()
    assert "is full: free some space" in full
    assert after == "['till.ex']"
    assert state_of(root / "lib") == before
