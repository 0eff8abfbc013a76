"""A grant holds for one folder, lies with the user, and can be taken back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from otp_genesis_refactorers.machine import trust
from tests.cli.command_line import run
from tests.mix.projects import MIX, state_of, write, write_till


def test_a_grant_is_for_the_real_folder_and_for_no_other(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    (tmp_path / "link").symlink_to("till")
    before = state_of(root)
    assert not trust.is_trusted(root)
    trust.grant(tmp_path / "link")
    assert trust.is_trusted(root)
    assert trust.is_trusted(tmp_path / "link")
    assert not trust.is_trusted(tmp_path)
    assert not trust.is_trusted(root / "lib")
    assert state_of(root) == before
    assert [grant.folder for grant in trust.grants()] == [root]
    assert trust.revoke(root)
    assert not trust.revoke(root)
    assert not trust.is_trusted(root)


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"{}", b'{"folder": "L3RtcA==", "since": "2026-01-01T00:00:00Z"}']
)
def test_a_grant_that_cannot_be_read_or_speaks_of_another_folder_is_none(
    tmp_path: Path, own_user: Path, content: bytes
) -> None:
    trust.grant(tmp_path)
    [file] = (own_user / "data").rglob("*.json")
    file.write_bytes(content)
    assert not trust.is_trusted(tmp_path)
    trust.grant(tmp_path)
    assert trust.is_trusted(tmp_path)


def test_a_folder_whose_name_is_no_text_can_be_trusted(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"\xff\nx")
    root.mkdir()
    trust.grant(root)
    assert trust.is_trusted(root)
    assert trust.grants()[0].folder == root
    assert "\n\n" not in run("trust", "--list", at=tmp_path).out.rstrip()


def test_from_the_command_line(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    assert run("trust", "--list", at=tmp_path).out == "no folder is trusted: mix runs on none\n"
    granted = run("trust", at=root / "lib")
    assert (granted.status, granted.err) == (0, "")
    assert granted.out == f"mix may run on {root}; 'otp-genesis trust --revoke' takes it back\n"
    assert trust.is_trusted(root)
    assert run("trust", "--list", at=tmp_path).out.startswith(f"{root}  since 20")
    assert run("trust", root, "--revoke", at=tmp_path).out == f"mix may no longer run on {root}\n"
    assert not trust.is_trusted(root)
    assert "was not trusted" in run("trust", "--revoke", at=root).out


def test_an_app_of_an_umbrella_is_trusted_with_it(tmp_path: Path) -> None:
    umbrella = MIX.replace("app: :till", 'apps_path: "apps"')
    root = write(tmp_path / "umbrella", {"mix.exs": umbrella, "apps/one/mix.exs": MIX})
    run("trust", at=root / "apps/one")
    assert trust.is_trusted(root)
    run("trust", "--revoke", at=root / "apps/one")
    assert not trust.is_trusted(root)


def test_a_folder_that_is_gone_can_be_revoked(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    run("trust", root, at=tmp_path)
    root.rename(tmp_path / "moved")
    assert "(gone)" in run("trust", "--list", at=tmp_path).out
    assert "no longer" in run("trust", "--revoke", root, at=tmp_path).out


@pytest.mark.parametrize("arguments", [["nowhere"], ["--list", "--revoke"], ["."]])
def test_what_can_not_be_trusted_is_said_in_one_line(tmp_path: Path, arguments: list[str]) -> None:
    ran = run("trust", *arguments, at=tmp_path)
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
