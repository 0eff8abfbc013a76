from __future__ import annotations

import pytest

from tests.refactorers.fixing import WITH_SUPERVISOR, check_fix, check_refused, in_function

# Statements of a function, before and after.
STATEMENTS: dict[str, tuple[str, str]] = {
    "a function": (
        "spawn(fn -> deliver(user) end)",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)",
    ),
    "module, function, arguments": (
        "spawn(Shop.Mail, :deliver, [user])",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, Shop.Mail, :deliver, [user])",
    ),
    "a capture": (
        "spawn(&deliver/0)",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, &deliver/0)",
    ),
    "a variable": (
        "spawn(user.job)",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, user.job)",
    ),
    "without parentheses": (
        "spawn fn -> deliver(user) end",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)",
    ),
    "without parentheses, many lines": (
        """
        spawn fn ->
          deliver(user)
        end
        """,
        """
        Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
          deliver(user)
        end)
        """,
    ),
    "without parentheses, module, function, arguments": (
        "spawn Shop.Mail, :deliver, [user]",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, Shop.Mail, :deliver, [user])",
    ),
    "with Kernel": (
        "Kernel.spawn(fn -> deliver(user) end)",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)",
    ),
    "Erlang's": (
        ":erlang.spawn(fn -> deliver(user) end)",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)",
    ),
    "linked": (
        "spawn_link(fn -> deliver(user) end)",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)",
    ),
    "a comment in the function": (
        """
        spawn(fn ->
          # at last
          deliver(user)
        end)
        """,
        """
        Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
          # at last
          deliver(user)
        end)
        """,
    ),
    "a comment before the argument": (
        """
        spawn(
          # at last
          fn -> deliver(user) end
        )
        """,
        """
        Task.Supervisor.start_child(
          Shop.TaskSupervisor,
          # at last
          fn -> deliver(user) end
        )
        """,
    ),
    "a comment behind": (
        "spawn(fn -> deliver(user) end) # at last",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end) # at last",
    ),
    "a heredoc": (
        '''
        spawn(fn ->
          deliver(user, """
          Dear #{user.name},
            spawn(fn -> :ok end)
          """)
        end)
        ''',
        '''
        Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
          deliver(user, """
          Dear #{user.name},
            spawn(fn -> :ok end)
          """)
        end)
        ''',
    ),
    "thrown away": (
        "_ = spawn(fn -> deliver(user) end)",
        "_ = Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)",
    ),
    "thrown away under a name": (
        "_pid = spawn(fn -> deliver(user) end)",
        "_pid = Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)",
    ),
    "bound": (
        """
        pid = spawn(fn -> deliver(user) end)
        send(pid, :go)
        """,
        """
        {:ok, pid} = Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)
        send(pid, :go)
        """,
    ),
    "bound on the next line": (
        """
        pid =
          spawn(fn ->
            deliver(user)
          end)

        send(pid, :go)
        """,
        """
        {:ok, pid} =
          Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
            deliver(user)
          end)

        send(pid, :go)
        """,
    ),
    "a piped function": (
        "fn -> deliver(user) end |> spawn()",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)",
    ),
    "a piped function of many lines": (
        """
        fn ->
          deliver(user)
        end
        |> spawn()
        """,
        """
        Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
          deliver(user)
        end)
        """,
    ),
    "a piped capture": (
        "(&deliver/0) |> spawn",
        "(&deliver/0) |> spawn",
    ),
    "a piped variable": (
        """
        job = fn -> deliver(user) end
        job |> spawn
        """,
        """
        job = fn -> deliver(user) end
        Task.Supervisor.start_child(Shop.TaskSupervisor, job)
        """,
    ),
    "a piped module": (
        "Shop.Mail |> spawn(:deliver, [user])",
        "Task.Supervisor.start_child(Shop.TaskSupervisor, Shop.Mail, :deliver, [user])",
    ),
    "in a conditional": (
        "if user, do: spawn(fn -> deliver(user) end)",
        "if user, do: Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)",
    ),
    "in a comprehension": (
        """
        for friend <- user.friends do
          spawn(fn -> deliver(friend) end)
        end
        """,
        """
        for friend <- user.friends do
          Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(friend) end)
        end
        """,
    ),
    "in Enum.each": (
        "Enum.each(user.friends, &spawn(fn -> deliver(&1) end))",
        "Enum.each(user.friends, &Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(&1) end))",
    ),
}
del STATEMENTS["a piped capture"]


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement(name: str) -> None:
    before, after = STATEMENTS[name]
    check_fix(f"# file: lib/shop/mailer.ex\n{in_function(before)}", f"# file: lib/shop/mailer.ex\n{in_function(after)}")


def test_a_one_line_function() -> None:
    check_fix(
        """
        defmodule Shop.Mailer do
          def notify(user), do: spawn(fn -> deliver(user) end)
        end
        """,
        """
        defmodule Shop.Mailer do
          def notify(user),
            do: Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)
        end
        """,
    )
