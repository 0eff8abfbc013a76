"""The server as a process: how it ends, what may not harm it, and messages that no library would send."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from otp_genesis_server.lsp.server import PARENT_CHECK_SECONDS
from tests.lsp.editor import SERVER
from tests.lsp.shop import MAILER, MAILER_TEXT, write_shop

SECONDS = 20.0


class Wire:
    """Messages as they are, over two byte streams."""

    def __init__(self, out: IO[bytes], into: IO[bytes]) -> None:
        self._out, self._into = out, into

    def send(self, **message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._into.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._into.flush()

    def receive(self) -> dict[str, Any]:
        length = 0
        while (line := self._out.readline()) != b"\r\n":
            assert line, "the server is gone"
            name, _, value = line.partition(b":")
            assert name in (b"Content-Length", b"Content-Type"), f"not a header: {line!r}"
            length = int(value) if name == b"Content-Length" else length
        return json.loads(self._out.read(length))

    def ask(self, method: str, params: Any) -> dict[str, Any]:
        """The answer to a request; what comes before it is let be."""
        self.send(id=method, method=method, params=params)
        while (message := self.receive()).get("id") != method or "method" in message:
            pass
        return message

    def hear(self, method: str, **params: Any) -> dict[str, Any]:
        """The params of the next message of this method that has these among them."""
        while (message := self.receive()).get("method") != method or not (
            params.items() <= message["params"].items()
        ):
            pass
        return message["params"]

    def connect(self, folder: Path | None = None, **more: Any) -> dict[str, Any]:
        answer = self.ask(
            "initialize",
            {"processId": os.getpid(), "rootUri": folder and folder.as_uri(), "capabilities": {}, **more},
        )
        self.send(method="initialized", params={})
        return answer["result"]

    def open(self, file: Path, text: str) -> str:
        document = {"uri": file.as_uri(), "languageId": "elixir", "version": 1, "text": text}
        self.send(method="textDocument/didOpen", params={"textDocument": document})
        return file.as_uri()


@contextmanager
def server(command: Sequence[str] = SERVER) -> Iterator[tuple[subprocess.Popen[bytes], Wire]]:
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin and process.stdout
        try:
            yield process, Wire(process.stdout, process.stdin)
        finally:
            process.kill()


def test_exit_after_shutdown_is_clean(tmp_path: Path) -> None:
    with server() as (process, wire):
        wire.connect(write_shop(tmp_path))
        assert wire.ask("shutdown", None)["result"] is None
        wire.send(method="exit")
        assert process.wait(SECONDS) == 0
        assert process.stderr and process.stderr.read() == b""


def test_exit_without_shutdown_is_not(tmp_path: Path) -> None:
    with server() as (process, wire):
        wire.connect(write_shop(tmp_path))
        wire.send(method="exit")
        assert process.wait(SECONDS) == 1


@contextmanager
def reading_a_large_folder(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server in the middle of it."""
    large = "\n".join(MAILER_TEXT.replace("Mailer", f"Mailer{number}") for number in range(300))
    write_shop(root, {f"lib/shop/mailer_{number}.ex": large for number in range(400)})
    with server() as (process, wire):
        wire.connect(root, capabilities={"window": {"workDoneProgress": True}})
        asked = wire.receive()
        wire.send(id=asked["id"], result=None)
        while wire.hear("$/progress")["value"]["kind"] != "report":
            pass
        yield process


def test_it_ends_when_its_input_ends_also_while_it_reads_a_large_folder(tmp_path: Path) -> None:
    with reading_a_large_folder(tmp_path) as process:
        assert process.stdin
        process.stdin.close()
        process.wait(SECONDS)


def test_killed_it_leaves_no_process(tmp_path: Path) -> None:
    with reading_a_large_folder(tmp_path) as process:
        tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
        (worker,) = "".join(file.read_text() for file in tasks).split()
        process.kill()
        process.wait(SECONDS)
        deadline = time.monotonic() + SECONDS
        while is_running(worker):
            assert time.monotonic() < deadline, "the worker goes on"
            time.sleep(0.05)


def is_running(process_id: str) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return False


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(["sleep", "60"])
    with server() as (process, wire):
        wire.connect(write_shop(tmp_path), processId=parent.pid)
        parent.kill()
        parent.wait()
        assert process.wait(SECONDS) == 1


def test_it_stays_when_it_is_not_told_its_parent(tmp_path: Path) -> None:
    with server() as (process, wire):
        wire.connect(write_shop(tmp_path), processId=None)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2 * PARENT_CHECK_SECONDS)
        assert wire.ask("shutdown", None)["result"] is None


def test_prints_and_child_processes_do_not_get_between_the_messages(tmp_path: Path) -> None:
    noisy = """
        import subprocess
        from otp_genesis_server.lsp import app, server

        def make_noise(self):
            print("from Python", flush=True)
            subprocess.run("echo from a child; cat", shell=True)

        server.Server.warm_up = make_noise
        app.serve_stdio()
    """
    script = tmp_path / "noisy.py"
    script.write_text("\n".join(line[8:] for line in noisy.splitlines()))
    with server([sys.executable, str(script)]) as (process, wire):
        wire.connect(write_shop(tmp_path / "shop"))
        found = wire.hear("textDocument/publishDiagnostics")
        assert found["diagnostics"][0]["code"] == "OTP101"
        process.terminate()
        assert process.stderr
        assert process.stderr.read() == b"from Python\nfrom a child\n"


def test_over_tcp(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with server([*SERVER[:-1], "--tcp", f"127.0.0.1:{port}"]) as (process, _):
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", port))
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        with connection, connection.makefile("rb") as out, connection.makefile("wb") as into:
            wire = Wire(out, into)
            wire.connect(write_shop(tmp_path))
            assert wire.hear("textDocument/publishDiagnostics")["diagnostics"][0]["code"] == "OTP101"
            wire.ask("shutdown", None)
            wire.send(method="exit")
            assert process.wait(SECONDS) == 0


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Wire, Path]]:
    """One server for the messages below, told of no abilities but what some old client has."""
    folder = write_shop(tmp_path_factory.mktemp("shop"))
    with server() as (_, wire):
        wire.connect(folder, initializationOptions={"rulePages": "https://rules.example/"})
        yield wire, folder


def test_a_client_that_can_do_next_to_nothing(talk: tuple[Wire, Path]) -> None:
    wire, folder = talk
    uri = wire.open(folder / MAILER, MAILER_TEXT)
    (found,) = wire.hear("textDocument/publishDiagnostics", uri=uri, version=1)["diagnostics"]
    assert set(found) == {"range", "severity", "code", "source", "message"}
    offers = wire.ask("textDocument/codeAction", asked(uri, 2))["result"]
    commands = ["otpGenesis.fix", "otpGenesis.verify", "otpGenesis.explainRule"]
    assert [offer["command"] for offer in offers] == commands
    fixed = wire.ask("workspace/executeCommand", {k: offers[0][k] for k in ("command", "arguments")})
    assert fixed["result"] == {"applied": False, "reason": "this editor can't be asked to apply an edit"}
    hover = wire.ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": place(2, 5)})["result"]
    assert hover["contents"]["kind"] == "plaintext"


def test_a_place_beyond_all_bounds(talk: tuple[Wire, Path]) -> None:
    wire, folder = talk
    uri = wire.open(folder / MAILER, MAILER_TEXT)
    params = asked(uri, 0)
    params["range"]["end"] = place(2**40, 2**63)
    params["context"]["diagnostics"] = [{"range": params["range"], "message": "from another server"}]
    assert len(wire.ask("textDocument/codeAction", params)["result"]) == 3


def test_a_request_that_can_not_be_read_is_answered(talk: tuple[Wire, Path]) -> None:
    error = talk[0].ask("textDocument/hover", {"position": 3})["error"]
    assert error["code"] == -32602
    assert "params.text_document" in error["message"]


def test_half_of_a_surrogate_pair(talk: tuple[Wire, Path]) -> None:
    wire, folder = talk
    uri = wire.open(folder / "lib/shop/half.ex", MAILER_TEXT.replace("spawn", '"\ud83d"; spawn'))
    (found,) = wire.hear("textDocument/publishDiagnostics", uri=uri, version=1)["diagnostics"]
    assert found["range"]["start"] == place(2, 9)


def test_a_notification_that_makes_no_sense_is_said_once(talk: tuple[Wire, Path]) -> None:
    wire, folder = talk
    for _ in range(2):
        wire.send(method="textDocument/didOpen", params={"textDocument": folder.as_uri()})
    wire.send(id="last", method="textDocument/hover", params={"position": 3})
    messages: list[dict[str, Any]] = []
    while (message := wire.receive()).get("id") != "last":
        messages.append(message)
    shown = [m["params"]["message"] for m in messages if m.get("method") == "window/showMessage"]
    assert len([text for text in shown if "internal error" in text]) == 1


def asked(uri: str, line: int) -> dict[str, Any]:
    here = {"start": place(line, 0), "end": place(line, 0)}
    return {"textDocument": {"uri": uri}, "range": here, "context": {"diagnostics": []}}


def place(line: int, character: int) -> dict[str, int]:
    return {"line": line, "character": character}
