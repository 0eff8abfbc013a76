"""OTP104: a task that is awaited is started under the application's supervisor, still linked."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.fixes import fix
from tests.fixes.fixing import (
    STRICT,
    WITH_SUPERVISOR,
    changed_files,
    files_of,
    in_function,
    project_of,
)

APPLIED = {
    "a function": (
        "task = Task.async(fn -> mail(user) end)\nTask.await(task)",
        "task = Task.Supervisor.async(Shop.TaskSupervisor, fn -> mail(user) end)\nTask.await(task)",
    ),
    "module, function, arguments": (
        "Task.async(Shop.Mail, :send, [user]) |> Task.await()",
        "Task.Supervisor.async(Shop.TaskSupervisor, Shop.Mail, :send, [user]) |> Task.await()",
    ),
    "piped": (
        "fn -> mail(user) end |> Task.async() |> Task.await()",
        "Task.Supervisor.async(Shop.TaskSupervisor, fn -> mail(user) end) |> Task.await()",
    ),
    "a stream": (
        "Stream.run(Task.async_stream(user, &mail/1))",
        "Stream.run(Task.Supervisor.async_stream(Shop.TaskSupervisor, user, &mail/1))",
    ),
    "a piped stream": (
        "user\n|> Task.async_stream(&mail/1, timeout: 9)\n|> Stream.run()",
        "Task.Supervisor.async_stream(Shop.TaskSupervisor, user, &mail/1, timeout: 9)\n|> Stream.run()",
    ),
    "a piped stream with a line for each argument": (
        "user\n|> Task.async_stream(\n  &mail/1,\n  timeout: 9\n)\n|> Stream.run()",
        "Task.Supervisor.async_stream(\n  Shop.TaskSupervisor,\n  user,\n  &mail/1,\n  timeout: 9\n)"
        "\n|> Stream.run()",
    ),
}
REFUSED = {
    "a stream behind a pipe": (
        "user |> friends() |> Task.async_stream(&mail/1) |> Stream.run()",
        "bind it to a variable first",
    ),
    "named, not called": (
        "Enum.map(user, &Task.async/1) |> Task.await_many()",
        "is handed on as a function at lib/example.ex:3",
    ),
    "a comment in the pipe": (
        "user\n# of mails\n|> Task.async_stream(&mail/1)\n|> Stream.run()",
        "a comment stands in the pipe",
    ),
}
LIBRARY = "defmodule Shop.MixProject do\n  use Mix.Project\n  def project, do: [app: :shop]\nend\n"


@pytest.mark.parametrize("name", APPLIED)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_applied(name: str, newline: str) -> None:
    before, after = (in_function(body).replace("\n", newline) for body in APPLIED[name])
    project = project_of({"lib/example.ex": before.encode()}, WITH_SUPERVISOR)
    change = fix(found(project), project)
    assert isinstance(change, Change), change
    assert changed_files(change, project) == {"lib/example.ex": after.encode()}
    assert "no longer linked" not in " ".join(change.notes)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    body, reason = REFUSED[name]
    project = project_of(files_of(in_function(body)), WITH_SUPERVISOR)
    refusal = fix(found(project), project)
    assert isinstance(refusal, Refused), refusal
    assert reason in refusal.reason


def test_a_library() -> None:
    text = in_function(APPLIED["a function"][0])
    project = project_of({"mix.exs": LIBRARY.encode(), "lib/example.ex": text.encode()})
    refusal = fix(found(project), project)
    assert isinstance(refusal, Refused)
    assert "`:task_supervisor` option" in refusal.reason


def test_a_call_that_changed_meanwhile() -> None:
    old, new = (project_of(files_of(in_function(text))) for text in (APPLIED["a function"][0], "save(user)"))
    refusal = fix(found(old), new)
    assert isinstance(refusal, Refused)
    assert "check it again" in refusal.reason


def found(project: Project) -> Finding:
    return next(finding for finding in engine.check(project, STRICT) if finding.code == "OTP104")
