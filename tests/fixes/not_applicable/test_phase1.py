"""OTP108 to OTP125: where the fix of a monitor, an atom, a race or a wait does not apply."""

from __future__ import annotations

import pytest

from tests.fixes.not_applicable.saying_why import Case, application, check_reason, files, server


def joining(pattern: str, monitor: str, state: str, opening: str = "") -> str:
    """A server that monitors who joins, on the seventh line of its file where there is no `opening`."""
    return opening + server(
        f"""
        def handle_cast({pattern}) do
          {monitor}
          {{:noreply, {state}}}
        end
        """
    )


MONITORS: list[Case] = [
    (
        "OTP108",
        joining("{:join, pid}, opts", "Process.monitor(pid, tag: :gone)", "[pid | opts]"),
        "has a `tag:` of its own, under which its message comes instead of `:DOWN`",
    ),
    (
        "OTP108",
        joining("{:join, name}, opts", "Process.monitor(name)", "[name | opts]").replace(
            ", opts) do", ", opts) when is_atom(name) do"
        ),
        "is of a name, and `:DOWN` brings `{name, node}`",
    ),
    (
        "OTP108",
        joining("{:join, pid}, opts", "Process.monitor(pid)", "Map.put(opts, pid, 1)", "alias Shop.Map\n"),
        "no key of a map that the state holds",
    ),
    (
        "OTP108",
        joining("{:join, name, pid}, opts", "Process.monitor(pid)", "Map.put(opts, name, pid)"),
        "no key of a map",
    ),
    (
        "OTP108",
        joining("{:join, pid}, {pids, count}", "Process.monitor(pid)", "{[pid | pids], count + 1}"),
        "what is monitored at lib/example.ex:5 is no element of a list or set",
    ),
    (
        "OTP108",
        joining("{:join, pid}, opts", "ref = Process.monitor(pid)", "[{pid, ref} | opts]"),
        "that undoes what was done for it",
    ),
]

ATOMS: list[Case] = [
    (
        "OTP112",
        "def run(line), do: line |> String.split() |> Enum.map(&apply(String, :to_atom, [&1]))",
        "is put together at run time, so it hardly exists before",
    ),
    (
        "OTP112",
        """
        def start_link(id) do
          name = String.to_atom("room_" <> id)
          GenServer.start_link(__MODULE__, id, name: name)
        end
        """,
        "is the new name of a process, and one that exists would be taken",
    ),
    (
        "OTP112",
        "def table(id), do: :ets.new(String.to_atom(id), [:named_table])",
        "is the new name of a table",
    ),
    (
        "OTP112",
        "def join(id), do: Process.register(self(), String.to_atom(id))",
        "is the new name of a process",
    ),
    (
        "OTP112",
        "def open(id), do: DynamicSupervisor.start_child(Shop.Rooms, {Shop.Room, name: String.to_atom(id)})",
        "name a process with `{:via, Registry, {registry, key}}`",
    ),
    (
        "OTP112",
        "import String, only: [to_atom: 1]\n\ndef read(text), do: to_atom(text)",
        "without its module",
    ),
]

HITS = """
def init, do: :ets.new(:hits, [:named_table, :public{options}])

def bump(ip) do
  case :ets.lookup(:hits, ip) do
    [{{_, count}}] -> :ets.insert(:hits, {{ip, count + 1}})
    [] -> :ets.insert(:hits, {{ip, 1}})
  end
end
"""
SLOTS = """
def take(key, limit) do
  count = :ets.update_counter(:slots, key, {by}, {{key, 0}})

  if count {compared} limit do
    :ets.update_counter(:slots, key, -{by})
    {{:error, :full}}
  else
    :ok
  end
end
"""
CLAIM = """
def claim(key) do
  case :ets.lookup(:locks, key) do
    [] ->
      :ets.insert(:locks, {key, 1})
      :mine

    [{_, PATTERN}] ->
      :taken
  end
end
"""
TABLES: list[Case] = [
    (
        "OTP113",
        files(hits=HITS.format(options=""), web="def index(ip) do\n  true = Shop.Hits.bump(ip)\n  :ok\nend"),
        "`Shop.Hits.bump/1` gives `true`, which lib/shop/web.ex:3 uses",
    ),
    ("OTP113", HITS.format(options=", keypos: 2"), "the table is made at lib/example.ex:2 with a `keypos:`"),
    ("OTP113", HITS.format(options="").replace("count + 1", "count * 2"), "is more than a number added"),
    ("OTP113", CLAIM.replace("PATTERN", "-1"), "do more than `:ets.insert_new/2` can stand for"),
    (
        "OTP113",
        files(
            slots=SLOTS.format(by=1, compared=">"),
            till="def release(key), do: :ets.update_counter(:slots, key, -1)",
        ),
        "`Shop.Till` in lib/shop/till.ex changes the counter too",
    ),
    ("OTP113", SLOTS.format(by=2, compared=">"), "are no count of one and an `if n > limit`"),
    ("OTP113", SLOTS.format(by=1, compared=">="), "give `:ets.update_counter/4` the limit by hand"),
]

ENSURE = """
def ensure(id) do
  case Registry.lookup(R, id) do
    [{{pid, _}}] -> {found}
    [] -> {start}
  end
end
"""
START = "DynamicSupervisor.start_child(S, {Shop.Room, id})"
CHECKS: list[Case] = [
    (
        "OTP114",
        ENSURE.format(found="{:ok, pid}", start=START.replace("(", " ").replace(")", "")),
        "no parentheses",
    ),
    (
        "OTP114",
        f"""
        def ensure(id) do
          if Process.whereis(Shop.Room) == nil do
            case {START} do
              {{:error, reason}} -> {{:error, reason}}
              {{:ok, pid}} -> pid
            end
          end
        end
        """,
        "the clause at lib/example.ex:5 takes every error",
    ),
    (
        "OTP114",
        f"""
        def ensure(id) do
          if Process.whereis(Shop.Room) == nil do
            case {START} do
              {{:ok, pid}} when is_pid(pid) -> pid
              {{:error, reason}} -> {{:error, reason}}
            end
          end
        end
        """,
        "has no `{:ok, pid} -> ...` of one line",
    ),
    (
        "OTP114",
        "def tell(pid, message) do\n  if Process.alive?(pid), do: GenServer.call(pid, message)\nend",
        "may end before lib/example.ex:3 turns to it",
    ),
    (
        "OTP115",
        "def save(path, json) do\n  File.rm path\n  File.write path, json\nend",
        "without parentheses",
    ),
    (
        "OTP115",
        "def save(path, json) do\n  unless File.exists?(path), do: File.write!(path, json)\nend",
        "the file may come or go between lib/example.ex:3 and lib/example.ex:3",
    ),
    (
        "OTP115",
        'def save(json) do\n  File.rm("state.json")\n  File.write!("state.json", json)\nend',
        "is no variable: bind it to one first",
    ),
]

ASK = "def ask(pid), do: GenServer.call(pid, :ask, :infinity)"
WAITS: list[Case] = [
    (
        "OTP117",
        "def run(job) do\n  task = Task.async(job)\n\n  case Task.yield(task, :infinity) do\n"
        "    {:ok, it} -> it\n    _ -> :none\n  end\nend",
        "would run on when the time is up: write `Task.yield(task, time) || Task.shutdown(task)`",
    ),
    (
        "OTP117",
        f"{ASK}\n@call_timeout 5_000\ndef tell(pid), do: GenServer.call(pid, :tell, @call_timeout)",
        "@call_timeout is set at lib/example.ex:3, below lib/example.ex:2",
    ),
    (
        "OTP117",
        f"@call_timeout 5_000\ndef tell(pid), do: GenServer.call(pid, :tell, @call_timeout)\n"
        f"@call_timeout 9_000\n{ASK}",
        "@call_timeout is set several times in Shop.A",
    ),
    ("OTP117", f"@call_timeout :timer.minutes(2)\n{ASK}", "has an attribute @call_timeout already"),
    (
        "OTP117",
        "@forever :infinity\ndef run(items), do: Task.async_stream(items, &load/1, timeout: @forever)",
        "the timeout `@forever` at lib/example.ex:3 is written elsewhere",
    ),
    ("OTP118", "def stop, do: System.halt(1)", "`System.halt` at lib/example.ex:2 ends the virtual machine"),
    ("OTP118", "def stop(pid), do: :erlang.exit(pid, :normal)", "nothing ends by the signal"),
    (
        "OTP118",
        """
        def stop(pid) do
          ref = Process.monitor(pid)
          Process.exit(pid, :kill)

          receive do
            {:DOWN, ^ref, :process, ^pid, :killed} -> :ok
          end
        end
        """,
        "lib/example.ex:7 waits for the reason `:killed`",
    ),
    (
        "OTP118",
        server(
            """
            def handle_cast({:drop, pid}, opts) do
              Process.exit(pid, :kill)
              {:noreply, opts}
            end
            def handle_info({:DOWN, _, :process, _, :killed}, opts), do: {:noreply, opts}
            def handle_info({:DOWN, _, :process, _, reason}, opts), do: {:stop, reason, opts}
            """
        ),
        "which `:shutdown` at lib/example.ex:5 would not give",
    ),
]

TAKES_BOTH = """
def handle_cast({:load, file}, opts), do: {:noreply, [Task.async(fn -> File.read!(file) end) | opts]}
def handle_info({ref, rows}, opts) when is_reference(ref), do: {:noreply, [rows | opts]}
def handle_info({:DOWN, _ref, :process, _pid, reason}, opts), do: {:noreply, [reason | opts]}
"""
RESULTS: list[Case] = [
    ("OTP121", server(TAKES_BOTH), "takes the result of the task at lib/example.ex:4 already"),
    (
        "OTP121",
        """
        use GenStage

        def init(opts), do: {:producer, opts}
        def handle_demand(_count, opts), do: {:noreply, [], opts}
        def handle_cast(:go, opts), do: {:noreply, [], [Task.async(fn -> :ok end) | opts]}
        """,
        "`Shop.A` at lib/example.ex:1 is no GenServer",
    ),
    (
        "OTP121",
        """
        @behaviour :gen_statem

        def callback_mode, do: :handle_event_function
        def init(opts), do: {:ok, :idle, opts}

        def handle_event(:cast, :go, _state, opts) do
          {:keep_state, [Task.Supervisor.async_nolink(Shop.Tasks, fn -> :ok end) | opts]}
        end
        """,
        "as `handle_event(:info, message, state, data)`",
    ),
    (
        "OTP125",
        "def run(job) do\n  task = Task.async(job)\n\n  case task |> Task.yield(100) do\n    {:ok, it} -> "
        "it\n    nil -> :late\n  end\nend",
        "the task at lib/example.ex:5 has no name there",
    ),
    (
        "OTP125",
        "def run(job) do\n  task = Task.async(job)\n  Task.yield(task, 100) || :late\nend",
        "goes on at once: bind it to a name, with `|| Task.shutdown(task)`",
    ),
    (
        "OTP125",
        "def run(job) do\n  task = Task.async(job)\n  Task.await(task, 100)\ncatch\n  :exit, _ -> :late\nend",
        "the exit of `Task.await` is caught around lib/example.ex:4",
    ),
]


@pytest.mark.parametrize(("code", "text", "reason"), [*MONITORS, *ATOMS, *TABLES, *CHECKS, *WAITS, *RESULTS])
def test_it_says_why_it_does_not_apply(code: str, text: str, reason: str) -> None:
    check_reason(code, text, reason)


def test_no_timeout_can_be_configured_without_an_application() -> None:
    text = files(a=ASK) + application("[]").replace("app: :shop", "app: @app")
    check_reason("OTP117", text, "is not known, so no configuration can hold the timeout")
