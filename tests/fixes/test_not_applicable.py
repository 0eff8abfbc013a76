"""Where a fix does not apply, and the reason that a user reads; more are beside the tests of each fix.

A text without files is the body of a module `Shop.A`.
"""

from __future__ import annotations

import pytest

from tests.fixes.one_finding import check_refused

CASES = [
    (
        "OTP101",
        "def run(job), do: Process.spawn(job, [:link])",
        "the options of `Process.spawn` at lib/example.ex:2 have no counterpart",
    ),
    (
        "OTP101",
        "def run(jobs), do: Enum.each(jobs, &spawn/1)",
        "is handed on as a function",
    ),
    (
        "OTP102",
        "def run(jobs), do: Enum.each(jobs, &Task.start/1)",
        "is not called but named",
    ),
    (
        "OTP104",
        "def run(jobs), do: jobs |> Enum.map(&Task.async/1) |> Task.await_many()",
        "is not called but named",
    ),
    (
        "OTP112",
        "def run(line), do: line |> String.split() |> Enum.map(&apply(String, :to_atom, [&1]))",
        "is put together at run time, so it hardly exists before",
    ),
    (
        "OTP117",
        """
        def run(item) do
          task = Task.async(fn -> Shop.Http.price(item) end)

          case Task.yield(task, :infinity) do
            {:ok, price} -> price
            _ -> :none
          end
        end
        """,
        "would run on when the time is up: write `Task.yield(task, time) || Task.shutdown(task)`",
    ),
    (
        "OTP203",
        """
        use GenServer

        def init(_opts), do: :ignore

        def terminate(_reason, state), do: File.write!("state", state)
        """,
        "no clause of `init/1` has a body of its own",
    ),
    (
        "OTP303",
        """
        use GenServer

        def init(opts) do
          body = Req.get!(opts[:url]).body
          {:ok, body}
        end

        def handle_continue(message, state), do: {:noreply, [message | state]}
        """,
        "takes any message: add the clause by hand",
    ),
    (
        "OTP403",
        """
        # file: lib/shop/ledger.ex
        defmodule Shop.Ledger do
          @behaviour GenServer

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
          def commit, do: commit_now()
          def init(opts), do: {:ok, opts}
          def handle_cast(:commit, state), do: {:noreply, state}

          def commit_now do
            :gen_server.cast(__MODULE__, :commit)
          end
        end
        """,
        "would answer calls and keep nothing",
    ),
    (
        "OTP412",
        """
        # file: test/shop/till_test.exs
        defmodule Shop.TillTest do
          use ExUnit.Case

          test "ends", %{till: till} do
            Process.exit(till, :kill)
            Process.sleep(50); refute Process.alive?(till)
          end
        end
        """,
        "several statements share a line",
    ),
    (
        "OTP408",
        """
        # file: test/shop/bell_test.exs
        defmodule Shop.BellTest do
          use ExUnit.Case

          test "stays silent" do
            Shop.Bell.listen(self())
            slept = Process.sleep(50)
            refute_received {:rang, _}
            assert slept == :ok
          end
        end
        """,
        "is bound to a name: take the name away first",
    ),
    (
        "OTP409",
        """
        # file: test/shop/till_test.exs
        defmodule Shop.TillTest do
          use ExUnit.Case

          test "opens" do
            {:ok, till} = [] |> Shop.Till.start_link()
            assert Shop.Till.open?(till)
          end
        end
        # file: lib/shop/till.ex
        defmodule Shop.Till do
          use GenServer

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
          def open?(till), do: GenServer.call(till, :open?)
          def init(opts), do: {:ok, opts}
          def handle_call(:open?, _from, state), do: {:reply, true, state}
        end
        """,
        "is part of an expression: give it a line of its own",
    ),
    (
        "OTP503",
        """
        # file: test/shop/helper_test.exs
        defmodule Shop.HelperTest do
          use ExUnit.Case

          test "is told" do
            listen(self())
            assert_receive :sold
          end

          defp listen(pid) do
            :telemetry.attach("listener", [:shop, :sale], fn _, _, _, _ -> send(pid, :sold) end, nil)
          end
        end
        """,
        'let it call `on_exit(fn -> :telemetry.detach("listener") end)`',
    ),
    (
        "OTP504",
        """
        def setup(table) do
          :telemetry.attach("meter", [:shop, :sale], fn event, measurements, metadata, config ->
            # by name
            count(event, measurements, metadata, config)
          end, table)
        end

        def count(_event, _measurements, _metadata, _config), do: :ok
        """,
        "a comment stands in the handler at lib/example.ex:4",
    ),
    (
        "OTP505",
        """
        if Application.get_env(:shop, :loud), do: IO.puts("loud")

        def run, do: :ok
        """,
        "stands in code that runs when the module is compiled",
    ),
    (
        "OTP505",
        """
        @home System.fetch_env!("HOME")

        def home?(@home <> _rest), do: true
        """,
        "`@home` is used at lib/example.ex:5, where no function can be called",
    ),
]

SERVER = """
# file: lib/shop/prices.ex
defmodule Shop.Prices do
  {use}

  def start_link({argument}), do: GenServer.start_link(__MODULE__, {given}, name: __MODULE__)
  def of(item), do: GenServer.call(__MODULE__, {{:of, item}})
  def init(opts), do: {{:ok, opts}}
  def handle_call({{:of, item}}, _from, prices), do: {{:reply, prices[item], prices}}
end
# file: lib/shop/basket.ex
defmodule Shop.Basket do
  def price(item), do: Shop.Prices.of(item)
end
"""
TEST = """
# file: test/shop/prices_test.exs
defmodule Shop.PricesTest do
  use ExUnit.Case

  test "knows nothing" do
    start_supervised!(Shop.Prices)
    assert Shop.Prices.of(:tea) == nil
  end
end
"""
WITHOUT_ARGUMENT = SERVER.format(use="use GenServer", argument="_opts", given="[]")
CHILDREN = [
    (
        SERVER.format(use="@behaviour GenServer", argument="_opts", given="[]"),
        "has no `child_spec/1`: write one",
    ),
    (
        SERVER.format(use="use GenServer", argument="opts", given="opts"),
        "put `{Shop.Prices, argument}` among the children",
    ),
    (WITHOUT_ARGUMENT + TEST, "test/shop/prices_test.exs starts `Shop.Prices` itself"),
    (
        WITHOUT_ARGUMENT.replace("Shop.Prices.of(item)", "item"),
        "nothing in the application uses `Shop.Prices`",
    ),
    (
        WITHOUT_ARGUMENT
        + """
# file: lib/shop/application.ex
defmodule Shop.Application do
  use Application

  def start(_type, _args) do
    [] |> Enum.concat([]) |> Supervisor.start_link(strategy: :one_for_one)
  end
end
# file: mix.exs
defmodule Shop.MixProject do
  use Mix.Project
  def project, do: [app: :shop, version: "1.0.0"]
  def application, do: [mod: {Shop.Application, []}]
end
""",
        "the children are piped to the supervisor: add `Shop.Prices` to the children",
    ),
]


def as_files(text: str) -> str:
    return text if "# file:" in text else f"defmodule Shop.A do\n{text}\nend"


@pytest.mark.parametrize(("code", "text", "reason"), CASES)
def test_it_says_why_it_does_not_apply(code: str, text: str, reason: str) -> None:
    check_refused(code, as_files(text), reason)


@pytest.mark.parametrize(("text", "reason"), CHILDREN)
def test_a_module_that_can_not_simply_be_a_child(text: str, reason: str) -> None:
    check_refused("OTP106", text, reason)
