"""OTP103: a task whose result nobody takes is started without one."""

from __future__ import annotations

import pytest

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.fixes import fix
from tests.example_project import DEFAULT_APPLICATION
from tests.fixes.fixing import (
    check_fix,
    check_refused,
    files_of,
    in_function,
    project_of,
    start_findings,
)

STATEMENTS: dict[str, tuple[str, str]] = {
    "a function": (
        "Task.async(fn -> mail(user) end)",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail(user) end)",
    ),
    "module, function, arguments": (
        "Task.async(Shop.Mail, :send, [user])",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, Shop.Mail, :send, [user])",
    ),
    "thrown away": (
        "_ = Task.async(fn -> mail(user) end)",
        "_ = Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail(user) end)",
    ),
    "thrown away under a name": (
        "_task = Task.async(fn -> mail(user) end)",
        "_task = Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail(user) end)",
    ),
    "piped": (
        "fn -> mail(user) end |> Task.async()",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail(user) end)",
    ),
    "for each": (
        "Enum.each(user.friends, &Task.async(fn -> mail(&1) end))",
        "Enum.each(user.friends, &Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail(&1) end))",
    ),
}
# With a supervisor of its own the tree is left alone, even where the application has none.
SUPERVISED: dict[str, tuple[str, str]] = {
    "linked": (
        "Task.Supervisor.async(Shop.Jobs, fn -> mail(user) end)",
        "Task.Supervisor.start_child(Shop.Jobs, fn -> mail(user) end)",
    ),
    "not linked": (
        "Task.Supervisor.async_nolink(user.supervisor, Shop.Mail, :send, [user])",
        "Task.Supervisor.start_child(user.supervisor, Shop.Mail, :send, [user])",
    ),
    "piped": (
        "Shop.Jobs |> Task.Supervisor.async_nolink(fn -> mail(user) end)",
        "Shop.Jobs |> Task.Supervisor.start_child(fn -> mail(user) end)",
    ),
    "with options": (
        "Task.Supervisor.async_nolink(Shop.Jobs, fn -> mail(user) end, shutdown: 1_000)",
        "Task.Supervisor.start_child(Shop.Jobs, fn -> mail(user) end, shutdown: 1_000)",
    ),
    "without parentheses": (
        "Task.Supervisor.async Shop.Jobs, fn -> mail(user) end",
        "Task.Supervisor.start_child Shop.Jobs, fn -> mail(user) end",
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement(name: str) -> None:
    before, after = STATEMENTS[name]
    change = check_fix(in_function(before), in_function(after))
    assert change.notes[0] == "The task sends its caller no reply any more."


@pytest.mark.parametrize("name", SUPERVISED)
def test_under_its_own_supervisor(name: str) -> None:
    before, after = SUPERVISED[name]
    change = check_fix(in_function(before), in_function(after), application=DEFAULT_APPLICATION)
    assert any("no longer linked" in note for note in change.notes) == ("nolink" not in before)


def test_under_an_alias() -> None:
    text = """
    defmodule Shop.Mailer do
      alias Task.Supervisor, as: Jobs

      def run(job) do
        Jobs.{}(Shop.Jobs, job)
        :ok
      end
    end
    """
    check_fix(text.format("async_nolink"), text.format("start_child"))


def test_handed_on_by_a_private_function() -> None:
    text = """
    defmodule Shop.Mailer do
      def run(job) do
        start(job)
        :ok
      end

      defp start(job), do: {}job)
    end
    """
    check_fix(text.format("Task.async("), text.format("Task.Supervisor.start_child(Shop.TaskSupervisor, "))


@pytest.mark.parametrize("pattern", ["%Task{}", "%{pid: _}", "{_, _}"])
def test_a_task_that_is_matched(pattern: str) -> None:
    body = f"{pattern} = Task.async(fn -> mail(user) end)"
    check_refused(in_function(body), "the task is matched with a pattern at lib/example.ex:3")


@pytest.mark.parametrize(
    "body",
    [
        "task = Task.async(fn -> mail(user) end)\nTask.await(task)",
        "Task.await(Task.async(fn -> mail(user) end))",
        "save({Task.async(fn -> mail(user) end)})",
    ],
)
def test_a_task_that_is_used_is_not_even_found(body: str) -> None:
    found = start_findings(project_of(files_of(in_function(body))))
    assert [finding for finding in found if finding.code == "OTP103"] == []


def test_a_task_that_became_used() -> None:
    unused = project_of(files_of(in_function("Task.async(user)")))
    used = project_of(files_of(in_function("Task.async(user) |> Task.await()")))
    refusal = fix(start_findings(unused)[0], used)
    assert isinstance(refusal, Refused)
    assert "the task is piped on at lib/example.ex:3" in refusal.reason
