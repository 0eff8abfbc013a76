"""OTP101 where a rewrite would break something: the reason says what, where, and what to do."""

from __future__ import annotations

import pytest

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.fixes import fix
from tests.fixes.fixing import (
    WITH_SUPERVISOR,
    check_refused,
    files_of,
    in_function,
    project_of,
    start_findings,
)

# Statements in which the new value would not do, and what the reason says.
REFUSED_STATEMENTS: dict[str, tuple[str, str]] = {
    "a capture that is handed on": (
        "Enum.each(user.jobs, &spawn/1)",
        "`&spawn/1` is handed on as a function",
    ),
    "through apply": ("apply(Kernel, :spawn, [user.job])", "is made through `apply`"),
    "with a monitor": ("spawn_monitor(fn -> mail(user) end)", "`Task.Supervisor.async_nolink/2`"),
    "with options": ("Process.spawn(fn -> mail(user) end, [:link])", "the options of `Process.spawn`"),
    "with Erlang's options": (
        ":erlang.spawn_opt(fn -> mail(user) end, [])",
        "the options of `:erlang.spawn_opt`",
    ),
    "on another node": ("Node.spawn(user.node, fn -> mail(user) end)", "starts the process on another node"),
    "an argument": ("Process.link(spawn(fn -> mail(user) end))", "the pid is the argument of another call"),
    "piped on": ("spawn(fn -> mail(user) end) |> Process.link()", "the pid is piped on"),
    "stored": ("save(%{pid: spawn(fn -> mail(user) end)})", "the pid is kept in a list, tuple or map"),
    "a condition": ("if spawn(fn -> mail(user) end), do: 1", "the pid is a condition"),
    "looked at": (
        "case spawn(fn -> mail(user) end) do\n  pid -> pid\nend",
        "is what a `case` or `with` looks at",
    ),
    "bound by a pattern": ("%{pid: pid} = %{pid: spawn(fn -> mail(user) end)}\nlog(pid)", "is kept in a"),
    "bound through a conditional": (
        "pid = if user, do: spawn(fn -> mail(user) end)\nlog(pid)",
        "is bound through a conditional",
    ),
    "pinned": ("^user = spawn(fn -> mail(user) end)", "bind it to a variable first"),
    "gathered": (
        "pids = Enum.map(user.friends, fn f -> spawn(fn -> mail(f) end) end)\nlog(pids)",
        "`Enum.map/2`",
    ),
    "gathered by for": (
        "pids = for f <- user.friends, do: spawn(fn -> mail(f) end)\nlog(pids)",
        "is kept in a list",
    ),
    "out of a pipe": ("user |> job() |> spawn()", "the function comes out of a pipe"),
    "a comment in the pipe": ("job = user.job\njob\n# now\n|> spawn()", "comment"),
}


@pytest.mark.parametrize("name", REFUSED_STATEMENTS)
def test_a_statement_that_is_refused(name: str) -> None:
    before, reason = REFUSED_STATEMENTS[name]
    check_refused(in_function(before), reason, "lib/example.ex:")


def test_what_a_supervisor_alone_would_not_cure() -> None:
    check_refused(
        in_function(
            """
            caller = self()
            spawn(fn -> send(caller, {:mail, deliver(user)}) end)

            receive do
              {:mail, mail} -> mail
            end
            """
        ),
        "a supervisor alone would not cure it at lib/example.ex:4",
    )


def test_a_file_that_has_changed() -> None:
    project = project_of(files_of(in_function("spawn(user)")), WITH_SUPERVISOR)
    finding = start_findings(project)[0]
    now = project_of(files_of(in_function("log(user)\nspawn(user)")), WITH_SUPERVISOR)
    assert fix(finding, now) == Refused("lib/example.ex has changed since it was checked: check it again")


def test_a_file_that_is_gone() -> None:
    project = project_of(files_of(in_function("spawn(user)")), WITH_SUPERVISOR)
    assert fix(start_findings(project)[0], project_of({})) == Refused(
        "lib/example.ex can't be read: No such file"
    )
