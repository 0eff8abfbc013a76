"""What goes wrong while a change is proved: it is not called verified, nothing of the user is changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_refactorers.proof.evidence import Evidence
from otp_genesis_refactorers.proof.verification import Request, verify
from tests.mix.processes import awaited, processes_with
from tests.mix.projects import MODULE, TEST, state_of, write_till
from tests.patches.corpus import projects, request_for

OTP_GENESIS = str(Path(sys.executable).with_name("otp-genesis"))
CHANGED = MODULE.replace("Enum.sum(prices)", "Enum.reduce(prices, 0, &+/2)")
SLOW_TEST = TEST.replace("    assert", '    System.cmd("sleep", ["{}"])\n    assert')

pytestmark = pytest.mark.usefixtures("own_folders")


def request(root: Path) -> Request:
    project = engine.load(root).project
    return Request(
        root, project, project.config, {"lib/till.ex": CHANGED.encode()}, trusted_for_this_run=True
    )


def status(evidence: Evidence, gate: str) -> str:
    return next(record.status for record in evidence.gates if record.name == gate)


def test_a_project_that_is_deleted_meanwhile(tmp_path: Path) -> None:
    parcel = next(project for project in projects() if project.name == "parcel")
    root = parcel.write(tmp_path)
    case = next(case for case in parcel.cases if case.name == "supervised")
    asked = request_for(case, root, engine.load(root).project)
    assert isinstance(asked, Request)

    def delete(gate: str) -> None:
        if gate == "compile":
            shutil.rmtree(root)

    evidence = verify(asked, on_gate=delete)
    assert evidence.verdict == "not_verified"
    assert "is gone" in evidence.reason
    assert status(evidence, "finding_gone") == "pass"


def test_cancelled_in_the_middle(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till", {"test/till_test.exs": SLOW_TEST.format("4714.1")})
    before = state_of(root)
    cancel = threading.Event()

    def wait_and_cancel() -> None:
        assert awaited(lambda: processes_with("4714.1"))
        cancel.set()

    waiting = threading.Thread(target=wait_and_cancel)
    waiting.start()
    evidence = verify(request(root), cancel=cancel)
    waiting.join()
    assert (evidence.verdict, status(evidence, "none_new")) == ("not_verified", "pass")
    assert "cancelled" in evidence.reason
    assert awaited(lambda: not processes_with("4714.1"))
    assert state_of(root) == before


def test_two_processes_verify_the_same_project(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    before = state_of(root)
    command = [OTP_GENESIS, "verify", str(root), "--trust", "--format", "json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    answers = [json.loads(process.communicate()[0]) for process in both]
    assert [answer["verdict"] for answer in answers] == ["verified", "verified"]
    assert state_of(root) == before


def test_a_full_disk(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    small = tmp_path / "small"
    small.mkdir()
    disk = ["bwrap", "--dev-bind", "/", "/", "--size", "4194304", "--tmpfs", str(small), "--"]
    done = subprocess.run(
        [*disk, OTP_GENESIS, "verify", str(root), "--trust"],
        env={**os.environ, **{f"XDG_{kind}_HOME": str(small) for kind in ("CACHE", "DATA")}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Not verified: the disk that holds " in done.stdout
    assert "Traceback" not in done.stderr
