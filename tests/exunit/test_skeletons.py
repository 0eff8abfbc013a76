"""Tests that are made from the facts alone: what is in them, and what is refused with which reason."""

from __future__ import annotations

import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

from otp_genesis_analyzers.findings import FixKind
from otp_genesis_refactorers.change import Refused, apply_to
from otp_genesis_refactorers.exunit.generating import Generated
from tests.exunit.shop import FILES, made, read, write_shop

STACK_TEST = """\
defmodule Shop.StackTest do
  use ExUnit.Case, async: true

  alias Shop.Stack

  setup do
    %{pid: start_supervised!({Stack, ["item"]})}
  end

  test "push/2 is taken", %{pid: pid} do
    assert Stack.push(pid, "item") == :ok
    assert {:status, _, _, _} = :sys.get_status(pid)
  end

  test "pop/1 of a fresh process", %{pid: pid} do
    answer = Stack.pop(pid)
    assert match?({:ok, _}, answer) or answer == :empty
  end

  test "comes back after a crash and serves", %{pid: pid} do
    {:ok, supervisor} = ExUnit.fetch_test_supervisor()
    reference = Process.monitor(pid)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^reference, :process, ^pid, :killed}, 5_000

    new = restarted(supervisor, pid)
    assert Process.alive?(new)
    answer = Stack.pop(new)
    assert match?({:ok, _}, answer) or answer == :empty
  end

  # The supervisor starts it again before it answers: asking again is waiting enough.
  defp restarted(supervisor, old, tries \\\\ 1_000) do
    case Supervisor.which_children(supervisor) do
      [{_, new, _, _}] when is_pid(new) and new != old -> new
      _ when tries > 0 -> restarted(supervisor, old, tries - 1)
      _ -> flunk("it does not come back")
    end
  end
end
"""
SERVER = """
  use GenServer
  def ping(server), do: GenServer.call(server, :ping)
  def handle_call(:ping, _from, state), do: {:reply, :pong, state}
"""
NAMED = """
  use GenServer
  def ping, do: GenServer.call(__MODULE__, :ping)
  def handle_call(:ping, _from, state), do: {:reply, :pong, state}
"""
STARTS = [
    ("def start_link(_), do: GenServer.start_link(__MODULE__, nil)\ndef init(s), do: {:ok, s}", "Server"),
    ("def start_link([]), do: GenServer.start_link(__MODULE__, nil)\ndef init(s), do: {:ok, s}", "Server"),
    (
        "def start_link(%{limit: limit}), do: GenServer.start_link(__MODULE__, limit)\n"
        "def init(limit), do: {:ok, limit + 1}",
        "{Server, %{limit: 1}}",
    ),
    (
        "def start_link(opts), do: GenServer.start_link(__MODULE__, opts)\n"
        "def init(opts), do: {:ok, {Keyword.fetch!(opts, :step), Keyword.get(opts, :name)}}",
        '{Server, [step: "step"]}',
    ),
    (
        "def start_link(size) when is_integer(size), do: GenServer.start_link(__MODULE__, size)\n"
        "def init(size), do: {:ok, size}",
        "{Server, 1}",
    ),
    (
        "@spec start_link(atom()) :: GenServer.on_start()\n"
        "def start_link(table), do: GenServer.start_link(__MODULE__, table)\ndef init(t), do: {:ok, t}",
        "{Server, :table}",
    ),
    (
        "def start_link(word), do: GenServer.start_link(__MODULE__, word)\n"
        "def init(word), do: {:ok, String.upcase(word)}",
        '{Server, "word"}',
    ),
    (
        "def start_link, do: GenServer.start_link(__MODULE__, nil)\ndef init(s), do: {:ok, s}",
        "%{id: Server, start: {Server, :start_link, []}}",
    ),
]
REFUSED = [
    ("def total(prices), do: Enum.sum(prices)", "Shop.Server is no process"),
    ("use Supervisor\ndef init(_), do: Supervisor.init([], strategy: :one_for_one)", "is a supervisor"),
    ("use Task\ndef start_link(_), do: Task.start_link(fn -> :ok end)", "is a task, which takes no messages"),
    ("use Phoenix.LiveView\ndef render(assigns), do: assigns", "Phoenix.LiveViewTest"),
    ("use GenServer\ndef handle_info(_, state), do: {:noreply, state}", "how it is started can't be told"),
    (
        f"{SERVER}\ndef start_link(config), do: GenServer.start_link(__MODULE__, Elsewhere.read(config))\n"
        "def init(state), do: {:ok, state}",
        "is started with a config, and what that must be is decided out of sight",
    ),
    (
        f"{SERVER}\ndef start_link(p), do: GenServer.start_link(__MODULE__, p)\n"
        "def init(path), do: {:ok, File.open!(path)}",
        "calls File.open!/1 when it starts",
    ),
    (
        "use GenServer, restart: :temporary\n"
        "def start_link(_), do: GenServer.start_link(__MODULE__, nil)\ndef init(s), do: {:ok, s}\n"
        "def size(server), do: GenServer.call(server, :size)\n"
        "def handle_call(:size, _, state), do: {:reply, map_size(state), state}",
        "size/1 is left out: what it answers is only known by running it",
    ),
]
LEFT_OUT = [
    ("def run(s, fun), do: GenServer.cast(s, {:run, fun})", "run/2 is left out: what it takes as argument 2"),
    ("def put(s, x), do: GenServer.cast(s, {:put, Elsewhere.read(x)})", "what x must be is decided out of"),
    (
        'def stop(s) do\n  System.cmd("true", [])\n  GenServer.cast(s, :stop)\nend',
        "stop/1 is left out: it calls System.cmd/2",
    ),
]


APPLICATION = "lib/shop/application.ex"


def server(body: str) -> dict[str, str]:
    return {"lib/shop/server.ex": f"defmodule Shop.Server do\n{body}\nend\n"}


def of_server(tmp_path: Path, body: str) -> Generated | Refused:
    return made(write_shop(tmp_path, server(dedent(body))), "Shop.Server")


def generated(outcome: Generated | Refused) -> Generated:
    assert isinstance(outcome, Generated), outcome
    return outcome


def test_a_test_from_the_facts(tmp_path: Path) -> None:
    test = generated(made(write_shop(tmp_path), "Shop.Stack"))
    assert test.text == STACK_TEST
    assert test.path == "test/shop/stack_test.exs"
    assert test.left_out == ("size/1 is left out: what it answers is only known by running it",)
    assert not test.proof.proven
    assert "--trust" in test.proof.headline


def test_what_the_application_runs_makes_room(tmp_path: Path) -> None:
    text = generated(made(write_shop(tmp_path), "Shop.Counter")).text
    assert ":ok = Supervisor.terminate_child(Shop.Supervisor, Counter)" in text
    assert "on_exit(fn -> Supervisor.restart_child(Shop.Supervisor, Counter) end)" in text
    assert "start_supervised!({Counter, [step: 2]})" in text
    assert "assert %{value: 0} = :sys.get_state(pid)" in text


def test_an_argument_that_only_the_application_knows_is_left_to_it(tmp_path: Path) -> None:
    application = FILES["lib/shop/application.ex"].replace(
        "{Shop.Counter, step: 2}", "{Shop.Counter, opts()}"
    )
    text = generated(
        made(write_shop(tmp_path, {"lib/shop/application.ex": application}), "Shop.Counter")
    ).text
    assert "{:ok, pid} = Supervisor.restart_child(Shop.Supervisor, Counter)" in text
    assert "new = restarted(Shop.Supervisor, pid)" in text
    assert "case List.keyfind(Supervisor.which_children(supervisor), Counter, 0) do" in text


def test_a_supervisor_without_a_name_is_found(tmp_path: Path) -> None:
    application = FILES["lib/shop/application.ex"].replace(", name: Shop.Supervisor", "")
    text = generated(
        made(write_shop(tmp_path, {"lib/shop/application.ex": application}), "Shop.Counter")
    ).text
    assert "supervisor = supervisor_of(Counter)" in text
    assert ":ok = Supervisor.terminate_child(supervisor, Counter)" in text


def test_who_does_not_come_back_is_not_crashed(tmp_path: Path) -> None:
    assert "crash" not in generated(made(write_shop(tmp_path), "Shop.Flags")).text


def test_one_function(tmp_path: Path) -> None:
    test = generated(made(write_shop(tmp_path), "Shop.Stack", "push/2"))
    assert test.text.startswith("defmodule Shop.Stack.PushTest do\n")
    assert test.text.count("  test ") == 1
    refused = made(write_shop(tmp_path), "Shop.Stack", "init/1")
    assert refused == Refused("Shop.Stack.init/1 asks nothing of the process")


@pytest.mark.parametrize(("start", "child"), STARTS)
def test_how_it_is_started(start: str, child: str, tmp_path: Path) -> None:
    assert f"start_supervised!({child})" in generated(of_server(tmp_path, f"{SERVER}{start}")).text


def test_the_name_that_clients_use_is_given(tmp_path: Path) -> None:
    text = generated(of_server(tmp_path, f"{NAMED}\ndef init(s), do: {{:ok, s}}")).text
    assert "{GenServer, :start_link, [Server, " in text
    assert "[name: Server]]}" in text


@pytest.mark.parametrize(("body", "reason"), REFUSED)
def test_what_is_refused(body: str, reason: str, tmp_path: Path) -> None:
    refused = of_server(tmp_path, body)
    assert isinstance(refused, Refused), refused
    assert reason in refused.reason
    assert "\n" not in refused.reason


@pytest.mark.parametrize(("function", "reason"), LEFT_OUT)
def test_what_is_left_out(function: str, reason: str, tmp_path: Path) -> None:
    start = "def start_link(_), do: GenServer.start_link(__MODULE__, nil)\ndef init(s), do: {:ok, s}"
    test = generated(of_server(tmp_path, f"{SERVER}\n{start}\n{function}"))
    assert reason in "\n".join(test.left_out)
    assert 'test "ping/1 of a fresh process"' in test.text


def test_a_persons_test_stays_as_it_is(tmp_path: Path) -> None:
    mine = "defmodule Shop.StackTest do\r\n  use ExUnit.Case\r\nend\r\n"
    root = write_shop(tmp_path)
    (root / "test/shop").mkdir()
    (root / "test/shop/stack_test.exs").write_bytes(mine.encode())
    test = generated(made(root, "Shop.Stack"))
    after = apply_to(test.change, {test.path: mine.encode()})[test.path].decode()
    assert after.startswith(f"{mine}\r\ndefmodule Shop.StackProcessTest do\r\n")
    assert test.change.kind is FixKind.SAFE
    (root / "test/shop/stack_test.exs").write_bytes(after.encode())
    refused = made(root, "Shop.Stack")
    assert isinstance(refused, Refused)
    assert "there is a Shop.StackProcessTest already" in refused.reason


def test_every_skeleton_is_formatted(tmp_path: Path) -> None:
    long = (
        "    def quite_a_long_name_of_a_function_that_takes(server, first_argument, second_argument, third)"
    )
    bodies = [f"{SERVER}{start}" for start, _ in STARTS]
    bodies.append(f"{bodies[0]}\n{long}, do: GenServer.call(server, {{:ping, first_argument}})")
    taken = "{first, second_argument}"
    bodies.append(f"{NAMED}\ndef init({taken}), do: {{:ok, {taken}}}")
    for number, body in enumerate(bodies):
        root = write_shop(tmp_path / str(number), server(body))
        for module in ("Shop.Server", "Shop.Counter", "Shop.Stack", "Shop.Flags"):
            (root / f"{module}.exs").write_text(generated(made(root, module)).text)
    check = 'for file <- System.argv(), do: IO.write([File.read!(file) |> Code.format_string!(), "\\n"])'
    files = sorted(tmp_path.glob("*/*.exs"))
    files = [file for file in files if file.name != "mix.exs"]
    ran = subprocess.run(["elixir", "-e", check, *files], capture_output=True, text=True, check=True)
    assert ran.stdout == "".join(file.read_text() for file in files)


def test_a_broken_file_is_not_tested(tmp_path: Path) -> None:
    root = write_shop(tmp_path, server("use GenServer\ndef init(s), do: {:ok, s"))
    assert read(root).all_facts("lib/shop/server.ex").broken
    refused = made(root, "Shop.Server")
    assert isinstance(refused, Refused)
    assert "syntax errors" in refused.reason
