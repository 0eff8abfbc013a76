"""Which Task.Supervisor is used, and where none can be added."""

from __future__ import annotations

import pytest

from otp_genesis_refactorers.change import Change, Refused
from tests.fixes.fixing import files_of, fixed, project_of
from tests.fixes.task_supervisor import (
    MAILER,
    NEW,
    PATH,
    after_fix,
    application,
)

# -- one that is there ---------------------------------------------------------------------------

REUSED: dict[str, tuple[str, str]] = {
    "by name": ("[{Task.Supervisor, name: Shop.Jobs}]", "Shop.Jobs"),
    "under an atom": ("[{Task.Supervisor, name: :jobs}]", ":jobs"),
    "with a specification": (
        "[Supervisor.child_spec({Task.Supervisor, name: Shop.Jobs}, id: :jobs)]",
        "Shop.Jobs",
    ),
    "the nearest of several": (
        "[{Task.Supervisor, name: Other.Jobs}, {Task.Supervisor, name: Shop.Mailer.Jobs},"
        " {Task.Supervisor, name: Shop.Jobs}]",
        "Shop.Mailer.Jobs",
    ),
    "the unlimited one": (
        "[{Task.Supervisor, name: Shop.Mailer.Jobs, max_children: 3}, {Task.Supervisor, name: Shop.Jobs}]",
        "Shop.Jobs",
    ),
    "in a list that is built": ("base() ++ [{Task.Supervisor, name: Shop.Jobs}]", "Shop.Jobs"),
}
NOT_REUSED: dict[str, str] = {
    "one that is limited": "[{Task.Supervisor, name: Shop.Jobs, max_children: 3}]",
    "one without a name": "[Task.Supervisor]",
    "one whose name is computed": "[{Task.Supervisor, name: name()}]",
}


@pytest.mark.parametrize("case", REUSED)
def test_a_supervisor_that_is_there(case: str) -> None:
    children, name = REUSED[case]
    after = after_fix(application(f"children = {children}\nSupervisor.start_link(children, opts())"))
    assert PATH not in after
    assert f"Task.Supervisor.start_child({name}, user)" in after["lib/example.ex"].decode()


@pytest.mark.parametrize("case", NOT_REUSED)
def test_a_supervisor_that_will_not_do(case: str) -> None:
    start = f"children = {NOT_REUSED[case]}\nSupervisor.start_link(children, opts())"
    assert NEW in after_fix(application(start))[PATH].decode()


def test_one_further_down_the_tree() -> None:
    jobs = """
    # file: lib/shop/jobs.ex
    defmodule Shop.Jobs do
      use Supervisor
      def start_link(opts), do: Supervisor.start_link(__MODULE__, opts)
      def init(_), do: Supervisor.init([{Task.Supervisor, name: Shop.Jobs.Tasks}], strategy: :one_for_one)
    end
    """
    running = application("Supervisor.start_link([Shop.Jobs], opts())") | files_of(jobs)
    assert PATH not in after_fix(running)
    idle = application("Supervisor.start_link([Shop.Stock], opts())") | files_of(jobs)
    assert PATH in after_fix(idle)


def test_one_that_only_some_configurations_start() -> None:
    children = "if prod?(), do: [{Task.Supervisor, name: Shop.Jobs}], else: []"
    start = f"children = {children}\nSupervisor.start_link(children, [])"
    assert isinstance(fixed(project_of(MAILER | application(start))), Refused)


def test_a_name_that_is_taken() -> None:
    taken = files_of("# file: lib/t.ex\ndefmodule Shop.TaskSupervisor do\nend")
    after = after_fix(application("Supervisor.start_link([], opts())") | taken)
    assert b"{Task.Supervisor, name: Shop.BackgroundTaskSupervisor}" in after[PATH]


def test_one_that_starts_after_its_user_is_told() -> None:
    start = "Supervisor.start_link([Shop.Mailer, {Task.Supervisor, name: Shop.Jobs}], opts())"
    change = fixed(project_of(MAILER | application(start)))
    assert isinstance(change, Change)
    assert change.notes[-1].startswith("Shop.Jobs starts after Shop.Mailer, whose init/1 must not use it yet")


# -- what is left to a person --------------------------------------------------------------------

UNREADABLE: dict[str, tuple[str, int]] = {
    "children = build()\nSupervisor.start_link(children, opts())": (
        "its children are not one literal list",
        3,
    ),
    "Supervisor.start_link(build(), opts())": ("its children are not one literal list", 3),
    "children = [Shop.Repo]\nchildren = children ++ [Shop.Cart]\nSupervisor.start_link(children, opts())": (
        "its children are not one literal list",
        5,
    ),
    "children = if x(), do: [Shop.Cart], else: []\nSupervisor.start_link(children, [])": (
        "its children are not one literal list",
        3,
    ),
    "children = base() ++ [Shop.Cart]\nSupervisor.start_link(children, [])": (
        "its children are not one literal list",
        3,
    ),
    "children = [Shop.Cart | rest()]\nSupervisor.start_link(children, [])": (
        "its list of children has a tail",
        3,
    ),
    "[Shop.Cart] |> Supervisor.start_link(opts())": ("the children are piped to the supervisor", 3),
    "if x(), do: Supervisor.start_link([], []), else: Supervisor.start_link([A], [])": (
        "start/2 starts several supervisors",
        2,
    ),
    "Other.start()": ("start/2 starts no Supervisor itself", 2),
}


@pytest.mark.parametrize("start", UNREADABLE)
def test_a_tree_of_another_shape(start: str) -> None:
    reason, line = UNREADABLE[start]
    refusal = fixed(project_of(MAILER | application(start)))
    assert refusal == Refused(
        f"{reason}: add `{NEW}` to the children of Shop.Application ({PATH}:{line}), then run the fix again"
    )


def test_the_line_that_the_refusal_names_is_enough() -> None:
    start = f"children = base() ++ [{NEW}]\nSupervisor.start_link(children, [])"
    assert list(after_fix(application(start))) == ["lib/example.ex"]
