"""What becomes of a call's value, and in which process code runs."""

from __future__ import annotations

import pytest

from tests.analyzers.reading import calls_of, functions_in

RESULTS = {
    "statement": ("f()\n:ok", "discarded"),
    "last expression": ("f()", "returned"),
    "bound": ("y = f()\ny", "bound"),
    "argument": ("g(f())", "argument"),
    "piped": ("f() |> g()", "piped"),
    "matched by case": ("case f() do\n  _ -> 1\nend", "subject"),
    "matched by with": ("with {:ok, _} <- f(), do: 1", "subject"),
    "bare expression of with": ("with 1 <- x, f(), do: 1", "discarded"),
    "filter of for": ("for y <- x, f(), do: y", "tested"),
    "tested": ("if f(), do: 1", "tested"),
    "left of and": ("f() && 1", "tested"),
    "right of and": ("x && f()", "returned"),
    "in a tuple": ("{:ok, f()}", "stored"),
    "in a map": ("%{a: f()}", "stored"),
    "last of a branch that is last": ("if x do\n  f()\nelse\n  1\nend", "returned"),
    "last of a one-line branch": ("if x, do: f(), else: 1", "returned"),
    "last of a branch whose value is dropped": ("if x do\n  f()\nend\n:ok", "discarded"),
    "last of a branch that is bound": ("y = if x, do: f()\ny", "bound"),
    "last of a case clause": ("case x do\n  1 -> f()\nend", "returned"),
    "statement in a case clause": ("case x do\n  1 ->\n    f()\n    2\nend", "discarded"),
    "last of cond": ("cond do\n  x -> f()\nend", "returned"),
    "last of with": ("with 1 <- x do\n  f()\nend", "returned"),
    "last of try": ("try do\n  f()\nrescue\n  _ -> 1\nend", "returned"),
    "after part": ("try do\n  1\nafter\n  f()\nend", "discarded"),
    "collected by for": ("for y <- x, do: f()", "stored"),
    "for whose value is dropped": ("for y <- x, do: f()\n:ok", "discarded"),
    "last of a fn": ("Enum.map(x, fn _ -> f() end)", "yielded"),
    "in parentheses": ("(f())", "returned"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_results(name: str) -> None:
    body, expected = RESULTS[name]
    (call,) = [call for call in calls_of(body) if call.name == "f"]
    assert call.result == expected


def test_a_bound_result_keeps_its_pattern() -> None:
    (call,) = calls_of("{:ok, pid} = f()\npid")
    assert call.bound_to is not None
    assert (call.bound_to.kind, call.bound_to.items[1].value) == ("tuple", "pid")


PROCESSES = {
    "the function itself": ("f()", "here"),
    "Enum": ("Enum.each(x, fn _ -> f() end)", "here"),
    "captured expression for Enum": ("Enum.each(x, &f(&1))", "here"),
    "captured by name for Enum": ("Enum.each(x, &f/1)", "here"),
    "captured by name for a task": ("Task.start(&f/0)", "elsewhere"),
    "captured by name and kept": ("g = &f/0\ng", "unknown"),
    "then": ("x |> then(fn _ -> f() end)", "here"),
    "for": ("for _ <- x, do: f()", "here"),
    "spawn": ("spawn(fn -> f() end)", "elsewhere"),
    "spawn, piped": ("fn -> f() end |> spawn()", "elsewhere"),
    "Task.Supervisor": ("Task.Supervisor.start_child(S, fn -> f() end)", "elsewhere"),
    "async_stream": ("Task.async_stream(x, fn _ -> f() end)", "elsewhere"),
    "Agent": ("Agent.update(x, fn s -> f() end)", "elsewhere"),
    "telemetry handler": (':telemetry.attach("a", [:b], fn _, _, _, _ -> f() end, nil)', "elsewhere"),
    "LiveView": ("start_async(x, :load, fn -> f() end)", "elsewhere"),
    "Enum inside a Task": ("Task.start(fn -> Enum.each(x, fn _ -> f() end) end)", "elsewhere"),
    "Task inside Enum": ("Enum.each(x, fn _ -> Task.start(fn -> f() end) end)", "elsewhere"),
    "bound to a variable": ("g = fn -> f() end\ng", "unknown"),
    "stored": ("%{callback: fn -> f() end}", "unknown"),
    "an unknown function": ("Shop.Lock.with_lock(fn -> f() end)", "unknown"),
    "a local function": ("locked(fn -> f() end)", "unknown"),
    "Stream.resource": ("Stream.resource(fn -> f() end, x, x)", "unknown"),
}


@pytest.mark.parametrize("name", PROCESSES)
def test_processes(name: str) -> None:
    body, expected = PROCESSES[name]
    (call,) = [call for call in calls_of(body) if call.name == "f"]
    assert call.runs == expected


def test_receives_with_and_without_after() -> None:
    (function,) = functions_in(
        """
        defmodule A do
          def run do
            receive do
              {:done, x} -> x
              :stop -> nil
            after
              100 -> :late
            end

            spawn(fn -> receive do: (:go -> 1) end)
            spawn(fn ->
              receive do
                m -> m
              end
            end)
          end
        end
        """
    )
    first, last = function.clauses[0].receives[0], function.clauses[0].receives[-1]
    assert [pattern.tag for pattern in first.patterns] == ["done", "stop"]
    assert (first.has_after, first.after and first.after.value, first.runs) == (True, "100", "here")
    assert [receive.patterns[0].tag for receive in function.clauses[0].receives[1:2]] == ["go"]
    assert (last.has_after, last.runs) == (False, "elsewhere")


def test_branches_and_rescue() -> None:
    plain, first, second, inside = calls_of(
        """
        f()
        if x do
          f()
        else
          f()
        end
        try do
          f()
        rescue
          _ -> 1
        end
        """
    )
    assert plain.branch == ()
    assert first.branch != second.branch
    assert [call.guarded_by_rescue for call in (plain, first, second, inside)] == [False, False, False, True]


def test_blocks_of_tests_and_of_other_macros_are_functions() -> None:
    kinds = {
        (function.kind, function.name)
        for function in functions_in(
            """
            defmodule ShopTest do
              use ExUnit.Case
              setup do
                f()
              end
              describe "adding" do
                test "works", %{pid: pid} do
                  f(pid)
                end
              end
              get "/x" do
                f()
              end
            end
            """
        )
        if function.kind != "body"
    }
    assert kinds == {("test", "setup"), ("test", "test works"), ("block", "get")}
