"""OTP408 to OTP505: where a test, a handler or a read of the configuration stays as it is."""

from __future__ import annotations

import pytest

from tests.fixes.not_applicable.saying_why import Case, check_reason, files, in_test, server

TILL = files(
    till=server(
        """
        def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: opts[:name])
        def open?(till), do: GenServer.call(till, :open?)
        def add(till, coin), do: GenServer.cast(till, {:add, coin})
        def close(till), do: GenServer.stop(till)
        def handle_call(:open?, _from, opts), do: {:reply, true, opts}
        def handle_cast({:add, coin}, opts), do: {:noreply, [coin | opts]}
        """
    )
)


def a_test(body: str, context: str = "", options: str = "") -> str:
    """A test whose statements stand from the fifth line on, and the module `Shop.Till`."""
    lines = "".join(f"  {line}\n" for line in body.splitlines())
    return in_test(f'test "it"{context} do\n{lines}end', options) + TILL


WITH_TILL = ", %{till: till}"
GONE = "refute Process.alive?(till)"
TESTS: list[Case] = [
    (
        "OTP408",
        a_test("slept = Process.sleep(50)\nrefute_received {:rang, _}\nassert slept == :ok"),
        "is bound to a name: take the name away first",
    ),
    (
        "OTP409",
        a_test("{:ok, till} = [] |> Shop.Till.start_link()\nassert Shop.Till.open?(till)"),
        "the argument of `start_link` is piped in",
    ),
    (
        "OTP412",
        a_test(f"Process.exit(till, :kill)\nProcess.sleep(50); {GONE}", WITH_TILL),
        "several statements share a line",
    ),
    (
        "OTP408",
        a_test("Shop.Cache.put(:a, ttl: 50)\nProcess.sleep(50)\nassert Shop.Cache.get(:a) == nil"),
        "is about time, or about nothing happening",
    ),
    (
        "OTP408",
        a_test("Shop.Till.add(ctx.till, 1)\nProcess.sleep(50)\nassert Shop.Till.open?(ctx.till)", ", ctx"),
        "nothing at test/shop/a_test.exs:6 shows what the test waits for",
    ),
    (
        "OTP408",
        a_test("Shop.Bell.listen(self()); Process.sleep(50); refute_received :rang"),
        "is part of an expression: give it a line of its own",
    ),
    (
        "OTP409",
        a_test("{:ok, ^till} = Shop.Till.start_link([])\nassert Shop.Till.open?(till)", WITH_TILL),
        "is compared with a pid that is known",
    ),
    (
        "OTP409",
        a_test(
            "{:ok, till} =\n  Shop.Till.start_link(\n    # no coins\n    []\n  )\n\nassert "
            "Shop.Till.open?(till)"
        ),
        "a comment stands in the start at test/shop/a_test.exs:7",
    ),
    (
        "OTP409",
        a_test(
            "{:ok, till} = Shop.Till.start_link([])\nassert {:links, [^till]} = Process.info(self(), :links)"
        ),
        "looks at links at test/shop/a_test.exs:6",
    ),
    (
        "OTP409",
        a_test("{:ok, till} = Shop.Till.start_link([])\nShop.Till.close(till)\n" + GONE),
        "ends the process of test/shop/a_test.exs:5 itself",
    ),
    (
        "OTP409",
        a_test("{:ok, till} = Shop.Till.start_link([])\nGenServer.stop(till)\n" + GONE),
        "use `start_supervised!(..., restart: :temporary)`",
    ),
    (
        "OTP410",
        a_test("Application.put_env(:shop, :till, 1)", options=", @opts").replace(
            "  use ExUnit", "  @opts [async: true]\n  use ExUnit"
        ),
        "`use ExUnit.Case` in test/shop/a_test.exs does not say `async: true`",
    ),
    (
        "OTP410",
        a_test('System.put_env("TILL", "1")', options=", @shared ++ [async: true]").replace(
            "use ExUnit.Case, @shared ++ [async: true]", "@shared [async: true]\n  use Shop.DataCase, @shared"
        ),
        "`use Shop.DataCase` in test/shop/a_test.exs does not say `async: true`",
    ),
    (
        "OTP412",
        a_test(f"Process.exit(till, :kill)\nProcess.sleep(50)\n{GONE} and Shop.Till.empty?()", WITH_TILL),
        "the statement at test/shop/a_test.exs:7 says more than that the process is gone",
    ),
    (
        "OTP412",
        a_test(f'Process.exit(till, :kill)\nProcess.sleep(50)\n{GONE}, "it still runs"', WITH_TILL),
        "give `refute Process.alive?(...)` a statement of its own first",
    ),
    (
        "OTP412",
        a_test(
            f"Process.exit(till, :kill)\nProcess.sleep(50)\n{GONE}\nassert {{ref, monitor_ref, down_ref}}",
            ", %{till: till, ref: ref, monitor_ref: monitor_ref, down_ref: down_ref}",
        ),
        "ref, monitor_ref, down_ref are all in use",
    ),
]

ATTACH = ':telemetry.attach("till", [:shop, :sale], &__MODULE__.sold/4, nil)'
HANDLERS: list[Case] = [
    (
        "OTP503",
        in_test(
            f'test "is told" do\n  listen()\n  assert_receive :sold\nend\n\ndefp listen do\n  {ATTACH}\nend'
        ),
        'let it call `on_exit(fn -> :telemetry.detach("till") end)`',
    ),
    (
        "OTP504",
        'def setup do\n  :telemetry.attach("t", [:a], fn e, m, d, c ->\n    # by name\n'
        "    sold(e, m, d, c)\n  end, nil)\nend\n\ndef sold(_, _, _, _), do: :ok",
        "a comment stands in the handler at lib/example.ex:3",
    ),
    (
        "OTP503",
        a_test(f"Task.await(\n  Task.async(fn ->\n    {ATTACH}\n    Shop.Till.open?(:till)\n  end)\n)"),
        "stands in a function that is handed to `Task.async/1`",
    ),
    (
        "OTP503",
        a_test(f"on_exit(fn ->\n  {ATTACH}\n  Shop.Till.open?(:till)\nend)\n\nassert true"),
        "stands in a function that is handed to `on_exit/1`: take it out of there first",
    ),
    (
        "OTP503",
        a_test(f"if true, do: {ATTACH}\nassert Shop.Till.open?(:till)"),
        "is part of an expression: give it a line of its own",
    ),
    (
        "OTP504",
        'def setup(log), do: :telemetry.attach("t", [:a], fn e, m, d, c -> log.sold(e, m, d, c) end, nil)',
        "calls `log.sold`, whose module is known at run time only",
    ),
    (
        "OTP504",
        'def setup, do: :telemetry.attach("t", [:a], fn e, m, d, c -> sold(m, e, d, c) end, nil)\n'
        "def sold(_, _, _, _), do: :ok",
        "with its four arguments, in their order",
    ),
]

STRUCT = "defstruct limit: @limit"
ALL = "@limit Application.get_all_env(:shop)\n"
CONFIGURATION: list[Case] = [
    (
        "OTP505",
        'if Application.get_env(:shop, :loud), do: IO.puts("loud")\n\ndef run, do: :ok',
        "read the value in a function, and decide there",
    ),
    (
        "OTP505",
        '@home System.fetch_env!("HOME")\n\ndef home?(@home <> _rest), do: true',
        "`@home` is used at lib/example.ex:4, where no function can be called",
    ),
    ("OTP505", f'@limit System.get_env("LIMIT")\n{STRUCT}', "is used at lib/example.ex:3, where no function"),
    ("OTP505", f"@limit Application.fetch_env(:shop, :limit)\n{STRUCT}", "where no function can be called"),
    ("OTP505", f"{ALL}{STRUCT}", "`@limit` is used at lib/example.ex:3"),
    ("OTP505", f"@limit apply(Application, :get_env, [:shop, :limit])\n{STRUCT}", "where no function can be"),
    (
        "OTP505",
        f"{ALL}def over?(count) when count > @limit, do: true",
        "`@limit` is used at lib/example.ex:3",
    ),
    ("OTP505", f"{ALL}def limit?(count \\\\ @limit), do: count", "`@limit` is used at lib/example.ex:3"),
    ("OTP505", f"{ALL}def go(x) do\n  case x do\n    @limit -> true\n  end\nend", "at lib/example.ex:5"),
    ("OTP505", f"{ALL}def go(x), do: %@limit{{}} == x", "where no function can be called"),
    (
        "OTP505",
        f"{ALL}@double {{@limit, @limit}}\ndef double, do: @double",
        "`@limit` is used at lib/example.ex:3",
    ),
    ("OTP505", f"{ALL}defmacro top do\n  quote do\n    unquote(@limit)\n  end\nend", "at lib/example.ex:5"),
    (
        "OTP505",
        f"Module.register_attribute(__MODULE__, :limit, accumulate: true)\n{ALL}def limits, do: @limit",
        "is registered, or read by `Module`, in Shop.A: it has to stay an attribute",
    ),
    (
        "OTP505",
        f"{ALL}def limit?(x), do: x == @limit\nIO.inspect(Module.get_attribute(__MODULE__, :limit))",
        "it has to stay an attribute",
    ),
    (
        "OTP505",
        files(a=f"import Shop.Limits\n{ALL}def over?(x), do: x == @limit", limits="def limit, do: 10"),
        "`Shop.Limits`, imported at lib/shop/a.ex:2, has a function `limit/0`",
    ),
    (
        "OTP505",
        f"import Shop.Limits, only: [limit: 0]\n{ALL}def over?(x), do: x == @limit",
        "give the new one another name by hand",
    ),
    (
        "OTP505",
        "for app <- [:a, :b] do\n  @limit Application.get_all_env(app)\nend\n\ndef limit, do: @limit",
        "is not written as `@limit value` in a module's block",
    ),
    (
        "OTP505",
        'case Application.get_env(:shop, :limit) do\n  nil -> IO.puts("none")\n  _ -> :ok\nend',
        "stands in code that runs when the module is compiled",
    ),
]


@pytest.mark.parametrize(("code", "text", "reason"), [*TESTS, *HANDLERS, *CONFIGURATION])
def test_it_says_why_it_does_not_apply(code: str, text: str, reason: str) -> None:
    check_reason(code, text, reason)
