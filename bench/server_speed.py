"""How fast the language server answers, in ratios of one run to a pygls server that does nothing.

    .venv/bin/python bench/server_speed.py DIR... [--edits 60] [--starts 5]

The documents that are typed in are files below the DIRs, those nearest to 200, 1,000 and 5,000 lines. While
a workspace is scanned, a file of a small project is edited as a second folder, all DIRs together, is read.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).parent))

from measuring import ENVIRONMENT, copy_elixir, percentile, processor_seconds, row

EMPTY = [sys.executable, Path(__file__).parent / "programs" / "empty_server.py"]
OURS = [Path(sys.executable).with_name("otp-genesis"), "lsp", "--stdio"]
MIX = "defmodule Shop.MixProject do\n  use Mix.Project\n  def project, do: [app: :shop]\nend\n"
TYPED = "\n  def typed(orders) do\n    spawn(fn -> Enum.map(orders, &ship/1) end)\n  end\n"
PAUSE_SECONDS = 0.03
"""Between two keystrokes: a fast typist's."""
QUIET_SECONDS = 0.5
"""Before the first keystroke: what the one before it began is done by then."""
PATIENCE_SECONDS = 120.0


class Client:
    """The other end of one server, with the clock at hand."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._heard: Queue[dict[str, Any]] = Queue()
        self._answered: set[object] = set()
        self._version = 1
        Thread(target=self._listen, daemon=True).start()

    def send(self, method: str, params: Any, **more: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def initialize(self, *folders: Path, **options: Any) -> None:
        named = [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]
        params = {"processId": os.getpid(), "rootUri": None, "workspaceFolders": named, "capabilities": {}}
        self.send("initialize", {**params, "initializationOptions": options}, id=1)
        self.wait(lambda message: message.get("id") == 1)
        self.send("initialized", {})

    def open(self, file: Path, text: str) -> None:
        document = {"uri": file.as_uri(), "languageId": "elixir", "version": self._version, "text": text}
        self.send("textDocument/didOpen", {"textDocument": document})
        self._shown(file)

    def type_in(self, file: Path, text: str) -> float:
        """Seconds from a new text to its diagnostics."""
        self._version += 1
        begin = time.perf_counter()
        document = {"uri": file.as_uri(), "version": self._version}
        self.send("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})
        return self._shown(file) - begin

    def wait(self, is_it: Any) -> float:
        """When the message came."""
        while True:
            try:
                message = self._heard.get(timeout=PATIENCE_SECONDS)
            except Empty:
                raise SystemExit("the server does not answer") from None
            if is_it(message):
                return message["heard_at"]

    def processor_seconds(self) -> float:
        """What the server took of a processor so far."""
        return processor_seconds(self._process.pid)

    def has_heard(self, request: str) -> bool:
        """Whether the answer to a request has come."""
        return request in self._answered

    def _shown(self, file: Path) -> float:
        wanted = {"uri": file.as_uri(), "version": self._version}
        return self.wait(
            lambda message: (
                message.get("method") == "textDocument/publishDiagnostics"
                and wanted.items() <= message["params"].items()
            )
        )

    def _listen(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while header := stream.readline():
            length = 0
            while header != b"\r\n":
                name, _, value = header.partition(b":")
                length = int(value) if name == b"Content-Length" else length
                header = stream.readline()
            message = json.loads(stream.read(length))
            self._heard.put({**message, "heard_at": time.perf_counter()})
            self._answered.add(message.get("id"))


@contextmanager
def server(command: Sequence[str | Path]) -> Iterator[Client]:
    with subprocess.Popen(
        command,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield Client(process)
        finally:
            process.kill()


def typing_seconds(client: Client, file: Path, text: str, edits: int) -> list[float]:
    """For each of so many keystrokes in the middle of the file, the time until its diagnostics."""
    return _typed(client, file, text, edits)[0]


def _typed(client: Client, file: Path, text: str, edits: int) -> tuple[list[float], float]:
    """The same, and what a keystroke took of a processor."""
    lines = text.splitlines(keepends=True)
    middle = len(lines) // 2
    middle += next((n for n, line in enumerate(lines[middle:]) if line.startswith("  def ")), 0)
    before, after = "".join(lines[:middle]), "".join(lines[middle:])
    found: list[float] = []
    time.sleep(QUIET_SECONDS)
    begun = client.processor_seconds()
    for number in range(edits):
        typed = TYPED * (number // len(TYPED)) + TYPED[: number % len(TYPED) + 1]
        found.append(client.type_in(file, before + typed + after))
        time.sleep(PAUSE_SECONDS)
    return found, (client.processor_seconds() - begun) / edits


def start_seconds(command: Sequence[str | Path], folder: Path) -> float:
    begin = time.perf_counter()
    with server(command) as client:
        client.initialize(folder)
        return time.perf_counter() - begin


def documents(folders: Sequence[Path]) -> dict[int, str]:
    """The file nearest to each number of lines."""
    lines = {
        file: file.read_bytes().count(b"\n")
        for folder in folders
        for file in sorted(folder.rglob("*.ex"))
        if b"  def " in file.read_bytes()
    }
    return {
        wanted: min(lines, key=lambda file: abs(lines[file] - wanted)).read_text(errors="replace")
        for wanted in (200, 1_000, 5_000)
    }


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--edits", default=60, show_default=True)
@click.option("--starts", default=5, show_default=True)
def main(folders: tuple[Path, ...], edits: int, starts: int) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as scratch:
        shop, large = Path(scratch) / "shop", Path(scratch) / "large"
        (shop / "lib").mkdir(parents=True)
        (shop / "mix.exs").write_text(MIX)
        files, size = copy_elixir(folders, large)
        print(f"{files} files, {size / 1e6:.1f} MB, {edits} keystrokes each, {starts} starts\n")
        print("| what | p50 | p95 | limit of p50 |\n|---|--:|--:|--:|")
        times = [(start_seconds(OURS, shop), start_seconds(EMPTY, shop)) for _ in range(starts + 1)][1:]
        ours, empty = (statistics.median(column) for column in zip(*times, strict=True))
        print(row("`initialize` / empty server", f"{ours / empty:.2f}", "", 1.15))
        for text, limit in zip(documents(folders).values(), (3, 3, 5), strict=True):
            _editing(shop, text, edits, limit)
        _editing_while_scanning(shop, large, documents(folders)[1_000], edits)


def _editing(shop: Path, text: str, edits: int, limit: float) -> None:
    file = shop / "lib" / "typed.ex"
    file.write_text(text)
    with server(OURS) as ours, server(EMPTY) as empty:
        for client in (ours, empty):
            client.initialize(shop)
            client.open(file, text)
            typing_seconds(client, file, text, 10)
        turns = [[_typed(client, file, text, edits // 2) for client in (ours, empty)] for _ in range(4)]
    mine, least = ([seconds for turn in turns for seconds in turn[which][0]] for which in (0, 1))
    p50, p95 = (percentile(mine, percent) / percentile(least, percent) for percent in (50, 95))
    processor = statistics.median(turn[0][1] / turn[1][1] for turn in turns)
    name = f"`didChange` to diagnostics / empty server, {text.count(chr(10)):,} lines"
    print(row(name, f"{p50:.1f}", f"{p95:.1f}", limit))
    print(row("the same, processor time", f"{processor:.1f}", "", limit))


def _editing_while_scanning(shop: Path, large: Path, text: str, edits: int) -> None:
    file = shop / "lib" / "typed.ex"
    file.write_text(text)
    with server(OURS) as client:
        client.initialize(shop)
        client.open(file, text)
        typing_seconds(client, file, text, 10)
        idle = typing_seconds(client, file, text, edits)
        added = {"added": [{"uri": large.as_uri(), "name": "large"}], "removed": []}
        client.send("workspace/didChangeWorkspaceFolders", {"event": added})
        time.sleep(0.5)
        busy = typing_seconds(client, file, text, edits)
    p50, p95 = (percentile(busy, p) / percentile(idle, p) for p in (50, 95))
    print(
        row("`didChange` to diagnostics while a workspace is scanned / idle", f"{p50:.1f}", f"{p95:.1f}", 2)
    )


if __name__ == "__main__":
    main()
