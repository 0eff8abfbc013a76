"""Running pipelines in tests: text in, report out; and in a child process that dies where it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from otp_genesis_analyzers import engine
from otp_genesis_refactorers.pipelines.journal import Journal
from otp_genesis_refactorers.pipelines.outcome import Outcome
from otp_genesis_refactorers.pipelines.problems import BadPipeline
from otp_genesis_refactorers.pipelines.progress import Progress
from otp_genesis_refactorers.pipelines.running import Report, Wish, prepare, run
from otp_genesis_refactorers.plan.documents import write_plan
from otp_genesis_refactorers.plan.model import FOLDER

MIX = """\
defmodule Shop.MixProject do
  use Mix.Project

  def project, do: [app: :shop, version: "0.1.0", elixir: "~> 1.14"]
  def application, do: [extra_applications: [:logger], mod: {Shop.Application, []}]
end
"""
APPLICATION = """\
defmodule Shop.Application do
  use Application

  def start(_type, _args) do
    Supervisor.start_link([], strategy: :one_for_one, name: Shop.Supervisor)
  end
end
"""
MAILER = """\
defmodule Shop.Mailer do
  def welcome(user) do
    spawn(fn -> send(user, :welcome) end)
    :ok
  end
end
"""
MAILER_TEST = """\
defmodule Shop.MailerTest do
  use ExUnit.Case

  test "a user is welcomed" do
    assert Shop.Mailer.welcome(self()) == :ok
    assert_receive :welcome
  end
end
"""
SHOP = {
    "mix.exs": MIX,
    "lib/shop/application.ex": APPLICATION,
    "lib/shop/mailer.ex": MAILER,
    "test/test_helper.exs": "ExUnit.start()\n",
    "test/shop/mailer_test.exs": MAILER_TEST,
    ".gitignore": "/_build\n",
}


def write(root: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    command = ["git", "-C", str(root), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def committed(root: Path, files: Mapping[str, str] = SHOP) -> Path:
    """A git repository with one commit."""
    write(root, files)
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "Ann")
    git(root, "config", "user.email", "ann@example.com")
    git(root, "add", ".")
    git(root, "commit", "-qm", "Begin")
    return root


def planned(root: Path) -> None:
    """Write the plan of a project."""
    project = engine.load(root).project
    write_plan(project, engine.check(project, project.config), root, "")


def items(root: Path) -> list[str]:
    """The lines of the items of its plan."""
    documents = sorted((root / FOLDER).glob("0*.md"))
    return [line for each in documents for line in each.read_text().splitlines() if "<!-- step " in line]


def pipeline(root: Path, steps: str, *, name: str = "p.yaml", top: str = "") -> Path:
    """A pipeline of these steps; `top` is what else stands below `workflow`."""
    text = "workflow:\n  name: test\n"
    text += indent(dedent(top), "  ")
    text += "  steps:\n" + indent(dedent(steps), "    ")
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def wish(file: Path | str, root: Path, **more: Any) -> Wish:
    return replace(Wish(str(file), root, root.resolve()), **more)


def perform(
    file: Path | str,
    root: Path,
    *,
    journal: Journal | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    notes: list[str] | None = None,
    **more: Any,
) -> Report:
    """Run a pipeline in this process."""
    asked = wish(file, root, **more)
    with closing(journal or Journal()) as kept:
        ready = prepare(asked, kept)
        said = notes if notes is not None else []
        return asyncio.run(run(asked, ready, kept, on_progress=on_progress, on_note=said.append))


def problems(file: Path, root: Path, **more: Any) -> list[str]:
    """What is said of a pipeline that can't be run."""
    with closing(Journal()) as journal:
        try:
            prepare(wish(file, root, **more), journal)
        except BadPipeline as error:
            return str(error).splitlines()
    return []


class Dying(Journal):
    """Its process is killed when the step has done what it does, before that is written down."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self._step = step

    def step_ended(
        self, run: str, path: str, attempt: int, outcome: Outcome, state: str, *, broken: bool
    ) -> None:
        if path == self._step:
            os.kill(os.getpid(), signal.SIGKILL)
        super().step_ended(run, path, attempt, outcome, state, broken=broken)


def killed_at(step: str, file: Path | str, root: Path, **more: Any) -> None:
    """Run a pipeline in a child process until that kills itself at the end of a step."""
    child = os.fork()
    if not child:
        try:
            report = perform(file, root, journal=Dying(step), **more)
            os.write(2, f"ended before {step}: {report.reason}\n".encode())
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"it was not killed at {step}"
