"""OTP102: the value keeps its shape, so any use of it is fine."""

from __future__ import annotations

import pytest

from tests.fixes.fixing import check_fix, check_refused, in_function

STATEMENTS: dict[str, tuple[str, str]] = {
    "a function": (
        "Task.start(fn -> mail(user) end)",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail(user) end)",
    ),
    "module, function, arguments": (
        "Task.start(Shop.Mail, :send, [user])",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, Shop.Mail, :send, [user])",
    ),
    "without parentheses": (
        "Task.start fn -> mail(user) end",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail(user) end)",
    ),
    "linked": (
        "Task.start_link(fn -> mail(user) end)",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail(user) end)",
    ),
    "piped": (
        "fn -> mail(user) end |> Task.start()",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail(user) end)",
    ),
    "matched": (
        "{:ok, pid} = Task.start(fn -> mail(user) end)\nsend(pid, :go)",
        "{:ok, pid} = Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail(user) end)\nsend(pid, :go)",
    ),
    "looked at": (
        "case Task.start(fn -> mail(user) end) do\n  {:ok, pid} -> send(pid, :go)\nend",
        "case Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail(user) end) do\n"
        "  {:ok, pid} -> send(pid, :go)\nend",
    ),
    "stored": (
        "save(%{task: Task.start(fn -> mail(user) end)})",
        "save(%{task: Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail(user) end)})",
    ),
}
REFUSED_STATEMENTS: dict[str, tuple[str, str]] = {
    "named": ("Enum.each(user.jobs, &Task.start/1)", "`&Task.start/1` is handed on as a function"),
    "out of a pipe": ("user |> job() |> Task.start()", "the function comes out of a pipe"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement(name: str) -> None:
    before, after = STATEMENTS[name]
    change = check_fix(in_function(before), in_function(after))
    assert any("no longer linked" in note for note in change.notes) == (name == "linked")


@pytest.mark.parametrize("name", REFUSED_STATEMENTS)
def test_a_statement_that_is_refused(name: str) -> None:
    before, reason = REFUSED_STATEMENTS[name]
    check_refused(in_function(before), reason, "lib/example.ex:")


def test_returned_to_a_caller_who_uses_it() -> None:
    text = """
    defmodule Shop.Mailer do
      def notify(user), do: {}fn -> mail(user) end)

      def run(user) do
        {{:ok, pid}} = notify(user)
        pid
      end
    end
    """
    check_fix(text.format("Task.start("), text.format("Task.Supervisor.start_child(Shop.TaskSupervisor, "))


def test_under_an_alias() -> None:
    check_fix(
        """
        defmodule Shop.Mailer do
          alias Task, as: T

          def run(job) do
            T.start(job)
            :ok
          end
        end
        """,
        """
        defmodule Shop.Mailer do
          alias Task, as: T

          def run(job) do
            T.Supervisor.start_child(Shop.TaskSupervisor, job)
            :ok
          end
        end
        """,
    )
