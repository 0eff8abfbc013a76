"""The main job in a real Emacs, with eglot as it is documented. Emacs has no `codeAction/resolve` there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
DEPOT = FOLDER.parents[1] / "vscode-extension" / "test" / "depot"


def test_finding_and_fix_in_two_files(tmp_path: Path) -> None:
    assert shutil.which("emacs"), "emacs is missing: Debian: apt-get install emacs-nox elpa-eglot"
    project = tmp_path / "depot"
    shutil.copytree(DEPOT, project)
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "OTP_GENESIS": str(Path(sys.executable).parent / "otp-genesis"),
        "PROJECT": str(project),
    }
    command = ["emacs", "-Q", "--batch", "-l", str(FOLDER / "eglot.el")]
    ended = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=200)
    assert ended.returncode == 0, ended.stderr
    started = (
        "    Task.Supervisor.start_child(Depot.TaskSupervisor, fn -> Depot.Labels.print(item, waiting) end)\n"
    )
    assert started in (project / "lib/depot/shelves.ex").read_text()
    child = "[{Task.Supervisor, name: Depot.TaskSupervisor}, Depot.Shelves]"
    assert child in (project / "lib/depot/application.ex").read_text()
