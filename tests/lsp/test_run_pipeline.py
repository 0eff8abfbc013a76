"""Running pipelines from the editor: what is applied, what is only shown, how it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig

from otp_genesis_refactorers.pipelines.journal import Journal
from tests.lsp.editor import SERVER, Editor, abilities, make_editor
from tests.lsp.shop import MAILER, write_shop
from tests.lsp.test_verify import BEFORE_MIX_RUNS_SECONDS, NO, ONCE, TESTED, files
from tests.pipelines.pipelines import pipeline

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIX = """\
- {name: find, type: analyze, rule: OTP101}
- {name: fix, type: edit, fix: "{{ steps.find.findings[0] }}"}
"""
PROVED = (
    FIX
    + """\
- {name: verify, type: verify, finding: "{{ steps.find.findings[0] }}"}
- {name: keep, type: git_commit, message: Supervise the delivery, condition: steps.verify.status == 'passed'}
"""
)
FOREVER = """\
- name: again
  type: while_loop
  condition: "1 == 1"
  max_rounds: 1000
  steps: [{name: find, type: search, pattern: spawn}]
"""


@pytest_lsp.fixture(scope="module", config=ClientServerConfig(SERVER, client_factory=make_editor))
async def editor(lsp_client: Editor) -> AsyncIterator[None]:
    await lsp_client.connect(abilities("visual_studio_code"))
    yield
    await lsp_client.leave()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("work") / "shop", TESTED)


@pytest_asyncio.fixture(loop_scope="module")
async def shop(editor: Editor, folder: Path) -> AsyncIterator[Editor]:
    editor.open_folder(folder)
    before = files(folder)
    yield editor
    editor.close_everything()
    assert files(folder) == before


async def test_a_built_in_pipeline_answers(shop: Editor) -> None:
    asked = {"pipeline": "atomic/find_anti_pattern", "variables": {"rule": "OTP101"}}
    answer = await shop.command("otpGenesis.runPipeline", asked)
    assert answer["status"] == "done", answer["reason"]
    [place] = answer["outputs"]["places"]
    assert (place["path"], place["line"]) == (MAILER, 3)
    assert f"{MAILER}:3: " in shop.text_of(answer["document"])
    assert "find_anti_pattern is done" in shop.messages[-1].message
    assert shop.questions == [], "nothing of it runs mix"


async def test_what_passed_its_gates_is_applied_in_the_editor(shop: Editor, tmp_path: Path) -> None:
    shop.answers = ONCE
    shop.open(MAILER)
    file = pipeline(tmp_path, PROVED)
    answer = await shop.command("otpGenesis.runPipeline", {"pipeline": file.as_uri()})
    assert (answer["status"], answer["reason"], answer["failed"]) == ("done", "", [])
    assert "Task.Supervisor" in shop.texts[(shop.folder / MAILER).as_uri()]
    assert len(shop.questions) == 1
    [(begin, *reports, end)] = shop.bars("OTP-Genesis: running test").values()
    assert begin.cancellable
    assert any("verify: compile" in report.message for report in reports)
    assert end.kind == "end"


async def test_what_is_not_open_is_written(shop: Editor, folder: Path, tmp_path: Path) -> None:
    shop.answers = ONCE
    file, before = pipeline(tmp_path, PROVED), (folder / MAILER).read_text()
    answer = await shop.command("otpGenesis.runPipeline", {"pipeline": file.as_uri()})
    assert (answer["status"], answer["reason"], answer["failed"]) == ("done", "", [])
    assert "Task.Supervisor" in (folder / MAILER).read_text()
    assert shop.texts == {}
    write_shop(folder, {**TESTED, MAILER: before})


async def test_what_is_not_proved_is_only_shown(shop: Editor, tmp_path: Path) -> None:
    shop.answers = NO
    uri = shop.open(MAILER)
    before = shop.texts[uri]
    for steps in (FIX, PROVED):
        file = pipeline(tmp_path, steps)
        answer = await shop.command("otpGenesis.runPipeline", {"pipeline": file.as_uri()})
        assert answer["status"] == "done", answer["reason"]
        assert shop.texts[uri] == before
        assert answer["document"].endswith(".diff")


async def test_mistakes_are_said(shop: Editor, tmp_path: Path) -> None:
    file = pipeline(tmp_path, "- {name: find, type: serch, pattern: spawn}\n")
    for named, said in (
        (file.as_uri(), r"p\.yaml:4:26: there is no step type 'serch'"),
        ("mastr", "no pipeline"),
    ):
        with pytest.raises(JsonRpcException, match=said):
            await shop.command("otpGenesis.runPipeline", {"pipeline": named})


async def test_cancelled_in_the_bar(shop: Editor, tmp_path: Path) -> None:
    file = pipeline(tmp_path, FOREVER)
    request = shop.protocol.send_request("otpGenesis/runPipeline", {"pipeline": file.as_uri()}, msg_id="run")
    bar = "OTP-Genesis: running test"
    await shop.until(lambda: shop.bar(bar) is not None, seconds=BEFORE_MIX_RUNS_SECONDS)
    token = shop.bar(bar)
    assert token is not None
    shop.cancel_bar(token)
    with pytest.raises(JsonRpcException) as failure:
        await asyncio.wrap_future(request)
    assert failure.value.code == lsp.LSPErrorCodes.RequestCancelled.value
    with closing(Journal()) as journal:
        assert journal.runs()[0].status == "cancelled"
