"""Whatever an editor sends, in whatever order: no error, and in the end the right squiggles."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.lsp.shop import MAILER, MAILER_TEXT, write_shop
from tests.lsp.test_process import Wire, asked, place, server
from tests.mutated import mutated

MESSAGES = 300
HUGE = 2**63
REQUESTS = ("textDocument/codeAction", "textDocument/hover")


class Client:
    """Sends without waiting for answers; hears everything."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.heard: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self.versions: dict[str, int] = {}
        self._asked = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def notify(self, method: str, **params: Any) -> None:
        self.wire.send(method=method, params=params)

    def ask(self, method: str, **params: Any) -> None:
        self._asked += 1
        self.wire.send(id=self._asked, method=method, params=params)

    def put(self, uri: str, text: str) -> None:
        """Opens the document, or changes it when it is open."""
        version = self.versions.get(uri, 0) + 1
        document = {"uri": uri, "version": version}
        if version == 1:
            document |= {"languageId": "elixir", "text": text}
            self.notify("textDocument/didOpen", textDocument=document)
        else:
            self.notify("textDocument/didChange", textDocument=document, contentChanges=[{"text": text}])
        self.versions[uri] = version

    def close(self, uri: str) -> None:
        self.versions.pop(uri, None)
        self.notify("textDocument/didClose", textDocument={"uri": uri})

    def until(self, condition: Callable[[list[dict[str, Any]]], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self.heard), 30), self.heard[-5:]

    def answered(self, heard: list[dict[str, Any]]) -> bool:
        return {m.get("id") for m in heard if "method" not in m} >= {*range(1, self._asked + 1)}

    def _listen(self) -> None:
        while True:
            try:
                message = self.wire.receive()
            except (AssertionError, ValueError):  # the server is gone
                return
            with self.changed:
                self.heard.append(message)
                self.changed.notify_all()


def shown(heard: list[dict[str, Any]], uri: str) -> list[str] | None:
    """The codes that stand in a file now; None when nothing was said of it."""
    said = [m["params"] for m in heard if m.get("method") == "textDocument/publishDiagnostics"]
    last = next((params for params in reversed(said) if params["uri"] == uri), None)
    return None if last is None else [found["code"] for found in last["diagnostics"]]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    shop = write_shop(
        tmp_path / "shop", {f"lib/shop/quiet_{n}.ex": f"defmodule Q{n} do\nend\n" for n in range(3)}
    )
    other = write_shop(tmp_path / "other")
    files = [shop / "lib/shop" / f"quiet_{n}.ex" for n in range(3)] + [shop / MAILER, other / MAILER]
    strange = ["untitled:Untitled-1", "file:///nowhere/at/all.ex", "https://example.org/a.ex", "file:", ""]
    uris = [file.as_uri() for file in files]
    with server() as (process, wire):
        folders = [{"uri": folder.as_uri(), "name": folder.name} for folder in (shop, other)]
        wire.connect(workspaceFolders=folders)
        client = Client(wire)
        for _ in range(MESSAGES):
            _disturb(client, random, random.choice(uris * 2 + strange))
        shutil.rmtree(other)
        removed = {"added": [], "removed": folders[1:]}
        client.notify("workspace/didChangeWorkspaceFolders", event=removed)
        for uri in [*client.versions]:
            client.close(uri)
        client.put((shop / MAILER).as_uri(), MAILER_TEXT)
        client.until(lambda heard: shown(heard, (shop / MAILER).as_uri()) == ["OTP101"])
        client.until(client.answered)
        client.until(
            lambda heard: not any(shown(heard, file.as_uri()) for file in files if file.name != "mailer.ex")
        )
        client.until(lambda heard: not shown(heard, (other / MAILER).as_uri()))
        errors = [m for m in client.heard if "internal error" in str(m)]
        process.kill()
        assert process.stderr
        assert (errors, process.stderr.read().decode()) == ([], "")


def _disturb(client: Client, random: Random, uri: str) -> None:
    match random.randrange(8):
        case 0:
            client.close(uri)
        case 1:
            line = random.choice((0, 2, HUGE, -1))
            params = {**asked(uri, 0), "position": place(line, HUGE)}
            params["range"] = {"start": place(line, 0), "end": place(HUGE, HUGE)}
            client.ask(random.choice(REQUESTS), **params)
        case 2:
            changes = [{"uri": uri, "type": random.choice((1, 2, 3))}]
            client.notify("workspace/didChangeWatchedFiles", changes=changes)
        case 3:
            client.notify("textDocument/didSave", textDocument={"uri": uri})
        case _:
            text = mutated(random, MAILER_TEXT.encode(), MAILER_TEXT.encode()).decode("utf-8", "replace")
            client.put(uri, text[:20_000])
