"""The VS Code extension says of the server what the server is. The extension's own tests are beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from otp_genesis_server import VERSION
from scripts.extension_data import FOLDER, MANIFEST, documents

PACKAGES = [FOLDER, FOLDER / "test" / "editor"]


@pytest.mark.parametrize("file", documents(), ids=lambda file: file.name)
def test_what_is_made_from_the_servers_code_is_up_to_date(file: Path) -> None:
    assert file.read_text("utf-8") == documents()[file], "run `make docs`"


def test_the_extension_has_the_version_of_the_server() -> None:
    assert json.loads(MANIFEST.read_text("utf-8"))["version"] == VERSION


def test_every_setting_is_described_and_has_a_default() -> None:
    groups = json.loads(MANIFEST.read_text("utf-8"))["contributes"]["configuration"]
    settings = {name: setting for group in groups for name, setting in group["properties"].items()}
    assert [
        name
        for name, setting in settings.items()
        if "default" not in setting or not (setting.get("description") or setting.get("markdownDescription"))
    ] == []


def test_every_command_of_the_walkthrough_and_the_menus_is_there() -> None:
    text = MANIFEST.read_text("utf-8")
    declared = {one["command"] for one in json.loads(text)["contributes"]["commands"]}
    assert set(re.findall(r"otpGenesis\.ui\.\w+", text)) == declared


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_the_lock_has_hashes_and_names_no_registry(folder: Path) -> None:
    lock = json.loads((folder / "package-lock.json").read_text("utf-8"))
    installed = {name: package for name, package in lock["packages"].items() if name}
    assert installed
    assert [name for name, package in installed.items() if "integrity" not in package] == []
    assert [name for name, package in installed.items() if "resolved" in package] == []
