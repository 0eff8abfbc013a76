"""OTP108, 113, 121 and 401: what their fixes do beyond the examples of the rules, and what they refuse."""

from __future__ import annotations

import pytest

from otp_genesis_refactorers.change import Change, Refused
from tests.example_project import DEFAULT_APPLICATION
from tests.fixes.fixing import changed_files, fixed, project_of
from tests.fixes.one_finding import check_becomes, check_refused, run_fix

MAILER = f"""
# file: lib/shop/application.ex
{DEFAULT_APPLICATION.replace("[]", "[Shop.Mailer]")}
# file: lib/shop/mailer.ex
defmodule Shop.Mailer do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
  def count, do: GenServer.call(__MODULE__, :count)

  def init(opts), do: {{:ok, opts}}

  def handle_call(:count, _from, state), do: {{:reply, state, state}}

  def handle_info({{:deliver, _mail}}, state), do: {{:noreply, state}}
end
# file: lib/shop/orders.ex
defmodule Shop.Orders do
  def confirm(order) do
    send(Shop.Mailer, {{:deliver, order}})
    :ok
  end
end
"""


def server(code: str) -> str:
    """A GenServer with these functions."""
    return f"defmodule Shop.Server do\n  use GenServer\n\n  def init(opts), do: {{:ok, opts}}\n\n{code}\nend"


def test_down_by_reference_when_the_reference_is_the_key() -> None:
    body = """  def handle_cast({:join, pid}, state) do
    ref = Process.monitor(pid)
    {:noreply, %{state | refs: Map.put(state.refs, ref, :joined)}}
  end"""
    added = """  def handle_info({:DOWN, ref, :process, _pid, _reason}, state) do
    {:noreply, %{state | refs: Map.delete(state.refs, ref)}}
  end"""
    check_becomes("OTP108", server(body), body, added)


@pytest.mark.parametrize(
    ("stored", "how"),
    [
        ("MapSet.put(pids, pid)", "MapSet.delete(pids, pid)"),
        ("pids |> Map.put(pid, true)", "Map.delete(pids, pid)"),
        ("[pid | pids]", "List.delete(pids, pid)"),
    ],
)
def test_down_undoes_what_was_done(stored: str, how: str) -> None:
    body = f"""  def handle_cast({{:join, pid}}, pids) do
    Process.monitor(pid)
    {{:noreply, {stored}}}
  end"""
    check_becomes("OTP108", server(body), "def handle_info({:DOWN, _ref, :process, pid, _reason}, pids)", how)


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ("state", "is no element of a list or set"),
        ("%{state | a: [pid | state.a], b: Map.put(state.b, pid, 1)}", "is put into 2 containers"),
        ("%{state | inner: %{state.inner | a: [pid | state.inner.a]}}", "is no element of a list or set"),
    ],
)
def test_down_is_refused_without_one_container(stored: str, reason: str) -> None:
    body = f"""  def handle_cast({{:join, pid}}, state) do
    Process.monitor(pid)
    {{:noreply, {stored}}}
  end"""
    check_refused("OTP108", server(body), reason)


def test_only_a_genserver_gets_clauses() -> None:
    machine = """
    defmodule Shop.Lamp do
      @behaviour :gen_statem
      def callback_mode, do: :handle_event_function
      def init(pids), do: {:ok, :off, pids}

      def handle_event(:cast, :go, _state, data) do
        {:keep_state, %{data | task: Task.async(fn -> :ok end)}}
      end
    end
    """
    check_refused("OTP121", machine, "is no GenServer")


def test_clauses_keep_line_breaks_and_indentation() -> None:
    text = server("  def handle_cast(:go, s), do: {:noreply, [Task.async(fn -> :ok end) | s]}")
    project = project_of({"lib/a.ex": (text + "\n").replace("\n", "\r\n").encode()})
    change = fixed(project, ("OTP121",))
    assert isinstance(change, Change)
    content = changed_files(change, project)["lib/a.ex"]
    assert content.count(b"\n") == content.count(b"\r\n")
    assert b"  def handle_info({ref, _result}, s) when is_reference(ref) do\r\n" in content


def test_clauses_stand_above_the_comment_of_the_last_clause() -> None:
    body = """  def handle_cast(:go, s), do: {:noreply, [Task.async(fn -> :ok end) | s]}

  def handle_info({:DOWN, _, _, _, _}, s), do: {:noreply, s}

  # everything else
  def handle_info(_message, s), do: {:noreply, s}"""
    result = run_fix("OTP121", server(body))
    assert not isinstance(result, Refused)
    (content,) = result[0].values()
    assert content.count(":DOWN") == 1
    assert content.index("{ref, _result}") < content.index("# everything else")


def test_the_clause_that_cleans_up_still_gets_the_end() -> None:
    body = """  def handle_cast(:go, s), do: {:noreply, Map.put(s, run().ref, 1)}
  defp run, do: Task.Supervisor.async_nolink(Shop.Tasks, fn -> :ok end)

  def handle_info({:DOWN, ref, _, _, _reason}, s), do: {:noreply, Map.delete(s, ref)}"""
    result = run_fix("OTP121", server(body))
    assert not isinstance(result, Refused)
    (content,) = result[0].values()
    assert "{ref, _result}" in content
    assert "demonitor" not in content


def test_an_end_that_means_a_failure_is_flushed() -> None:
    body = """  def handle_cast(:go, s), do: {:noreply, Map.put(s, run().ref, 1)}
  defp run, do: Task.Supervisor.async_nolink(Shop.Tasks, fn -> :ok end)

  def handle_info({:DOWN, ref, _, _, reason}, s), do: {:noreply, Shop.Alarm.failed(s, ref, reason)}"""
    check_becomes("OTP121", server(body), "Process.demonitor(ref, [:flush])")


@pytest.mark.parametrize(
    ("body", "after"),
    [
        (
            "case :ets.lookup(:t, k) do\n[{_, n}] -> :ets.insert(:t, {k, n + 2})\n"
            "[] -> :ets.insert(:t, {k, 2})\nend",
            ":ets.update_counter(:t, k, {2, 2}, {k, 0})",
        ),
        (
            "n = case :ets.lookup(:t, k) do\n[] -> 5\n[{^k, n}] -> n\nend\n:ets.insert(:t, {k, n - 1})\n:ok",
            ":ets.update_counter(:t, k, {2, -1}, {k, 5})",
        ),
        (
            "p = case :ets.lookup(:t, k) do\n[{_, p}] -> p + 1\n[] -> 1\nend\n:ets.insert(:t, {k, p})\np",
            "p = :ets.update_counter(:t, k, {2, 1}, {k, 0})\np",
        ),
        (
            "case :ets.lookup(:t, k) do\n[_] -> :taken\n[] -> :ets.insert(:t, {k, self()})\nend",
            "if :ets.insert_new(:t, {k, self()}) do",
        ),
        (
            "if :ets.member(:t, k) do\n:taken\nelse\n:ets.insert(:t, {k, 1})\n:mine\nend",
            "if :ets.insert_new(:t, {k, 1}) do\n  :mine\nelse\n  :taken\nend",
        ),
        (
            "unless :ets.member(:t, k) do\n:ets.insert(:t, {k, 1})\n:mine\nend",
            "if :ets.insert_new(:t, {k, 1}) do\n  :mine\nend",
        ),
        (
            "n = :ets.update_counter(:t, k, 1)\nif n > 10 do\n:ets.update_counter(:t, k, -1)\n:no\nend",
            ":ets.update_counter(:t, k, {2, 1, 10, 11})",
        ),
    ],
)
def test_one_step(body: str, after: str) -> None:
    check_becomes("OTP113", f"defmodule A do\ndef run(k) do\n{body}\nend\nend", after)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("[{_, n}] = :ets.lookup(:t, k)\n:ets.insert(:t, {k, [1 | n]})", "more than a number added"),
        (
            "n = case :ets.lookup(:t, k) do\n[{_, n}] -> n\n[] -> 0\nend\n:ets.insert(:t, {k, n + 1})\nn",
            "more than a number added",
        ),
        (
            "case :ets.lookup(:t, k) do\n[{_, p}] -> {:error, p}\n[] -> :ets.insert(:t, {k, self()})\nend",
            "do more than `:ets.insert_new/2`",
        ),
        (
            "case :ets.lookup(:t, k) do\n# free\n[] -> :ets.insert(:t, {k, self()})\n_ -> :taken\nend",
            "the comment at lib/example.ex:4",
        ),
        (
            "n = :ets.update_counter(:t, k, 1)\nif n > 10 do\n:ets.update_counter(:t, k, -1)\n:no\nend\n"
            ":ets.update_counter(:t, k, 0)",
            "the counter is changed at lib/example.ex:8",
        ),
    ],
)
def test_two_steps_are_kept(body: str, reason: str) -> None:
    check_refused("OTP113", f"defmodule A do\ndef run(k) do\n{body}\nend\nend", reason)


def test_clause_moves_to_the_calls() -> None:
    check_becomes(
        "OTP401",
        MAILER,
        "def deliver(mail), do: GenServer.call(__MODULE__, {:deliver, mail})",
        "def handle_call(:count, _from, state), do: {:reply, state, state}",
        "def handle_call({:deliver, _mail}, _from, state), do: {:reply, :ok, state}",
        "Shop.Mailer.deliver(order)",
    )


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("    :ok\n", "    send(Shop.Mailer, {:deliver, 1})\n", "is sent at lib/shop/orders.ex:4 too"),
        ("{:ok, opts}", "{:ok, send(self(), {:deliver, opts})}", "is sent at lib/shop/mailer.ex:7 too"),
        ("    send(", "    {:deliver, _} = send(", "is used: it is the message"),
        ("{:noreply, state}", "Shop.Smtp.run(state)", "gives more than `{:noreply, state}`"),
        ("{:deliver, _mail}", "{:deliver, %{to: _to}}", "give its parts names first"),
        ("def init", "def deliver(mail), do: mail\n\n  def init", "can't have a new function `deliver/1`"),
    ],
)
def test_a_call_is_refused(old: str, new: str, reason: str) -> None:
    check_refused("OTP401", MAILER.replace(old, new), reason)
