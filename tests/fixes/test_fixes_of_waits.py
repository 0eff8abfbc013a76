"""OTP114, 115, 125, 402 and 405: what their fixes do beyond the rules' examples, and what they refuse."""

from __future__ import annotations

from textwrap import indent

import pytest

from tests.fixes.one_finding import check_fixed, check_refused


def shop(body: str) -> str:
    """A module with these functions."""
    lines = [f"  {line}" if line else "" for line in body.strip("\n").splitlines()]
    return "\n".join(["defmodule Shop.Desk do", *lines, "end"])


ASK = """
def ask(server) do
  GenServer.call(server, :ask)
{handlers}
end
"""


def ask(handlers: str) -> str:
    return shop(ASK.replace("{handlers}", handlers))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("rescue\n  _ -> nil", "catch\n  :exit, _ -> nil"),
        ("rescue\n  e in _ -> {:error, e}", "catch\n  :exit, e -> {:error, e}"),
        ("rescue\n  RuntimeError -> nil", "catch\n  :exit, _reason -> nil"),
        ("catch\n  _ -> nil", "catch\n  :exit, _ -> nil"),
        (
            "rescue\n  # the server is away\n  error ->\n    Logger.error(inspect(error))\n    :error",
            "catch\n  # the server is away\n  :exit, error ->\n    Logger.error(inspect(error))\n    :error",
        ),
        ("rescue\n  _ -> nil\nafter\n  done()", "catch\n  :exit, _ -> nil\nafter\n  done()"),
        (
            f"rescue\n  _ -> {{:error, :{'w' * 74}}}",
            f"catch\n  :exit, _ ->\n    {{:error, :{'w' * 74}}}",
        ),
    ],
)
def test_the_handler_takes_exits(before: str, after: str) -> None:
    change = check_fixed("OTP405", ask(before), ask(after))
    assert "exited before" in change.notes[0]


def test_beside_what_can_raise_a_handler_is_added() -> None:
    before = """
def ask(server) do
  try do
    server |> Shop.Names.fetch!() |> GenServer.call(:ask)
  rescue
    error -> {:error, error}
  after
    done()
  end
end
"""
    added = "    error -> {:error, error}\n  catch\n    :exit, error -> {:error, error}\n"
    check_fixed("OTP405", shop(before), shop(before.replace("    error -> {:error, error}\n", added)))


@pytest.mark.parametrize(
    "handlers",
    [
        "rescue\n  e -> Exception.message(e)",
        "rescue\n  e -> e |> Exception.message()",
        "rescue\n  e -> {:error, e.message}",
        "rescue\n  e ->\n    log()\n    reraise(e, __STACKTRACE__)",
    ],
)
def test_an_exit_reason_is_no_exception(handlers: str) -> None:
    check_refused("OTP405", ask(handlers), "is taken for an exception")


def test_handlers_that_tell_failures_apart_are_left() -> None:
    check_refused("OTP405", ask("rescue\n  RuntimeError -> 1\n  _ -> 2"), "tell failures apart")
    check_refused("OTP405", ask("rescue\n  _ -> 1\ncatch\n  _ -> 2"), "tell failures apart")


def test_a_handler_of_several_lines_is_not_doubled() -> None:
    body = "rescue\n  _ ->\n    log()\n    :error"
    text = ask(body).replace("GenServer.call(server, :ask)", "server |> fetch!() |> GenServer.call(:ask)")
    check_refused("OTP405", text, "has several lines")


def test_a_handler_on_the_line_of_its_call_is_left() -> None:
    text = shop("def ask(server), do: (try do: GenServer.call(server, :ask), rescue: (_ -> nil))")
    check_refused("OTP405", text, "write the `try` as a block first")


FALLBACK = """
def place(pid, order) do
  GenServer.call(pid, {:place, order})
catch
{handler}
end
"""


def fallback(handler: str) -> str:
    return shop(FALLBACK.replace("{handler}", handler))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  :exit, _ -> send(pid, {:place, order})", "  :exit, reason -> {:error, reason}"),
        ("  :exit, why -> GenServer.cast(pid, {:place, order})", "  :exit, why -> {:error, why}"),
        ("  :exit, _ -> pid |> send({:place, order})", "  :exit, reason -> {:error, reason}"),
        (
            '  # slow\n  :exit, _why ->\n    Logger.info("slow")\n    send(pid, {:place, order})\n    :ok',
            '  # slow\n  :exit, reason ->\n    Logger.info("slow")\n    {:error, reason}',
        ),
    ],
)
def test_the_handler_tells_of_the_failure(before: str, after: str) -> None:
    change = check_fixed("OTP402", fallback(before), fallback(after))
    assert "{:error, reason}" in change.notes[0]


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        ("  :exit, {:timeout, _} ->\n    send(pid, {:place, order})\n    :ok", "tells failures apart"),
        ("  _, _ -> send(pid, {:place, order})", "tells failures apart"),
        ("  :exit, _ ->\n    count()\n    send(pid, {:place, order})", "does more than send and log"),
        ("  :exit, _ ->\n    send(pid, {:place, order})\n    count()", "does more than send and log"),
        (
            "  :exit, _ ->\n    sent = send(pid, {:place, order})\n    {:ok, sent}",
            "does more than send and log",
        ),
        ("  :exit, _ ->\n    send(pid, {:place, order})\n    # told\n    :ok", "a comment stands between"),
    ],
)
def test_a_handler_that_does_more_is_left(handler: str, reason: str) -> None:
    check_refused("OTP402", fallback(handler), reason)


def cart(start: str) -> str:
    body = f"""
def cart(id) do
  case Registry.lookup(Shop.Registry, id) do
    [] ->
{indent(start, "      ")}

    [{{pid, _}}] ->
      {{:ok, pid}}
  end
end
"""
    return shop(body)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "DynamicSupervisor.start_child(Shop.Carts, id)",
            "with {:error, {:already_started, pid}} <- DynamicSupervisor.start_child(Shop.Carts, id),\n"
            "     do: {:ok, pid}",
        ),
        (
            "id |> Shop.Cart.start_link()",
            "with {:error, {:already_started, pid}} <- id |> Shop.Cart.start_link(), do: {:ok, pid}",
        ),
        (
            "{:ok, cart} = Shop.Cart.start_link(id)\nlog()\n{:ok, cart}",
            "cart =\n  case Shop.Cart.start_link(id) do\n    {:ok, cart} -> cart\n"
            "    {:error, {:already_started, cart}} -> cart\n  end\n\nlog()\n{:ok, cart}",
        ),
        (
            "log()\n# now\n{:ok, _} = Shop.Cart.start_link(id)\n\n{:ok, nil}",
            "log()\n# now\n_pid =\n  case Shop.Cart.start_link(id) do\n    {:ok, pid} -> pid\n"
            "    {:error, {:already_started, pid}} -> pid\n  end\n\n{:ok, nil}",
        ),
        (
            "case Shop.Cart.start_link(id) do\n  {:ok, pid} -> {:ok, pid}\n  error -> error\nend",
            "case Shop.Cart.start_link(id) do\n  {:ok, pid} -> {:ok, pid}\n"
            "  {:error, {:already_started, pid}} -> {:ok, pid}\n  error -> error\nend",
        ),
    ],
)
def test_who_comes_second_gets_the_process(before: str, after: str) -> None:
    check_fixed("OTP114", cart(before), cart(after))


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ("start(id)", "the start is in `start/1`"),
        ("{:ok, pid} = Shop.Cart.start_link(id)", "of one line"),
        ("{:ok, %{pid: pid}} = Shop.Cart.start_link(id)\npid", "of one line"),
        ("case Shop.Cart.start_link(id) do\n  {:ok, pid} ->\n    log()\n    pid\nend", "add a clause for"),
        ("Shop.Cart.start_link(id) |> done()", "can't be rewritten safely"),
        (f"Shop.Cart.start_link(id, {'w' * 52})", "would be too long"),
        (
            f"case Shop.Cart.start_link(id) do\n  {{:ok, pid}} -> {{pid, {'w' * 52}}}\nend",
            "would be too long",
        ),
    ],
)
def test_a_start_of_another_shape_is_left(start: str, reason: str) -> None:
    helper = "\n\n  defp start(id), do: Shop.Cart.start_link(id)\nend"
    check_refused("OTP114", cart(start).removesuffix("\nend") + helper, reason)


def test_a_branch_of_another_value_is_left() -> None:
    text = cart("Shop.Cart.start_link(id)").replace("{:ok, pid}", "pid")
    check_refused("OTP114", text, "is no `{:ok, pid}`")


def price(wait: str) -> str:
    return shop(
        f"def price(item) do\n  task = Task.async(fn -> fetch(item) end)\n\n{indent(wait, '  ')}\nend"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "case Task.yield(task, 10) do\n  {:ok, it} -> it\n  # slow\n  nil -> 0\nend",
            "case Task.yield(task, 10) || Task.shutdown(task, :brutal_kill) do\n"
            "  {:ok, it} -> it\n  # slow\n  nil -> 0\nend",
        ),
        ("it = Task.yield(task)\nit", "it = Task.yield(task) || Task.shutdown(task, :brutal_kill)\nit"),
    ],
)
def test_the_task_is_shut_down(before: str, after: str) -> None:
    check_fixed("OTP125", price(before), price(after))


@pytest.mark.parametrize(
    ("wait", "reason"),
    [
        (
            "task |> Task.yield(10) |> case do\n  {:ok, it} -> it\n  nil -> 0\nend",
            "the task at lib/example.ex:5 has no name there",
        ),
        ("with {:ok, it} <- Task.yield(task, 10) |> ok(), do: it", "goes on at once"),
        ("try do\n  Task.await(task)\ncatch\n  :exit, _ -> 0\nend", "the exit of `Task.await` is caught"),
        (f"{'w' * 50} = Task.yield(task)\n{'w' * 50}", "would be too long"),
    ],
)
def test_a_wait_of_another_shape_is_left(wait: str, reason: str) -> None:
    check_refused("OTP125", price(wait), reason)


def save(body: str) -> str:
    return shop(f"def save(path, json) do\n{indent(body, '  ')}\nend")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "File.rm!(path)\nFile.write!(path, json, [:utf8])\n:ok",
            'tmp = path <> ".tmp"\nFile.write!(tmp, json, [:utf8])\nFile.rename!(tmp, path)\n:ok',
        ),
        (
            "prepare()\nFile.rm(path)\n\nFile.write(path, json)",
            'prepare()\ntmp = path <> ".tmp"\n\n'
            "with :ok <- File.write(tmp, json), do: File.rename(tmp, path)",
        ),
    ],
)
def test_the_file_is_renamed(before: str, after: str) -> None:
    check_fixed("OTP115", save(before), save(after))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("File.rm(path)\nprepare()\nFile.write!(path, json)", "bring them together"),
        ("File.rm(path); File.write!(path, json)", "bring them together"),
        ('File.rm("out")\nFile.write!("out", json)', "bind it to one first"),
        ("tmp = 1\nFile.rm(path)\nFile.write!(path, tmp)", "has a `tmp` already"),
        ("File.rm(path)\nFile.write(\n  path,\n  json\n)", "has several lines"),
    ],
)
def test_a_file_that_is_handled_otherwise_is_left(body: str, reason: str) -> None:
    check_refused("OTP115", save(body), reason)
