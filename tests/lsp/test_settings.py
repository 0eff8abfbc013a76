"""What the user sets in the editor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig

from otp_genesis_analyzers.findings import Severity
from otp_genesis_server.lsp.settings import Settings, read_settings
from tests.lsp.editor import SERVER, Editor, Squiggle, abilities, make_editor
from tests.lsp.shop import MAILER, MAILER_TEXT, write_shop

SPAWN = Squiggle(2, "spawn", "OTP101")
OTHER = "lib/shop/other.ex"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], Settings()),
        ([None, {}], Settings()),
        ([{"minimumSeverity": "warning"}], Settings(Severity.WARNING)),
        ([{"otpGenesis": {"openFilesOnly": True}}], Settings(open_files_only=True)),
        ([{"minimumSeverity": "error"}, {"minimumSeverity": "hint"}], Settings()),
        ([{"openFilesOnly": True}, {"openFilesOnly": None}], Settings(open_files_only=True)),
        ([{"trace": {"server": "off"}, "rulePages": "https://x"}, {"otpGenesis": None}], Settings()),
    ],
)
def test_settings(said: list[Any], expected: Settings) -> None:
    assert read_settings(*said) == (expected, ())


@pytest.mark.parametrize("severity", ["Warning", 2, ["hint"], {}, True])
def test_a_wrong_value_leaves_the_default_of_that_setting_alone(severity: object) -> None:
    settings, (problem,) = read_settings({"minimumSeverity": severity, "openFilesOnly": True})
    assert settings == Settings(open_files_only=True)
    assert problem == (
        "OTP-Genesis: the setting otpGenesis.minimumSeverity must be"
        f" one of hint, information, warning, error, not {severity!r}; using hint"
    )


def test_a_wrong_switch() -> None:
    settings, (problem,) = read_settings({"openFilesOnly": "yes"})
    assert settings == Settings()
    assert "must be true or false, not 'yes'" in problem


@pytest_lsp.fixture(
    params=["visual_studio_code", "neovim"], config=ClientServerConfig(SERVER, client_factory=make_editor)
)
async def editor(lsp_client: Editor, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[None]:
    lsp_client.folder = write_shop(tmp_path, {OTHER: MAILER_TEXT})
    lsp_client.set_configuration({"openFilesOnly": True}, section="otpGenesis")
    folders = [lsp.WorkspaceFolder(tmp_path.as_uri(), "shop")]
    await lsp_client.connect(
        abilities(request.param),
        workspace_folders=folders,
        initialization_options={"openFilesOnly": False, "minimumSeverity": "loud"},
    )
    yield
    await lsp_client.leave()


@pytest.mark.asyncio
async def test_settings_are_asked_for_and_followed(editor: Editor) -> None:
    uri, other = editor.open(MAILER), (editor.folder / OTHER).as_uri()
    await editor.shows(uri, SPAWN)
    assert other not in editor.diagnostics
    (message,) = editor.messages
    assert message.type == lsp.MessageType.Warning and "not 'loud'; using hint" in message.message

    editor.set_configuration({"openFilesOnly": False}, section="otpGenesis")
    editor.workspace_did_change_configuration(lsp.DidChangeConfigurationParams(None))
    await editor.shows(other, SPAWN)
    editor.set_configuration({"minimumSeverity": "warning"}, section="otpGenesis")
    editor.workspace_did_change_configuration(lsp.DidChangeConfigurationParams(None))
    await editor.shows(uri)
    await editor.until(lambda: not editor.diagnostics[other])
    assert await editor.actions(uri, 2) == []
    assert len(editor.messages) == 1


@pytest_lsp.fixture(config=ClientServerConfig(SERVER, client_factory=make_editor))
async def teller(lsp_client: Editor, tmp_path: Path) -> AsyncIterator[None]:
    """A client that can't be asked."""
    capabilities = abilities("neovim")
    assert capabilities.workspace
    capabilities.workspace.configuration = None
    lsp_client.folder = write_shop(tmp_path)
    await lsp_client.connect(
        capabilities, root_uri=tmp_path.as_uri(), initialization_options={"minimumSeverity": "warning"}
    )
    yield
    await lsp_client.leave()


@pytest.mark.asyncio
async def test_settings_are_told(teller: Editor) -> None:
    uri = teller.open(MAILER)
    await teller.shows(uri)
    for severity, shown in (("hint", [SPAWN]), ("error", [])):
        settings = {"otpGenesis": {"minimumSeverity": severity}}
        teller.workspace_did_change_configuration(lsp.DidChangeConfigurationParams(settings))
        await teller.shows(uri, *shown)
    assert teller.messages == []
