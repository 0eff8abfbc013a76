"""A finding kept quiet in a comment or in the configuration: it is gone, and nothing else has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused, apply_to
from otp_genesis_refactorers.suppress import ignored_in_project, suppressed_here, suppressed_in_file

Suppress = Callable[[Finding, Project], Change | Refused]
MIX = "defmodule Shop.MixProject do\n  use Mix.Project\n  def project, do: [app: :shop]\nend\n"
MODULE = "defmodule Shop do\n  def warm do\n    spawn(fn -> go() end)\n    :ok\n  end\nend\n"


def written(root: Path, files: Mapping[str, str | bytes]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode() if isinstance(text, str) else text)


def checked(root: Path) -> tuple[Project, list[Finding]]:
    loaded = engine.load(root)
    return loaded.project, list(engine.check(loaded.project, loaded.project.config))


def spawn_in(root: Path) -> tuple[Project, Finding]:
    project, found = checked(root)
    return project, next(finding for finding in found if finding.code == "OTP101")


def quieted(root: Path, suppress: Suppress) -> dict[str, bytes]:
    """The files that the change makes, after it was written and checked."""
    project, finding = spawn_in(root)
    change = suppress(finding, project)
    assert isinstance(change, Change), change
    assert change.kind is FixKind.SAFE
    contents = {file.path: project.read(file.path) for file in change.files if file.original_hash}
    after = apply_to(change, contents)
    written(root, dict(after))
    codes = [found.code for found in checked(root)[1]]
    assert "OTP101" not in codes
    return after


def with_reason(suppress: Callable[[Finding, Project, str], Change | Refused]) -> Suppress:
    return lambda finding, project: suppress(finding, project, "it ends with the VM")


HERE = {
    "above": (MODULE, "    # otp-genesis:ignore OTP101 -- it ends with the VM\n    spawn(fn -> go() end)\n"),
    "crlf": (MODULE.replace("\n", "\r\n"), "-- it ends with the VM\r\n    spawn(fn"),
    "tabs": (MODULE.replace("    spawn", "\t\tspawn"), "\t\t# otp-genesis:ignore OTP101"),
    "in a pipeline": (
        MODULE.replace("spawn(fn -> go() end)", "fn -> go() end\n    |> spawn()"),
        "    # otp-genesis:ignore OTP101 -- it ends with the VM\n    |> spawn()",
    ),
    "no line break at the end": (MODULE.rstrip("\n"), "    # otp-genesis:ignore OTP101"),
    "a line of its own only": ("defmodule Shop do def warm do spawn(fn -> go() end); :ok end end", "# otp"),
    "behind, since a text begins above": (
        MODULE.replace(
            "    spawn(fn -> go() end)", '    x = """\n    a\n    """ && spawn(fn -> go() end)\n    x'
        ),
        '    """ && spawn(fn -> go() end) # otp-genesis:ignore OTP101 -- it ends with the VM\n',
    ),
    "under other comments": (
        MODULE.replace("    spawn", "    # starts\n    # otp-genesis:ignore OTP404 -- no server\n    spawn"),
        "# otp-genesis:ignore OTP101 -- it ends with the VM\n    spawn",
    ),
}


@pytest.mark.parametrize(("module", "expected"), HERE.values(), ids=HERE)
def test_here(module: str, expected: str, tmp_path: Path) -> None:
    written(tmp_path, {"mix.exs": MIX, "lib/shop.ex": module})
    (after,) = quieted(tmp_path, with_reason(suppressed_here)).values()
    assert expected in after.decode()


def test_without_a_reason_it_is_asked_for(tmp_path: Path) -> None:
    written(tmp_path, {"mix.exs": MIX, "lib/shop.ex": MODULE})
    assert b"# otp-genesis:ignore OTP101 --\n" in quieted(tmp_path, suppressed_here)["lib/shop.ex"]
    assert [finding.code for finding in checked(tmp_path)[1]] == ["OTP002"]


def test_where_no_comment_can_stand(tmp_path: Path) -> None:
    module = MODULE.replace("spawn(fn -> go() end)", 'log("""\n    #{spawn(fn -> go() end)}\n    """)')
    written(tmp_path, {"mix.exs": MIX, "lib/shop.ex": module})
    project, finding = spawn_in(tmp_path)
    refused = suppressed_here(finding, project)
    assert isinstance(refused, Refused)
    assert "# otp-genesis:ignore-file OTP101" in refused.reason


FILES: dict[str, tuple[str | bytes, bytes]] = {
    "at the top": (MODULE, b"# otp-genesis:ignore-file OTP101 -- it ends with the VM\ndefmodule"),
    "below a byte order mark": (
        b"\xef\xbb\xbf" + MODULE.encode(),
        b"\xef\xbb\xbf# otp-genesis:ignore-file OTP101 -- it ends with the VM\ndefmodule",
    ),
    "below the interpreter": (
        "#!/usr/bin/env elixir\n" + MODULE,
        b"#!/usr/bin/env elixir\n# otp-genesis:ignore-file OTP101 -- it ends with the VM\ndefmodule",
    ),
}


@pytest.mark.parametrize(("module", "expected"), FILES.values(), ids=FILES)
def test_in_the_file(module: str | bytes, expected: bytes, tmp_path: Path) -> None:
    written(tmp_path, {"mix.exs": MIX, "lib/shop.ex": module})
    assert quieted(tmp_path, with_reason(suppressed_in_file))["lib/shop.ex"].startswith(expected)


CONFIGURATIONS = {
    "none": (None, 'ignore = ["OTP101"]\n'),
    "empty": ("", 'ignore = ["OTP101"]\n'),
    "a list": ('ignore = ["OTP2"] # for now\n', 'ignore = ["OTP2", "OTP101"] # for now\n'),
    "an empty list": ("ignore = []\n", 'ignore = ["OTP101"]\n'),
    "lines": (
        'ignore = [\n  "OTP2", # later\n]\npreset = "strict"\n',
        'ignore = [\n  "OTP2", # later\n  "OTP101",\n]\npreset = "strict"\n',
    ),
    "tables": (
        '# ours\npreset = "default"\n\n[servers]\nwrappers = ["A.Server"]\n',
        '# ours\npreset = "default"\nignore = ["OTP101"]\n\n[servers]\nwrappers = ["A.Server"]\n',
    ),
}


@pytest.mark.parametrize(("before", "after"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_in_the_project(before: str | None, after: str, tmp_path: Path) -> None:
    configuration = {} if before is None else {".otp-genesis.toml": before}
    written(tmp_path, {"mix.exs": MIX, "lib/shop.ex": MODULE, **configuration})
    assert quieted(tmp_path, ignored_in_project) == {".otp-genesis.toml": after.encode()}


@pytest.mark.parametrize(
    "configuration", ["ignore = 3\n", "ignore = [\n", b"\xff"], ids=["3", "torn", "latin"]
)
def test_a_configuration_that_can_not_be_changed(configuration: str | bytes, tmp_path: Path) -> None:
    written(tmp_path, {"mix.exs": MIX, "lib/shop.ex": MODULE, ".otp-genesis.toml": configuration})
    refused = ignored_in_project(spawn_in(tmp_path)[1], spawn_in(tmp_path)[0])
    assert isinstance(refused, Refused)
    assert ".otp-genesis.toml" in refused.reason


WHERE = {
    "an umbrella": (["mix.exs", "apps/a/mix.exs"], [], ".otp-genesis.toml"),
    "projects beside each other": (["apps/a/mix.exs"], [], "apps/a/.otp-genesis.toml"),
    "one above": (["apps/a/mix.exs"], [".otp-genesis.toml"], ".otp-genesis.toml"),
    "one below": (["mix.exs", "apps/a/mix.exs"], ["apps/a/.otp-genesis.toml"], "apps/a/.otp-genesis.toml"),
}


@pytest.mark.parametrize(("projects", "configurations", "expected"), WHERE.values(), ids=WHERE)
def test_which_configuration(
    projects: list[str], configurations: list[str], expected: str, tmp_path: Path
) -> None:
    written(tmp_path, dict.fromkeys(projects, MIX) | dict.fromkeys(configurations, ""))
    written(tmp_path, {"apps/a/lib/shop.ex": MODULE})
    assert list(quieted(tmp_path, ignored_in_project)) == [expected]
