"""Child lists, from every form in which code gives children to a supervisor."""

from __future__ import annotations

from inspect import cleandoc

import pytest

from otp_genesis_analyzers.facts.model import ChildList
from tests.analyzers.reading import module_in


def lists_in(functions: str) -> list[ChildList]:
    return list(module_in("defmodule Shop.Application do\n" + cleandoc(functions) + "\nend").child_lists)


def started(body: str, more: str = "") -> ChildList:
    (found,) = lists_in("def start(_, _) do\n" + cleandoc(body) + "\nend\n" + cleandoc(more))
    return found


SHAPES = {
    "variable": (
        "children = [A, {B, 1}]\nSupervisor.start_link(children, strategy: :one_for_one)",
        ["A", "B"],
        True,
    ),
    "literal": ("Supervisor.start_link([A, B], strategy: :one_for_one)", ["A", "B"], True),
    "piped": ("[A, B] |> Supervisor.start_link(strategy: :one_for_one)", ["A", "B"], True),
    "init": ("Supervisor.init([A], strategy: :one_for_all)", ["A"], True),
    "concatenation": ("Supervisor.init([A] ++ [B], strategy: :one_for_one)", ["A", "B"], True),
    "unknown rest": ("Supervisor.init([A] ++ Shop.Extra.list(), strategy: :one_for_one)", ["A"], False),
    "rebound": ("c = [A]\nc = c ++ [B]\nSupervisor.init(c, [])", ["A", "B"], True),
    "head and tail": ("rest = [B]\nSupervisor.init([A | rest], [])", ["A", "B"], True),
    "if": ("Supervisor.init(if(x(), do: [A], else: [B]), [])", ["A", "B"], True),
    "conditional rest": ("Supervisor.init([A] ++ if(x(), do: [B], else: []), [])", ["A", "B"], True),
    "case": (
        "c =\n  case x() do\n    1 -> [A]\n    _ -> [B]\n  end\nSupervisor.init(c, [])",
        ["A", "B"],
        True,
    ),
    "conditional child": (
        "Supervisor.init([A, if(x(), do: B)] |> Enum.reject(&is_nil/1), [])",
        ["A", "B"],
        True,
    ),
    "mapped": ("Supervisor.init(Enum.map(names(), &{A, &1}), [])", ["A"], False),
    "mapped by a fn": ("Supervisor.init(Enum.map([X, Y], fn n -> {A, n} end), [])", ["A"], False),
    "specifications mapped": (
        "[A, B] |> Enum.map(&Supervisor.child_spec(&1, restart: :temporary)) |> Supervisor.init([])",
        ["A", "B"],
        False,
    ),
    "the same in every branch": (
        "c = [A]\nc = if x(), do: c ++ [B], else: c\nSupervisor.init(c, [])",
        ["A", "B"],
        True,
    ),
    "flattened": ("Supervisor.init(List.flatten([A]), [])", ["A"], True),
    "child_spec": (
        "Supervisor.init([Supervisor.child_spec({A, 1}, id: :a), B.child_spec([])], [])",
        ["A", "B"],
        True,
    ),
    "map": ("Supervisor.init([%{id: :a, start: {A, :start_link, [1]}}], [])", ["A"], True),
    "map of an Erlang module": (
        "Supervisor.init([%{id: :a, start: {:pg, :start_link, [:a]}}], [])",
        [":pg"],
        True,
    ),
    "unknown child": ("Supervisor.init([A, spec], [])", ["A"], False),
    "unknown list": ("Supervisor.start_link(children(), [])", [], False),
    "old worker": ("import Supervisor.Spec\nsupervise([worker(A, [])], strategy: :one_for_one)", ["A"], True),
    "start_child": ("DynamicSupervisor.start_child(Shop.Sup, {A, 1})", ["A"], True),
    "start_child with a variable": ("s = {A, 1}\nDynamicSupervisor.start_child(Shop.Sup, s)", ["A"], True),
    "for": ("Supervisor.init(for(i <- 1..3, do: {A, i}), [])", ["A"], False),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str) -> None:
    body, modules, complete = SHAPES[name]
    found = started(body)
    assert ([child.module for child in found.children], found.complete) == (modules, complete)


def test_a_local_function_is_followed_through_all_its_clauses() -> None:
    found = started(
        "Supervisor.start_link(children(:prod), [])",
        "defp children(:test), do: []\ndefp children(_), do: [A | more()]\ndefp more, do: [B]",
    )
    assert [(child.module, child.conditional) for child in found.children] == [("A", True), ("B", True)]
    assert found.complete


def test_names_options_and_strategy() -> None:
    found = started(
        """
        children = [
          {Task.Supervisor, name: Shop.TaskSupervisor},
          {Registry, keys: :unique, name: Shop.Names},
          {Shop.Cache, [name: :cache]},
          %{id: :w, start: {Shop.Worker, :start_link, []}, restart: :temporary}
        ]

        opts = [strategy: :rest_for_one, name: Shop.Supervisor]
        Supervisor.start_link(children, opts)
        """
    )
    assert [child.name for child in found.children] == ["Shop.TaskSupervisor", "Shop.Names", ":cache", ""]
    assert (found.children[3].start, found.children[3].restart) == ("Shop.Worker.start_link/0", "temporary")
    assert (found.strategy, found.supervisor) == ("rest_for_one", "Shop.Supervisor")


ALTERNATIVES = {
    "if with else": ("if(x(), do: [A, B], else: [B, C])", {"B"}),
    "if without else": ("[A] ++ if(x(), do: [B])", {"A"}),
    "case": ("case x() do\n1 -> [A, B]\n_ -> [{B, 1}]\nend", {"B"}),
    "conditional in one branch": ("if(x(), do: [A], else: [if(y(), do: A)])", set()),
    "other names": ("if(x(), do: [{A, name: B}], else: [{A, name: C}])", set()),
    "without nil": ("Enum.reject([A, if(x(), do: B)], &is_nil/1)", {"A"}),
    "without what is false": ("[A, x() && B] |> Enum.filter(& &1)", {"A"}),
    "filtered": ("Enum.filter([A, B], &on?/1)", set()),
}


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_a_child_of_every_alternative_is_always_started(name: str) -> None:
    listed, always = ALTERNATIVES[name]
    found = started(f"children = {listed}\nSupervisor.start_link(children, strategy: :one_for_one)")
    assert {child.module for child in found.children if not child.conditional} == always


def test_a_name_behind_a_partition_supervisor() -> None:
    found = started("DynamicSupervisor.start_child({:via, PartitionSupervisor, {Shop.Sups, self()}}, A)")
    assert found.supervisor == "Shop.Sups"


def test_a_restart_that_is_known_at_run_time_only() -> None:
    found = started("Supervisor.init([Supervisor.child_spec(A, restart: mode())], [])")
    assert found.children[0].restart == "?"


def test_functions_of_other_modules_are_named() -> None:
    found = started("Supervisor.start_link([A] ++ Shop.Extra.children(1), strategy: :one_for_one)")
    assert found.includes == ("Shop.Extra.children/1",)


def test_starting_a_supervisor_module_is_no_child_list() -> None:
    assert lists_in("def start_link(x), do: Supervisor.start_link(__MODULE__, x, name: __MODULE__)") == []


def test_a_list_that_refers_to_itself_ends() -> None:
    found = started("Supervisor.init(loop(), [])", "defp loop, do: [A | loop()]")
    assert not found.complete
