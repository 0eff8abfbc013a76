"""OTP101 to OTP106: where a start is not put under a supervisor."""

from __future__ import annotations

import pytest

from tests.fixes.not_applicable.saying_why import (
    LIBRARY,
    MIX,
    Case,
    application,
    check_reason,
    files,
    server,
)

BEFORE_THE_TREE = application("[]", "{call}\n  Supervisor.start_link(children, strategy: :one_for_one)")
EXITS = "def handle_info({:EXIT, pid, _reason}, opts), do: {:noreply, List.delete(opts, pid)}"

SPAWNS: list[Case] = [
    ("OTP101", "def run(job) do\n  a = b = spawn(job)\n  {a, b}\nend", "is bound to several names"),
    ("OTP101", "def run(job), do: Process.register(spawn(job), :worker)", "is the argument of another call"),
    ("OTP101", 'def run(job), do: "#{inspect(spawn(job))}"', "is the argument of another call"),
    ("OTP101", "def run(job), do: spawn(job) == self()", "is the argument of another call"),
    ("OTP101", "def run(job) do\n  if pid = spawn(job), do: log(pid)\nend", "the pid is a condition"),
    (
        "OTP101",
        "def run(job) do\n  with pid when is_pid(pid) <- spawn(job), do: pid\nend",
        "is what a `case` or `with` looks at",
    ),
    ("OTP101", "def run(job, state), do: %{state | worker: spawn(job)}", "is kept in a list, tuple or map"),
    ("OTP101", "def run(job), do: {:ok, spawn_link(job)}", "is kept in a list, tuple or map"),
    ("OTP101", "def run(jobs), do: Map.new(jobs, fn job -> {job, spawn(job)} end)", "is kept in a list"),
    ("OTP101", "def run(jobs), do: Enum.map(jobs, &spawn(&1))", "gives to `Enum.map/2`"),
    ("OTP101", "def run(job) do\n  :erlang.spawn_monitor(job)\n  :ok\nend", "gives `{pid, reference}`"),
    ("OTP101", "def run(job), do: Node.spawn_link(:shop@b, job)", "on another node"),
    ("OTP101", "def run(job), do: Node.spawn(:shop@b, Shop.Job, :run, [job])", "on another node"),
    (
        "OTP101",
        "def run(job), do: Process.spawn(Shop.Job, :run, [job], [])",
        "the options of `Process.spawn`",
    ),
    (
        "OTP101",
        "def run(job), do: :erlang.spawn_opt(Shop.Job, :run, [job], [:link])",
        "the options of `:erlang.spawn_opt`",
    ),
    ("OTP101", "def run, do: Function.capture(Kernel, :spawn, 1)", "is handed on as a function"),
    ("OTP101", "def run(job), do: job.run |> then(&(&1)) |> spawn()", "the function comes out of a pipe"),
    ("OTP101", "@impl true\ndef launch(job), do: spawn(job)", "is a callback that returns the pid"),
    (
        "OTP101",
        files(a="@behaviour Shop.Starter\n\ndef launch(job), do: spawn(job)")
        + files(starter="@callback launch(fun()) :: pid()"),
        "who calls it is out of sight",
    ),
    (
        "OTP101",
        """
        def run(job) do
          Process.flag(:trap_exit, true)
          pid = spawn_link(job)

          receive do
            {:EXIT, ^pid, reason} -> reason
          end
        end
        """,
        "`Shop.A.run/1` takes the `:EXIT` of what is started at lib/example.ex:4",
    ),
    (
        "OTP101",
        server(
            f"""
            def handle_cast({{:run, job}}, opts) do
              pid = spawn_link(job)
              {{:noreply, [pid | opts]}}
            end
            {EXITS}
            """
        ),
        "monitor its pid and take `:DOWN` instead",
    ),
    ("OTP101", BEFORE_THE_TREE.replace("{call}", "spawn(fn -> warm() end)"), "runs before Shop.Application"),
    (
        "OTP101",
        BEFORE_THE_TREE.replace("{call}", "Shop.Boot.warm()")
        + files(boot="def warm do\n  spawn(fn -> load() end)\n  :ok\nend"),
        "lib/shop/boot.ex:3 runs before Shop.Application",
    ),
    ("OTP101", files(a="def run(job), do: spawn(job)") + LIBRARY, "starts no application of its own"),
    (
        "OTP101",
        files(a="def run(job), do: spawn(job)") + MIX.format(application=", mod: {Shop.Other, []}"),
        "Shop.Other, the application module that mix.exs names, was not found",
    ),
    (
        "OTP101",
        files(a="def run(job), do: spawn(job)")
        + MIX.replace("[extra_applications: [:logger]{application}]", "config()"),
        "can't be read out of mix.exs",
    ),
]

TASKS: list[Case] = [
    ("OTP102", "def run(job), do: apply(Task, :start, [job])", "is made through `apply`"),
    (
        "OTP102",
        "def run(jobs), do: Enum.each(jobs, fn job -> apply(Task, :start_link, [job]) end)",
        "the call at lib/example.ex:2 is made through `apply`: write it out first",
    ),
    ("OTP102", "def run, do: Function.capture(Task, :start, 1)", "is handed on as a function"),
    (
        "OTP102",
        "def run(job) do\n  job\n  # now\n  |> Task.start()\n\n  :ok\nend",
        "a comment stands in the pipe",
    ),
    ("OTP102", "def run(job), do: job |> wrapped() |> Task.start_link()", "comes out of a pipe"),
    (
        "OTP102",
        """
        def run(job) do
          {:ok, pid} = Task.start_link(job)

          receive do
            {:EXIT, ^pid, _reason} -> :ended
          end
        end
        """,
        "takes the `:EXIT` of what is started at lib/example.ex:3",
    ),
    ("OTP102", BEFORE_THE_TREE.replace("{call}", "Task.start(fn -> warm() end)"), "make the work a child"),
    ("OTP102", files(a="def run(job), do: Task.start(job)") + LIBRARY, "as a `:task_supervisor` option"),
    (
        "OTP102",
        files(a="def run(job), do: Task.start(job)") + MIX.format(application=", mod: {Shop.Other, []}"),
        "Shop.Other, the application module that mix.exs names, was not found",
    ),
    (
        "OTP102",
        files(a="def run(job), do: Task.start(job)") + application("Enum.concat([], [])"),
        "are not one literal list: add `{Task.Supervisor, name: Shop.TaskSupervisor}`",
    ),
    (
        "OTP103",
        "def run(job) do\n  apply(Task, :async, [job])\n  :ok\nend",
        "is made through `apply`",
    ),
    ("OTP103", "def run(job) do\n  %Task{} = Task.async(job)\n  :ok\nend", "is matched with a pattern"),
    (
        "OTP103",
        "def run(job) do\n  %Task{ref: _} = Task.async(job)\n  :ok\nend",
        "bind it to a variable first",
    ),
    ("OTP103", "def run(job) do\n  _a = _b = Task.async(job)\n  :ok\nend", "is bound to several names"),
    ("OTP103", "def run(job) do\n  job |> wrapped() |> Task.async()\n  :ok\nend", "comes out of a pipe"),
    (
        "OTP103",
        "def run(job) do\n  job\n  # now\n  |> Task.async()\n\n  :ok\nend",
        "a comment stands in the pipe",
    ),
    (
        "OTP103",
        "import Task.Supervisor, only: [async_nolink: 2]\n\n"
        "def run(job) do\n  async_nolink(Shop.Tasks, job)\n  :ok\nend",
        "is called without its module",
    ),
    (
        "OTP103",
        "def run(job) do\n  apply(Task.Supervisor, :async_nolink, [Shop.Tasks, job])\n  :ok\nend",
        "is made through `apply`",
    ),
    (
        "OTP103",
        server(
            f"def handle_cast({{:run, job}}, opts) do\n  Task.async(job)\n  {{:noreply, opts}}\nend\n{EXITS}"
        ),
        "`Shop.A` takes the `:EXIT`",
    ),
    (
        "OTP103",
        BEFORE_THE_TREE.replace("{call}", "Task.async(fn -> warm() end)"),
        "runs before Shop.Application",
    ),
    ("OTP103", files(a="def run(job) do\n  Task.async(job)\n  :ok\nend") + LIBRARY, "starts no application"),
    (
        "OTP103",
        files(a="def run(job) do\n  Task.async(job)\n  :ok\nend") + application("[Shop.One | extra()]"),
        "its list of children has a tail",
    ),
    (
        "OTP104",
        "def run(ids), do: ids |> Enum.uniq() |> Task.async_stream(&load/1) |> Enum.to_list()",
        "the list comes out of a pipe at lib/example.ex:2: bind it to a variable first, `items = ...`",
    ),
    (
        "OTP104",
        "def run(job) do\n  job\n  # now\n  |> Task.async()\n  |> Task.await()\nend",
        "a comment stands in the pipe",
    ),
    (
        "OTP104",
        files(a="def run(job), do: job |> Task.async() |> Task.await()") + LIBRARY,
        "starts no application of its own",
    ),
    (
        "OTP104",
        files(a="def run(job), do: job |> Task.async() |> Task.await()") + application("children()"),
        "are not one literal list",
    ),
    (
        "OTP104",
        files(a="def run(job), do: job |> Task.async() |> Task.await()")
        + MIX.format(application=", mod: {Shop.Other, []}"),
        "Shop.Other, the application module that mix.exs names, was not found",
    ),
    (
        "OTP104",
        BEFORE_THE_TREE.replace("{call}", "Task.await(Task.async(fn -> warm() end))"),
        "runs before Shop.Application has started its children",
    ),
]

SERVER = """
{use}

def start_link({argument}), do: GenServer.start_link(__MODULE__, {given}, name: __MODULE__)
def of(item), do: GenServer.call(__MODULE__, {{:of, item}})
def init(opts), do: {{:ok, opts}}
def handle_call({{:of, item}}, _from, prices), do: {{:reply, prices[item], prices}}
"""
BASKET = files(basket="def price(item), do: Shop.Prices.of(item)")
TEST = """# file: test/shop/prices_test.exs
defmodule Shop.PricesTest do
  use ExUnit.Case

  test "knows nothing" do
    start_supervised!(Shop.Prices)
    assert Shop.Prices.of(:tea) == nil
  end
end
"""
WITHOUT_ARGUMENT = files(prices=SERVER.format(use="use GenServer", argument="_opts", given="[]"))
CHILDREN: list[Case] = [
    (
        "OTP106",
        files(prices=SERVER.format(use="@behaviour GenServer", argument="_opts", given="[]")) + BASKET,
        "has no `child_spec/1`: write one",
    ),
    (
        "OTP106",
        files(prices=SERVER.format(use="use GenServer", argument="opts", given="opts")) + BASKET,
        "put `{Shop.Prices, argument}` among the children",
    ),
    ("OTP106", WITHOUT_ARGUMENT + BASKET + TEST, "test/shop/prices_test.exs starts `Shop.Prices` itself"),
    (
        "OTP106",
        WITHOUT_ARGUMENT + BASKET.replace("Shop.Prices.of(item)", "item"),
        "nothing in the application uses `Shop.Prices`",
    ),
    (
        "OTP106",
        WITHOUT_ARGUMENT
        + BASKET
        + application("[]", "children |> Supervisor.start_link(strategy: :one_for_one)"),
        "the children are piped to the supervisor: add `Shop.Prices` to the children",
    ),
]


@pytest.mark.parametrize(("code", "text", "reason"), [*SPAWNS, *TASKS, *CHILDREN])
def test_it_says_why_it_does_not_apply(code: str, text: str, reason: str) -> None:
    check_reason(code, text, reason)
