"""OTP203, OTP205, OTP207: where `init/1` and a restart stay as they are."""

from __future__ import annotations

import pytest

from tests.fixes.not_applicable.saying_why import Case, application, check_reason, files, in_test

SAVES = '\ndef terminate(_reason, opts), do: File.write!("opts", inspect(opts))'
STAGE = """
use GenStage

def init(opts), do: {{:producer, opts}}
def handle_demand(_count, opts), do: {{:noreply, [], opts}}

def handle_cast(:go, opts) do
  {link}
  {{:noreply, [], opts}}
end
"""
FLAGS: list[Case] = [
    ("OTP203", "use GenServer\ndef init(_opts), do: :ignore" + SAVES, "in a body of its own"),
    ("OTP203", "use GenServer" + SAVES, "Shop.A has no `init/1`"),
    ("OTP203", "use GenServer\nuse Shop.Base" + SAVES, "where it is started"),
    ("OTP203", "use GenServer\ndefdelegate init(opts), to: Shop.Base" + SAVES, "in a body of its own"),
    (
        "OTP203",
        "use GenServer\ndef init(opts)\ndef init(:none), do: :ignore\ndef init(why), do: {:stop, why}"
        + SAVES,
        "no clause of `init/1` at lib/example.ex:3 starts the server",
    ),
    (
        "OTP203",
        "use GenServer\ndef init(_opts), do: {:stop, :not_here}" + SAVES,
        "set the flag where it starts",
    ),
    (
        "OTP203",
        "use GenServer\ndef(init(opts), do: {:ok, opts})" + SAVES,
        "has no `do` block: write it with one",
    ),
    (
        "OTP203",
        "use GenServer\ndef init(opts), do: {:ok, opts}, else: :ignore" + SAVES,
        "has no `do` block: write it with one",
    ),
    (
        "OTP203",
        'use GenServer\ndef init(_opts), do: {:ok, "one\n  two"}' + SAVES.replace("inspect(opts)", "opts"),
        "the text at lib/example.ex:3 has several lines",
    ),
    (
        "OTP203",
        STAGE.format(link="Task.async(fn -> opts end)") + SAVES,
        "is linked to others by `Task.async/1`",
    ),
    (
        "OTP203",
        STAGE.format(link="Agent.start_link(fn -> 0 end)") + SAVES,
        "is linked to others by `Agent.start_link/1`",
    ),
    ("OTP203", STAGE.format(link='System.cmd("true", [])') + SAVES, "is linked to others by `System.cmd/2`"),
    (
        "OTP203",
        STAGE.format(link='Port.open({:spawn, "true"}, [])') + SAVES,
        "add a clause of `handle_info/2`",
    ),
    ("OTP203", STAGE.format(link="spawn_link(fn -> opts end)") + SAVES, "by `Kernel.spawn_link/1`"),
    ("OTP203", STAGE.format(link="Process.link(opts)") + SAVES, "by `Process.link/1`"),
    (
        "OTP203",
        STAGE.format(link="write(opts)") + '\ndefp write(_opts), do: StringIO.open("")' + SAVES,
        "by `StringIO.open/1`",
    ),
    (
        "OTP203",
        files(
            a=STAGE.format(link="Shop.Conn.open(opts)") + SAVES,
            conn="def open(opts), do: Shop.Wire.start_link(opts)",
        ),
        "is linked to others by `Shop.Wire.start_link/1`",
    ),
]


LOADED = "def handle_info(:load, opts), do: {:noreply, opts}"


def starting(init: str, rest: str = LOADED) -> str:
    """A server whose `init/1` has these statements, from the fourth line on."""
    lines = "".join(f"  {line}\n" for line in init.splitlines())
    return f"use GenServer\ndef init(opts) do\n{lines}end\n{rest}"


SENDS: list[Case] = [
    (
        "OTP205",
        files(a=starting("send(self(), :load)\n{:ok, opts}"))
        + in_test('test "starts" do\n  assert {:ok, []} = Shop.A.init([])\nend'),
        "`Shop.A.init/1` is called as a function at test/shop/a_test.exs:5",
    ),
    (
        "OTP205",
        files(
            a=starting("send(self(), :load)\n{:ok, opts}"),
            b="use GenServer\ndefdelegate init(opts), to: Shop.A\n"
            "defdelegate handle_info(it, opts), to: Shop.A",
        ),
        "and would return `{:ok, state, {:continue, message}}` from now on",
    ),
    ("OTP205", starting("send(self(), :load)\n{:ok, opts, :hibernate}"), "gives more than `{:ok, state}`"),
    (
        "OTP205",
        starting("send(self(), :load)\n\nif opts == [], do: {:ok, []}, else: {:ok, opts, 5_000}"),
        "gives more than `{:ok, state}` (lib/example.ex:4)",
    ),
    ("OTP205", starting("send(self(), :load)\n{:stop, :never}"), "gives no `{:ok, state}` itself"),
    (
        "OTP205",
        starting("begin()\n{:ok, opts}", f"{LOADED}\ndefp begin, do: send(self(), :load)"),
        "is sent by a function that `init/1` calls",
    ),
    (
        "OTP205",
        starting(
            "send(self(), :load)\n{:ok, opts}", f"{LOADED}\ndef handle_continue(_, s), do: {{:noreply, s}}"
        ),
        "a clause of `handle_continue/2` takes such a message already",
    ),
    ("OTP205", starting("send(self(), :lost)\n{:ok, opts}"), "no clause can be seen to take the message"),
    (
        "OTP205",
        starting("opts[:job] && send(self(), :load)\n{:ok, opts}"),
        "the call is no statement of its own in `init/1`",
    ),
    (
        "OTP205",
        starting("if opts[:now], do: send(self(), :load)\n{:ok, opts}"),
        "the message is not always sent",
    ),
    (
        "OTP205",
        starting("Enum.each(opts, &send(self(), {:load, &1}))\n{:ok, opts}"),
        "no statement of its own",
    ),
    ("OTP205", starting("timer = Process.send_after(self(), :load, 0)\n{:ok, timer}"), "is not always sent"),
    ("OTP205", starting("send(self(), :load)\n{:ok, opts, 5_000}"), "gives more than `{:ok, state}`"),
    (
        "OTP205",
        starting(
            "send(self(), :load)\n{:ok, opts, {:continue, :more}}",
            "def handle_continue(:more, opts), do: {:noreply, opts}\n"
            "def handle_info(:load, opts), do: {:noreply, opts}",
        ),
        "gives more than `{:ok, state}`",
    ),
    (
        "OTP205",
        starting("send(self(), :load)\n{:ok, opts}").replace("end\ndef", "rescue\n  _ -> :ignore\nend\ndef"),
        "`init/1` rescues errors of its own",
    ),
    (
        "OTP205",
        starting(
            "send(self(), {:load, make_ref()})\n{:ok, opts}",
            "def handle_info({:load, _}, o), do: {:noreply, o}",
        ),
        "may have another value at the end of `init/1`",
    ),
    (
        "OTP205",
        starting(
            "send(self(), :load)\nsend(self(), :index)\n{:ok, opts}",
            "def handle_info(_work, opts), do: {:noreply, opts}",
        ),
        "sends itself several messages",
    ),
]

SERVED = "def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)"
NAMED = "def start_link(opts), do: Supervisor.start_link(__MODULE__, opts, name: __MODULE__)"


def supervising(child: str, before: str = "") -> str:
    return f"""
use Supervisor
{before}
{NAMED}

def init(opts) do
  Supervisor.init([{child}], strategy: :one_for_one)
end
"""


WORK = "{Task, fn -> Shop.Prices.load() end}"
TASK = (
    "def start_link(opts), do: Task.start_link(__MODULE__, :run, [opts])\ndef run(opts), do: IO.inspect(opts)"
)
RESTARTS: list[Case] = [
    (
        "OTP207",
        f"@restart :permanent\nuse Task, restart: @restart\n{TASK}",
        "the restart at lib/example.ex:3 is not written as an atom: change `@restart` by hand",
    ),
    (
        "OTP207",
        supervising(f"Supervisor.child_spec({WORK}, restart: @keep)", "@keep :permanent"),
        "change `@keep` by hand",
    ),
    (
        "OTP207",
        supervising("%{:id => :load, :start => {Task, :start_link, [fn -> Shop.Prices.load() end]}}"),
        "is no map with atom keys: add `restart: :transient` by hand",
    ),
    (
        "OTP207",
        supervising(
            "%{id: :a, start: {Shop.B, :start_link, [opts]}, restart: :transient, significant: true}"
        ),
        "which children may end their supervisor is a decision",
    ),
    (
        "OTP207",
        supervising("Supervisor.child_spec(Shop.B, restart: :transient, significant: true)"),
        "give it `auto_shutdown: :any_significant`",
    ),
    (
        "OTP207",
        "def start(opts) do\n  work = %{id: 1, start: {Shop.B, :start_link, [opts]}, significant: true}\n"
        "  Supervisor.start_link([work], strategy: :rest_for_one)\nend",
        "`significant: true` at",
    ),
    (
        "OTP207",
        files(
            a=f"@restart :temporary\nuse GenServer, restart: @restart\n{SERVED}\n"
            "def init(opts), do: {:ok, opts}"
        )
        + application("[Shop.A]"),
        "the restart at lib/shop/a.ex:3 is not written as an atom",
    ),
    (
        "OTP207",
        files(
            a="@restart :temporary\nuse Agent, restart: @restart\n"
            "def start_link(_opts), do: Agent.start_link(fn -> [] end, name: __MODULE__)",
        )
        + application("[Shop.A]"),
        "change `@restart` by hand",
    ),
    (
        "OTP207",
        "def start(opts) do\n"
        "  work = %{:id => 1, :start => {Task, :start_link, [fn -> IO.inspect(opts) end]}}\n"
        "  Supervisor.start_link([work], strategy: :one_for_one)\nend",
        "add `restart: :transient` by hand",
    ),
]


@pytest.mark.parametrize(("code", "text", "reason"), [*FLAGS, *SENDS, *RESTARTS])
def test_it_says_why_it_does_not_apply(code: str, text: str, reason: str) -> None:
    check_reason(code, text, reason)
