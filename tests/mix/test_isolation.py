"""Code of a project reaches nothing of the user's, takes only so much, and leaves nothing running."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from otp_genesis_refactorers import mix
from otp_genesis_refactorers.mix import MixResult
from otp_genesis_refactorers.sandbox.limits import Limits
from otp_genesis_refactorers.shadow.workspace import Shadow
from tests.mix.processes import processes_with
from tests.mix.projects import state_of, trusted_shadow, write, write_till

KEY = "sk-ant-0123456789"
ISOLATIONS = ("bubblewrap", "none")
SLEEP = f"4711.{os.getpid()}"
"""So many SECONDS the processes sleep that must not stay: each test adds a digit."""


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Generator[Shadow]:
    with trusted_shadow(write_till(tmp_path_factory.mktemp("isolation") / "till")) as shadow:
        assert mix.compile(shadow).run.status == "ok"
        yield shadow


@pytest.fixture(params=ISOLATIONS)
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """With bubblewrap, and on a system without it."""
    if request.param == "none":
        without_bubblewrap(monkeypatch, tmp_path)
    return request.param


def without_bubblewrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A PATH with Elixir and Erlang, and nothing else of note."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("elixir", "mix", "erl"):
        (programs / name).symlink_to(Path("/usr/bin") / name)
    monkeypatch.setenv("PATH", str(programs))


def evaluate(shadow: Shadow, code: str, limits: Limits | None = None) -> MixResult:
    return mix.run(shadow, ["run", "-e", code.replace("SECONDS", SLEEP)], limits=limits or Limits())


def configure(own_user: Path, text: str) -> None:
    write(own_user, {"config/otp-genesis/config.toml": text})


def test_no_key_reaches_mix(till: Shadow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    result = evaluate(
        till,
        """
        IO.inspect(System.get_env(), limit: :infinity)
        for file <- Path.wildcard("/proc/[0-9]*/environ"), do: IO.inspect(File.read(file), limit: :infinity)
        IO.puts("seen")
        """,
    )
    assert "seen" in result.stdout
    assert result.isolation == "bubblewrap"
    assert KEY not in result.stdout + result.stderr


def test_without_isolation_the_environment_is_as_bare(
    till: Shadow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    without_bubblewrap(monkeypatch, tmp_path)
    result = evaluate(till, "IO.inspect(System.get_env(), limit: :infinity)")
    assert (result.status, result.isolation) == ("ok", "none")
    assert KEY not in result.stdout
    assert str(Path.home()) not in [
        line.partition(" => ")[2].strip('",') for line in result.stdout.splitlines()
    ]


def test_nothing_of_the_user_can_be_read_or_written(till: Shadow, tmp_path: Path) -> None:
    write(tmp_path, {"secret": "s"})
    before = state_of(till.original), state_of(tmp_path)
    result = evaluate(
        till,
        f"""
        IO.inspect(File.read("{tmp_path}/secret"))
        IO.inspect(File.write("{tmp_path}/written", "w"))
        IO.inspect(File.read("{till.original}/lib/till.ex"))
        IO.inspect(File.write("{till.original}/lib/till.ex", "w"))
        IO.inspect(File.write("/usr/written", "w"))
        IO.inspect(File.write("/written", "w"))
        IO.inspect(File.ln_s("{tmp_path}/secret", "a_link"))
        IO.inspect(File.read("a_link"))
        """,
    )
    absent, read_only = "{:error, :enoent}", "{:error, :erofs}"
    assert result.stdout.splitlines()[-8:] == [*[absent] * 4, *[read_only] * 2, ":ok", absent]
    assert (state_of(till.original), state_of(tmp_path)) == before


def test_there_is_no_network_unless_the_user_opens_it(
    till: Shadow, own_user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f"IO.inspect(elem(:gen_tcp.connect({{127, 0, 0, 1}}, {port}, [], 2000), 0))"
        assert ":error" in evaluate(till, connect).stdout
        write(till.root, {"config.toml": "[mix]\nnetwork = true\n"})
        assert ":error" in evaluate(till, connect).stdout
        monkeypatch.setenv("DATABASE_URL", "ecto://here")
        configure(
            own_user, f'[mix.projects."{till.original}"]\nnetwork = true\nenvironment = ["DATABASE_URL"]\n'
        )
        opened = evaluate(till, f'{connect}; IO.puts(System.get_env("DATABASE_URL"))')
        assert ":ok" in opened.stdout
        assert "ecto://here" in opened.stdout


def test_a_socket_that_the_user_opens_is_reached(till: Shadow, own_user: Path, tmp_path: Path) -> None:
    place = tmp_path / "db"
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / "s"))
        server.listen()
        connect = f'IO.inspect(elem(:gen_tcp.connect({{:local, "{place}/s"}}, 0, [], 2000), 0))'
        assert ":error" in evaluate(till, connect).stdout
        configure(own_user, f'[mix]\npaths = ["{place}", "/nowhere/at/all"]\n')
        assert ":ok" in evaluate(till, connect).stdout


def test_a_configuration_that_cannot_be_read_opens_nothing(till: Shadow, own_user: Path) -> None:
    configure(own_user, "[mix]\nnetwerk = true\n")
    result = evaluate(till, "IO.puts(1)")
    assert result.status == "not_run"
    assert "config.toml" in result.reason
    assert "netwerk" in result.reason


def test_isolation_can_be_required(
    till: Shadow, own_user: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_bubblewrap(monkeypatch, tmp_path)
    configure(own_user, '[mix]\nisolation = "required"\n')
    result = evaluate(till, "IO.puts(1)")
    assert result.status == "not_run"
    assert "bubblewrap is not installed" in result.reason


def test_a_burst_of_processes_is_gone_afterwards(till: Shadow, isolation: str) -> None:
    result = evaluate(
        till,
        """
        for _ <- 1..100, do: Port.open({:spawn, "sleep SECONDS1"}, [])
        for _ <- 1..100, do: System.cmd("sh", ["-c", "setsid sleep SECONDS1 >/dev/null 2>&1 &"])
        IO.puts("started")
        """,
        Limits(processes=1000),
    )
    assert "started" in result.stdout
    assert (result.status, result.isolation) == ("ok", isolation)
    assert processes_with(f"{SLEEP}1") == []


def test_more_processes_than_allowed_end_the_run(till: Shadow, isolation: str) -> None:
    result = evaluate(
        till,
        'for _ <- 1..60, do: Port.open({:spawn, "sleep SECONDS2"}, []); Process.sleep(60_000)',
        Limits(processes=40),
    )
    assert result.status == "failed"
    assert "more than 40" in result.reason
    assert processes_with(f"{SLEEP}2") == []


def test_a_flood_of_output_ends_the_run(till: Shadow) -> None:
    result = evaluate(
        till,
        'Stream.repeatedly(fn -> IO.write(String.duplicate("flood ", 1000)) end) |> Stream.run()',
        Limits(output_bytes=100_000),
    )
    assert result.status == "failed"
    assert "printed more than" in result.reason
    assert len(result.stdout) == 100_000


def test_a_run_that_takes_too_long_is_ended(till: Shadow, isolation: str) -> None:
    code = 'Port.open({:spawn, "sleep SECONDS3"}, []); Process.sleep(60_000)'
    result = evaluate(till, code, Limits(timeout_seconds=1.5))
    assert (result.status, result.exit_code) == ("timed_out", None)
    assert processes_with(f"{SLEEP}3") == []


def test_a_run_can_be_cancelled_while_it_speaks(till: Shadow, isolation: str) -> None:
    cancel, spoken = threading.Event(), list[str]()

    def listen(text: str) -> None:
        spoken.append(text)
        if "here" in "".join(spoken):
            cancel.set()

    code = 'Port.open({:spawn, "sleep SECONDS4"}, []); IO.puts("here"); Process.sleep(60_000)'
    code = code.replace("SECONDS", SLEEP)
    result = mix.run(till, ["run", "-e", code], on_output=listen, cancel=cancel)
    assert result.status == "cancelled"
    assert processes_with(f"{SLEEP}4") == []
    assert mix.run(till, ["run", "-e", code], cancel=cancel).status == "cancelled"


def test_a_process_of_the_beam_has_only_so_much_heap(till: Shadow) -> None:
    bomb = """
    pid = spawn(fn -> Enum.reduce(1..1_000_000_000, [], &[&1 | &2]) |> length() end)
    ref = Process.monitor(pid)
    receive do {:DOWN, ^ref, _, _, reason} -> IO.inspect(reason) end
    """
    result = evaluate(till, bomb, Limits(heap_bytes=24 * 1024 * 1024))
    assert result.status == "ok"
    assert result.stdout.endswith(":killed\n")


def test_memory_is_limited_for_all_that_runs_together(till: Shadow) -> None:
    hoard = "Enum.map(1..1000, fn _ -> :binary.copy(<<1>>, 4_000_000) end) |> length(); Process.sleep(60_000)"
    result = evaluate(till, hoard, Limits(memory_bytes=150 * 1024 * 1024))
    assert result.status == "failed"
    assert "more than 150 MiB of memory" in result.reason


def test_a_file_grows_only_so_far(till: Shadow) -> None:
    code = 'IO.inspect(File.write("large", :binary.copy("x", 3_000_000))); IO.inspect(File.rm("large"))'
    result = evaluate(till, code, Limits(file_bytes=2_000_000))
    assert "{:error, :efbig}" in result.stdout


def test_nothing_can_be_asked_of_the_user(till: Shadow) -> None:
    result = evaluate(till, 'IO.inspect(IO.gets("Shall I? "))')
    assert result.stdout.endswith(":eof\n")


def test_a_report_that_is_a_link_a_pipe_or_nonsense_is_none(till: Shadow, tmp_path: Path) -> None:
    secret = write(tmp_path, {"secret": '{"event": "test", "name": "stolen"}\n'}) / "secret"
    plants = (
        f'File.ln_s!("{secret}", report)',
        'System.cmd("mkfifo", [report])',
        'File.write!(report, [<<255, 10>>, ~S([1]), 10, ~S({"event": "test", "name": [1]})])',
    )
    for plant in plants:
        helper = f'report = System.get_env("OTP_GENESIS_REPORT")\n{plant}\nExUnit.start()\nSystem.halt(0)\n'
        till.sync({"test/test_helper.exs": helper.encode()})
        result = mix.test(till)
        assert (result.run.status, result.tests) == ("failed", ())
    till.sync({})


def test_a_program_that_outlives_the_run_cannot_hold_it_up(till: Shadow) -> None:
    code = 'System.cmd("sh", ["-c", "setsid sleep SECONDS5 &"], into: []); IO.puts("done")'
    closes_nothing = f'spawn(fn -> {code} end); Process.sleep(500); IO.puts("over")'
    result = evaluate(till, closes_nothing)
    assert "over" in result.stdout
    assert processes_with(f"{SLEEP}5") == []


def test_nothing_is_inherited_but_the_three_streams(till: Shadow, tmp_path: Path) -> None:
    handle = os.open(write(tmp_path, {"open": "secret"}) / "open", os.O_RDONLY)
    os.set_inheritable(handle, True)
    try:
        result = evaluate(
            till, f'IO.inspect(System.cmd("sh", ["-c", "cat <&{handle}"], stderr_to_stdout: true))'
        )
    finally:
        os.close(handle)
    assert result.status == "ok"
    assert "secret" not in result.stdout
