"""OTP101: what is rewritten, what is refused, and that nothing else changes."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers.findings import FixKind
from tests.example_project import DEFAULT_APPLICATION
from tests.fixes.fixing import (
    check_fix,
    in_function,
)

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
        "Enum.each(user.friends, &spawn(fn -> mail(&1) end))",
        "Enum.each(user.friends, &Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail(&1) end))",
    ),
    "at the end of a rescued block": (
        """
        try do
          deliver(user)
        rescue
          _ -> spawn(fn -> deliver(user) end)
        end
        """,
        """
        try do
          deliver(user)
        rescue
          _ -> Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)
        end
        """,
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement(name: str) -> None:
    before, after = STATEMENTS[name]
    check_fix(in_function(before), in_function(after))


def test_a_supervisor_is_added_where_there_is_none() -> None:
    change = check_fix(
        """
        defmodule Shop.Mailer do
          def notify(user) do
            spawn(fn -> deliver(user) end)
            :ok
          end
        end
        """,
        """
        # file: lib/example.ex
        defmodule Shop.Mailer do
          def notify(user) do
            Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)
            :ok
          end
        end
        # file: lib/shop/application.ex
        defmodule Shop.Application do
          use Application

          @impl true
          def start(_type, _args) do
            children = [{Task.Supervisor, name: Shop.TaskSupervisor}]

            Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
          end
        end
        """,
        application=DEFAULT_APPLICATION,
    )
    assert change.title == "Start the task under Shop.TaskSupervisor"
    assert change.kind is FixKind.UNSAFE
    assert "`start_supervised!({Task.Supervisor, name: Shop.TaskSupervisor})`" in change.notes[-1]


def test_the_call_and_the_children_in_one_file() -> None:
    check_fix(
        """
        # file: lib/shop/application.ex
        defmodule Shop.Application do
          def start(_type, _args), do: Supervisor.start_link([Shop.Mailer], strategy: :one_for_one)

          def config_change(changed, _new, _removed) do
            spawn(fn -> Shop.Mailer.reload(changed) end)
            :ok
          end
        end
        """,
        """
        # file: lib/shop/application.ex
        defmodule Shop.Application do
          def start(_type, _args),
            do:
              Supervisor.start_link([Shop.Mailer, {Task.Supervisor, name: Shop.TaskSupervisor}],
                strategy: :one_for_one
              )

          def config_change(changed, _new, _removed) do
            Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Mailer.reload(changed) end)
            :ok
          end
        end
        """,
    )


def test_a_lost_link_is_told() -> None:
    change = check_fix(
        in_function("spawn_link(fn -> deliver(user) end)"),
        in_function("Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)"),
    )
    assert "no longer linked" in change.notes[0]


def test_in_a_nested_module() -> None:
    check_fix(
        """
        defmodule Shop.Mailer do
          defmodule Queue do
            def push(mail) do
              spawn(fn -> send_out(mail) end)
              mail
            end
          end
        end
        """,
        """
        defmodule Shop.Mailer do
          defmodule Queue do
            def push(mail) do
              Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> send_out(mail) end)
              mail
            end
          end
        end
        """,
    )


# An alias that stands before the function, and how the call is then written.
ALIASES = {
    "alias Shop.Task": "Elixir.Task.Supervisor.start_child(Shop.TaskSupervisor, job)",
    "alias Shop.{Cart, Task}": "Elixir.Task.Supervisor.start_child(Shop.TaskSupervisor, job)",
    "alias Shop.Work, as: Task": "Elixir.Task.Supervisor.start_child(Shop.TaskSupervisor, job)",
    "alias Other.Shop": "Task.Supervisor.start_child(Elixir.Shop.TaskSupervisor, job)",
    "alias Task.Supervisor": "Task.Supervisor.start_child(Shop.TaskSupervisor, job)",
    "alias Shop.Tasks": "Task.Supervisor.start_child(Shop.TaskSupervisor, job)",
}


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_that_takes_the_name(alias: str) -> None:
    text = "defmodule Shop.Mailer do\n  {}\n\n  def run(job) do\n    {}\n    :ok\n  end\nend"
    check_fix(text.format(alias, "spawn(job)"), text.format(alias, ALIASES[alias]))


def test_an_alias_elsewhere_changes_nothing() -> None:
    check_fix(
        """
        defmodule Shop.Cart do
          alias Shop.Task
          def run, do: Task.run()
        end

        defmodule Shop.Mailer do
          def run(job) do
            spawn(job)
            alias Shop.Task
            Task.run()
          end
        end
        """,
        """
        defmodule Shop.Cart do
          alias Shop.Task
          def run, do: Task.run()
        end

        defmodule Shop.Mailer do
          def run(job) do
            Task.Supervisor.start_child(Shop.TaskSupervisor, job)
            alias Shop.Task
            Task.run()
          end
        end
        """,
    )
