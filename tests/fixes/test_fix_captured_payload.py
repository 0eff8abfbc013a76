"""OTP311: where the fields are bound, what they are called, and when the function is left alone."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers.findings import FixKind
from tests.fixes.test_fixes_of_servers import check_becomes, check_refused

TASK = "Task.Supervisor.start_child(S, fn -> {use} end)"
TRACKS = TASK.format(use="track(conn.host)")


def plug(body: str) -> str:
    """A plug whose `call/2` has this body."""
    lines = "\n".join(f"    {line}" if line else "" for line in body.splitlines())
    return f"defmodule Shop.A do\n  @behaviour Plug\n\n  def call(conn, opts) do\n{lines}\n  end\nend"


@pytest.mark.parametrize(
    ("body", "after"),
    [
        (
            f"{TRACKS}\nconn",
            ("    host = conn.host\n    Task.Supervisor.start_child(S, fn -> track(host) end)\n",),
        ),
        (f"x = 1\n\n# why\n_ = {TRACKS}\nconn", ("x = 1\n\n    host = conn.host\n    # why\n    _ = Task",)),
        (f"host = opts[:host]\n{TRACKS}\n{{conn, host}}", ("conn_host = conn.host\n", "track(conn_host)")),
        (
            f"if opts do\n  {TASK.format(use='track(conn.host, conn.port, conn.host)')}\nend\n\nconn",
            (
                "    if opts do\n      host = conn.host\n      port = conn.port\n      Task",
                "track(host, port, host)",
            ),
        ),
        (
            "Task.Supervisor.start_child(S, fn ->\n  track(conn.host)\nend)\n\nconn",
            ("host = conn.host\n\n    Task.Supervisor.start_child(S, fn ->\n      track(host)\n",),
        ),
        (
            f"{TASK.format(use=chr(34) + '#{conn.method}' + chr(34))}\nconn",
            ("method = conn.method", '"#{method}"'),
        ),
        (
            "fn -> track(conn.host) end |> Task.start()\nconn",
            ("host = conn.host\n    fn -> track(host) end |> Task.start()",),
        ),
    ],
)
def test_fields_are_bound_before(body: str, after: tuple[str, ...]) -> None:
    assert check_becomes("OTP311", plug(body), *after).kind is FixKind.SAFE


def test_what_may_be_another_value_by_now_is_not_safe() -> None:
    text = """
    defmodule Shop.Page do
      def show(%Plug.Conn{} = conn) do
        conn = lookup(conn)
        Task.start(fn -> Shop.Log.seen(conn.host) end)
      end

      defp lookup(conn), do: Shop.Pages.find(conn)
    end
    """
    change = check_becomes("OTP311", text, "host = conn.host", "Shop.Log.seen(host)")
    assert change.kind is FixKind.UNSAFE


def test_one_line_becomes_a_block() -> None:
    start = TASK.format(use="track(c.host, c.port)")
    text = f"defmodule Shop.A do\n  def run(%Plug.Conn{{}} = c), do: {start}\nend"
    check_becomes(
        "OTP311", text, "= c) do\n    host = c.host\n    port = c.port\n    Task.Supervisor.start_child(S,"
    )


@pytest.mark.parametrize("use", ["track(conn.assigns.user)", "track(conn.unheard_of)"])
def test_a_field_that_may_not_be_there_is_not_safe(use: str) -> None:
    assert check_becomes("OTP311", plug(f"{TASK.format(use=use)}\nconn"), "= conn.").kind is FixKind.UNSAFE


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (f"with %{{conn: conn}} <- opts, do: {TRACKS}\nconn", "binds `conn` itself"),
        (f"case opts do\n  conn -> {TRACKS}\nend\n\nconn", "has no line of its own"),
        (f"case opts do\n  [] -> {TRACKS}\n  _ -> :ok\nend\n\nconn", "has no line of its own"),
        (f"Enum.each(opts, fn _ -> {TRACKS} end)\nconn", "has no line of its own"),
        ("GenServer.cast(S, {:visit, conn})\nconn", "needs a decision"),
        (f"x = 1; {TRACKS}\n{{conn, x}}", "has no line of its own"),
    ],
)
def test_the_function_is_left_alone(body: str, reason: str) -> None:
    check_refused("OTP311", plug(body), reason)
