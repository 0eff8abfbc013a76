"""OTP203, 303 and 304: what their fixes do beyond the examples of the rules, and what they refuse."""

from __future__ import annotations

import subprocess
from inspect import cleandoc
from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.fixes import fix
from tests.fixes.fixing import STRICT, WITH_SUPERVISOR, changed_files, files_of, fixed, project_of

SERVER = "lib/example.ex"


def server(code: str) -> str:
    body = "\n".join(f"  {line}" if line else "" for line in cleandoc(code).splitlines())
    return f"defmodule Shop.Server do\n  use GenServer\n\n{body}\nend"


def run_fix(code: str, text: str) -> bytes | Refused:
    """The file after the first fixable finding of a rule was fixed and the fix put through the gates."""
    project = project_of(files_of(text), WITH_SUPERVISOR)
    change = fixed(project, (code,))
    return change if isinstance(change, Refused) else changed_files(change, project)[SERVER]


def check_fix(code: str, before: str, after: str) -> None:
    given = run_fix(code, server(before))
    assert not isinstance(given, Refused), given.reason
    assert given.decode() == server(after) + "\n"


def check_refused(code: str, text: str, part: str) -> None:
    refusal = run_fix(code, server(text))
    assert isinstance(refusal, Refused), refusal.decode()
    assert part in refusal.reason
    assert "\n" not in refusal.reason


SAVES = "def terminate(_reason, state), do: File.write!(state, state)"
FLAG = "Process.flag(:trap_exit, true)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def init(x), do: {:ok, x}", f"def init(x) do\n  {FLAG}\n  {{:ok, x}}\nend"),
        ("def init(x) do {:ok, x} end", f"def init(x) do {FLAG}; {{:ok, x}} end"),
        (
            "def init(x) do # starts\n  {:ok, x}\nend",
            f"def init(x) do # starts\n  {FLAG}\n  {{:ok, x}}\nend",
        ),
        (
            "def init(x) do\n  if x do\n    {:ok, x}\n  else\n    :ignore\n  end\nend",
            f"def init(x) do\n  {FLAG}\n\n  if x do\n    {{:ok, x}}\n  else\n    :ignore\n  end\nend",
        ),
        (
            "def init(x) do\n  {:ok, hd(x)}\nrescue\n  _ -> :ignore\nend",
            f"def init(x) do\n  {FLAG}\n  {{:ok, hd(x)}}\nrescue\n  _ -> :ignore\nend",
        ),
        (
            "def init(nil), do: {:stop, :nothing}\ndef init(x), do: {:ok, x}",
            f"def init(nil), do: {{:stop, :nothing}}\n\ndef init(x) do\n  {FLAG}\n  {{:ok, x}}\nend",
        ),
        (
            "alias Shop.Process\n\ndef init(x), do: {:ok, x}",
            f"alias Shop.Process\n\ndef init(x) do\n  Elixir.{FLAG}\n  {{:ok, x}}\nend",
        ),
    ],
)
def test_every_init_gets_the_flag_first(before: str, after: str) -> None:
    check_fix("OTP203", f"{before}\n\n{SAVES}", f"{after}\n\n{SAVES}")


def test_exits_of_linked_processes_are_taken_before_any_other_message() -> None:
    before = """
    @impl true
    def init(x) do
      {:ok, pid} = Shop.Helper.start_link(x)
      {:ok, pid}
    end

    @impl true
    # Whatever comes.
    def handle_info(_message, state), do: {:noreply, state}

    """
    flag = before.replace("def init(x) do", f"def init(x) do\n      {FLAG}")
    exits = (
        "@impl true\n"
        "    def handle_info({:EXIT, _pid, :normal}, state), do: {:noreply, state}\n"
        "    def handle_info({:EXIT, _pid, reason}, state), do: {:stop, reason, state}\n\n"
    )
    after = flag.replace("    @impl true\n    # Whatever", f"    {exits}    @impl true\n    # Whatever")
    check_fix("OTP203", f"{before}{SAVES}", f"{after}{SAVES}")


def test_definitions_in_parentheses_are_left_alone() -> None:
    check_refused("OTP203", f"def(init(x), do: {{:ok, x}})\n\n{SAVES}", "has no `do` block")


def test_line_breaks_of_the_file_are_kept() -> None:
    files = files_of(server(f"def init(x), do: {{:ok, x}}\n\n{SAVES}"))
    project = project_of({SERVER: files[SERVER].replace(b"\n", b"\r\n")})
    finding = next(finding for finding in engine.check(project, STRICT) if finding.code == "OTP203")
    change = fix(finding, project)
    assert isinstance(change, Change)
    content = changed_files(change, project)[SERVER]
    assert FLAG.encode() in content
    assert content.count(b"\n") == content.count(b"\r\n")


def test_init_hands_on_what_the_rest_needs() -> None:
    check_fix(
        "OTP303",
        """
        def init({host, opts}) do
          port = opts[:port]
          # The way in.
          {:ok, socket} = :gen_tcp.connect(host, port, [])
          timer = Process.send_after(self(), :ping, 1_000)
          {:ok, %{socket: socket, timer: timer}}
        end
        """,
        """
        def init({host, opts}) do
          port = opts[:port]
          {:ok, nil, {:continue, {:load, host, port}}}
        end

        def handle_continue({:load, host, port}, _state) do
          # The way in.
          {:ok, socket} = :gen_tcp.connect(host, port, [])
          timer = Process.send_after(self(), :ping, 1_000)
          {:noreply, %{socket: socket, timer: timer}}
        end
        """,
    )


def test_continue_goes_on_with_a_tag_of_its_own() -> None:
    check_fix(
        "OTP303",
        """
        def init(state) do
          Process.sleep(1_000)
          {:ok, state}
        end

        # The old way.
        def handle_continue(:load, state), do: {:noreply, state}
        """,
        """
        def init(state) do
          {:ok, state, {:continue, :finish_init}}
        end

        def handle_continue(:finish_init, state) do
          Process.sleep(1_000)
          {:noreply, state}
        end

        # The old way.
        def handle_continue(:load, state), do: {:noreply, state}
        """,
    )


@pytest.mark.parametrize(
    "body",
    [
        "if x, do: Process.sleep(1_000)\n  if x, do: {:ok, x}, else: :ignore",
        "Process.sleep(1_000)\n  {:ok, x, 5_000}",
        "Process.sleep(1_000)\n  start(x)",
        "Process.sleep(1_000)\n  {:ok, x}\nrescue\n  _ -> :ignore",
    ],
)
def test_init_of_another_shape_is_left_alone(body: str) -> None:
    check_refused("OTP303", f"def init(x) do\n  {body}\nend", "by hand")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "def handle_call(:get, _, state), do: {:reply, Req.get!(state.url), state}",
            """
            def handle_call(:get, from, state) do
              url = state.url

              Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
                GenServer.reply(from, Req.get!(url))
              end)

              {:noreply, state}
            end
            """,
        ),
        (
            "def handle_call({:get, url}, _, s), do: {:reply, Req.get!(s.url <> url <> s.url), s}",
            """
            def handle_call({:get, url}, from, s) do
              s_url = s.url

              Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
                GenServer.reply(from, Req.get!(s_url <> url <> s_url))
              end)

              {:noreply, s}
            end
            """,
        ),
        (
            """
            def handle_call({:move, from, to}, _caller, state) when from != to do
              {:reply, Req.get!(from <> to), state}
            end
            """,
            """
            def handle_call({:move, from, to}, caller_ref, state) when from != to do
              Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
                GenServer.reply(caller_ref, Req.get!(from <> to))
              end)

              {:noreply, state}
            end
            """,
        ),
    ],
)
def test_the_answer_is_given_by_a_task(before: str, after: str) -> None:
    head = "def init(url), do: {:ok, %{url: url}}\n\n"
    check_fix("OTP304", head + cleandoc(before), head + cleandoc(after))


@pytest.mark.parametrize(
    "clause",
    [
        "def handle_call(:get, _, state), do: {:reply, Req.get!(state.hits), state}",
        "def handle_call(:get, _, %{hits: hits} = state), do: {:reply, Req.get!(hits), state}",
        "def handle_call(:get, _, state), do: {:reply, Req.get!(state), state}",
        "def handle_call(:get, _, state), do: {:reply, Req.get!(self()), state}",
        "def handle_call(:get, {_pid, _}, state), do: {:reply, Req.get!(1), state}",
        "def handle_call(:get, _, state), do: {:reply, Req.get!(1), %{state | hits: 2}}",
        "def handle_call(:get, _, state) do\n  Req.get!(1)\n  {:reply, 1, state}\nend",
        "def handle_call(:get, _, s), do: {:reply, mine(), s}\ndefp mine, do: Req.get!(Process.get(:u))",
    ],
)
def test_an_answer_that_needs_the_server_is_left_alone(clause: str) -> None:
    writes = "def handle_cast(:hit, state), do: {:noreply, %{state | hits: state.hits + 1}}"
    check_refused(
        "OTP304", f"def init(x), do: {{:ok, x}}\n\n{clause}\n\n{writes}", "a task send the result back"
    )


def test_what_the_fixes_write_compiles_and_stays_formatted(tmp_path: Path) -> None:
    cases = {
        "OTP203": f"def init(x), do: {{:ok, x}}\n\n@impl true\n{SAVES}",
        "OTP303": "def init(x) do\n  :timer.sleep(500)\n  {:ok, x}\nend",
        "OTP304": "def init(x), do: {:ok, x}\n\n@impl true\n"
        'def handle_call(:ls, _from, state), do: {:reply, System.cmd("ls", []), state}',
    }
    for code, text in cases.items():
        content = run_fix(code, server(f"@impl true\n{text}"))
        assert not isinstance(content, Refused), content.reason
        (tmp_path / f"{code}.ex").write_bytes(content.replace(b"Shop.Server", f"Shop.{code}".encode()))
    (tmp_path / ".formatter.exs").write_text('[inputs: ["*.ex"]]\n')
    (tmp_path / "ebin").mkdir()
    paths = sorted(path.name for path in tmp_path.glob("*.ex"))
    subprocess.run(["mix", "format", "--check-formatted"], cwd=tmp_path, check=True)
    subprocess.run(
        ["elixirc", "--warnings-as-errors", "-o", "ebin", *paths],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
