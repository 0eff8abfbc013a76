"""Claims about OTP that are often made and are false: no rule may be built on one, no text may repeat one.

What really happens is shown by the scripts in `tests/beam`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from inspect import cleandoc
from pathlib import Path

import pytest

import otp_genesis_refactorers.fixes
from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import Finding, Severity
from otp_genesis_analyzers.rules import all_rules, find_rule
from otp_genesis_analyzers.rules.page import page, section
from otp_genesis_refactorers.change import Change
from otp_genesis_refactorers.fixes import fix
from tests.example_project import findings_in, parse, write_project
from tests.fixes.fixing import STRICT, changed_files, decoded, files_of, project_of

# --- code that a false claim would report -------------------------------------------------------------


def server(code: str) -> str:
    """A GenServer of these functions, started by its application."""
    lines = [f"  {line}" if line else "" for line in cleandoc(code).splitlines()]
    return "\n".join(
        [
            "# file: lib/shop/application.ex",
            "defmodule Shop.Application do",
            "  use Application",
            "  def start(_type, _args), do: Supervisor.start_link([Shop.Server], strategy: :one_for_one)",
            "end",
            "# file: lib/shop/server.ex",
            "defmodule Shop.Server do",
            "  use GenServer",
            "",
            "  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)",
            "",
            *lines,
            "end",
        ]
    )


SILENT = {
    "a :DOWN handler needs a demonitor": server(
        """
        def init(_opts), do: {:ok, %{}}

        def handle_call({:join, pid}, _from, refs) do
          ref = Process.monitor(pid)
          {:reply, :ok, Map.put(refs, ref, pid)}
        end

        def handle_info({:DOWN, ref, :process, _pid, _reason}, refs), do: {:noreply, Map.delete(refs, ref)}
        """
    ),
    "a GenServer without handle_info fills its mailbox": server(
        """
        def init(opts), do: {:ok, opts}
        def handle_call(:get, _from, opts), do: {:reply, opts, opts}
        """
    ),
    "a named table that a restarted server makes again crashes it": server(
        """
        def init(opts) do
          :ets.new(__MODULE__, [:named_table])
          {:ok, opts}
        end

        def handle_call({:put, key}, _from, opts), do: {:reply, :ets.insert(__MODULE__, {key}), opts}
        def handle_call(:clear, _from, opts), do: {:reply, :ets.delete_all_objects(__MODULE__), opts}
        """
    ),
    "send_after to oneself is unsupervised, and leaks when the process ends": server(
        """
        def init(opts) do
          Process.send_after(self(), :tick, 1_000)
          {:ok, opts}
        end

        def handle_info(:tick, opts) do
          Process.send_after(self(), :tick, 1_000)
          {:noreply, opts}
        end
        """
    ),
    "a deferred reply blocks the server": server(
        """
        def init(opts), do: {:ok, opts}

        def handle_call({:fetch, url}, from, opts) do
          Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> GenServer.reply(from, Req.get!(url)) end)
          {:noreply, opts}
        end
        """
    ),
    "check-then-act on a table inside of one GenServer is a race": server(
        """
        def init(_opts), do: {:ok, :ets.new(:seats, [:set])}

        def handle_call({:take, seat, who}, _from, seats) do
          case :ets.lookup(seats, seat) do
            [] -> {:reply, :ets.insert(seats, {seat, who}), seats}
            _ -> {:reply, false, seats}
          end
        end

        def handle_call({:leave, seat}, _from, seats), do: {:reply, :ets.delete(seats, seat), seats}
        """
    ),
    "a monitor that is followed by alive? and an insert loses the :DOWN": server(
        """
        def init(_opts), do: {:ok, %{}}

        def handle_call({:join, pid}, _from, refs) do
          ref = Process.monitor(pid)
          refs = if Process.alive?(pid), do: Map.put(refs, ref, pid), else: refs
          {:reply, :ok, refs}
        end

        def handle_info({:DOWN, ref, :process, _pid, _reason}, refs), do: {:noreply, Map.delete(refs, ref)}
        """
    ),
    "Task.async and async_stream without a supervisor leave orphans": """
    # file: lib/shop/prices.ex
    defmodule Shop.Prices do
      def all(urls) do
        task = Task.async(fn -> Req.get!("https://shop.example") end)
        prices = urls |> Task.async_stream(&Req.get!/1) |> Enum.to_list()
        {Task.await(task), prices}
      end
    end
    """,
    "a list that is cut with Enum.take grows without bounds": server(
        """
        def init(_opts), do: {:ok, []}
        def handle_cast({:log, line}, lines), do: {:noreply, Enum.take([line | lines], 100)}
        def handle_call(:lines, _from, lines), do: {:reply, lines, lines}
        """
    ),
    "update_counter and then a comparison lets too many in": """
    # file: lib/shop/limiter.ex
    defmodule Shop.Limiter do
      def allow?(key, limit) do
        :ets.update_counter(:limits, key, {2, 1, limit, limit + 1}, {key, 0}) <= limit
      end
    end
    """,
    ":ets.first walks the whole table": """
    # file: lib/shop/queue.ex
    defmodule Shop.Queue do
      def next, do: :ets.first(:queue)
    end
    """,
    "a process that sleeps for ever is a sleep too many": """
    # file: lib/shop/placeholder.ex
    defmodule Shop.Placeholder do
      def run, do: Process.sleep(:infinity)
    end
    """,
}


@pytest.mark.parametrize("claim", SILENT)
def test_no_rule_believes_that(claim: str, tmp_path: Path) -> None:
    project = write_project(tmp_path, parse(cleandoc(SILENT[claim]) + "\n").files)
    assert not any(analysis.facts.broken for analysis in project.files.values())
    spoken = [(one.code, one.message) for one in findings_in(project) if one.severity >= Severity.WARNING]
    assert spoken == []


def test_a_monitored_pid_is_not_asked_to_be_demonitored_after_its_end(tmp_path: Path) -> None:
    project = write_project(tmp_path, parse(SILENT["a :DOWN handler needs a demonitor"].strip() + "\n").files)
    assert not {"OTP108", "OTP109"} & {finding.code for finding in findings_in(project)}


def test_the_sigil_ends_at_its_first_closing_delimiter(tmp_path: Path) -> None:
    """And not at the one that would make pairs of them: what follows is code again."""
    text = "defmodule A do\n  def f(x), do: {~s(a (b), spawn(fn -> x end)}\nend\n"
    project = write_project(tmp_path, {"lib/a.ex": text})
    assert not project.files["lib/a.ex"].facts.broken
    (function,) = project.all_facts("lib/a.ex").modules[0].functions
    assert "Kernel.spawn/1" in {call.target for call in function.clauses[0].calls}


# --- fixes that would rest on one ----------------------------------------------------------------------

MAILER = """
# file: lib/shop/mailer.ex
defmodule Shop.Mailer do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  def init(opts), do: {:ok, opts}

  def handle_call(:count, _from, state), do: {:reply, 1, state}

  def handle_info({:deliver, _mail}, state), do: {:noreply, state}
end
# file: lib/shop/orders.ex
defmodule Shop.Orders do
  def confirm(order) do
    send(Shop.Mailer, {:deliver, order})
    :ok
  end
end
"""
LIMITER = """
# file: lib/shop/limiter.ex
defmodule Shop.Limiter do
  def setup, do: :ets.new(:limits, [:named_table, :public])

  def allow?(key, limit) do
    count = :ets.update_counter(:limits, key, 1, {key, 0})

    if count > limit do
      :ets.update_counter(:limits, key, -1)
      false
    else
      true
    end
  end
end
"""


def fixes_of(text: str, code: str) -> Iterator[tuple[Finding, str]]:
    """Each finding of a rule that its fix changes something for, with all the text that it writes."""
    project = project_of(files_of(text))
    for finding in engine.check(project, STRICT):
        change = fix(finding, project) if finding.code == code else None
        if isinstance(change, Change):
            yield finding, "\n".join([change.title, *decoded(changed_files(change, project)).values()])


def test_a_send_is_not_replaced_by_a_cast() -> None:
    """A cast to a name that nobody has says `:ok`; a send raises, and only a call is confirmed."""
    written = [text for _, text in fixes_of(MAILER, "OTP401")]
    assert written and all("GenServer.call(" in text and "cast" not in text for text in written)


def test_a_limit_is_counted_in_one_step() -> None:
    """`select_replace` with a guard over a body is no match specification, and inserts nothing."""
    written = [text for _, text in fixes_of(LIMITER, "OTP113")]
    assert written and all("{2, 1, limit, limit + 1}" in text for text in written)
    assert not any("select_replace" in text for text in written)


# --- words ---------------------------------------------------------------------------------------------

FALSE_WORDS = {
    "cast is more reliable than send": r"\bcast\b[^.]{0,60}\b(reliabl|safer|guarantees|raises)",
    "a sleep blocks the scheduler": r"(sleep|wait)[^.]{0,60}\bblocks? (the|a) scheduler",
    "a mailbox fills for lack of handle_info": r"without (any )?`?handle_info[^.]{0,60}\b(fills|piles|grows)",
    "a named table survives its owner": r"table[^.]{0,40}\bsurvives\b",
    "a call to itself hangs until the timeout": r"itself[^.]{0,40}\b(hangs|waits) until[^.]{0,12}time-?out",
    "demonitor after :DOWN": r":DOWN[^.]{0,60}\b(must|has to|should) (call )?`?(Process\.)?demonitor",
    "checks that Credo does not have": r"Credo\.Check\.Warning\.ProcessDict|UnsafeExec",
    "the match specification that raises": r"select_replace\([^)]*\{:\+",
    "orphans of Task.async": r"Task\.async[^.]{0,40}\borphan",
    ":ets.first is slow": r":ets\.first[^.]{0,40}\b(slow|O\(n\)|whole table)",
}


def texts() -> Iterator[tuple[str, str]]:
    """Every text about a rule: its page, what the plan says, what its module and its fix say."""
    for rule in all_rules():
        yield rule.code, page(rule)
        module = files(type(rule).__module__.rpartition(".")[0]) / f"{rule.name.replace('-', '_')}.py"
        yield f"{rule.code} messages", module.read_text("utf-8")
        wording = files("otp_genesis_refactorers.plan") / "rules" / f"{rule.name}.toml"
        if wording.is_file():
            yield f"{rule.code} plan", wording.read_text("utf-8")
    (folder,) = otp_genesis_refactorers.fixes.__path__
    for file in sorted(Path(folder).glob("*.py")):
        yield file.name, file.read_text("utf-8")


@pytest.mark.parametrize("claim", FALSE_WORDS)
def test_no_text_repeats_it(claim: str) -> None:
    pattern = re.compile(FALSE_WORDS[claim])
    assert [
        (name, found[0]) for name, text in texts() if (found := pattern.search(" ".join(text.split())))
    ] == []


@pytest.mark.parametrize(
    ("code", "heading", "words"),
    [
        ("OTP108", "Use instead", "a monitor is gone once its message has come"),
        ("OTP111", "Why it matters on the BEAM", "at once"),
        ("OTP203", "Why it matters on the BEAM", "trap"),
        ("OTP405", "Why it matters on the BEAM", "exit"),
    ],
)
def test_a_page_says_what_really_happens(code: str, heading: str, words: str) -> None:
    rule = find_rule(code)
    assert rule is not None
    assert words in " ".join(section(rule, heading).split())
