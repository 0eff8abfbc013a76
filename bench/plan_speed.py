"""How long an editor waits for what it shows of a plan: 50 items, 5,000 findings in the project around it.

    .venv/bin/python bench/plan_speed.py [--findings 5000] [--items 50] [--times 10]

Each request is also asked after a keystroke in the plan, when nothing that was known of it holds any more.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).parent))

from server_speed import MIX, OURS, Client, server

PHASE_1 = ".otp-genesis/plan/01-critical-fixes.md"
APPLICATION = """\
defmodule Shop.Application do
  use Application

  def start(_type, _args), do: Supervisor.start_link([], strategy: :one_for_one)
end
"""
_IN_A_FILE = 10


class Plan:
    """The first phase, open in the editor."""

    def __init__(self, client: Client, file: Path) -> None:
        self._client, self._file, self._asked = client, file, 1
        self.text = file.read_text()
        self._version = 1
        document = {"uri": file.as_uri(), "languageId": "markdown", "version": 1, "text": self.text}
        client.send("textDocument/didOpen", {"textDocument": document})

    def type(self) -> None:
        self._version += 1
        self.text += "."
        document = {"uri": self._file.as_uri(), "version": self._version}
        changes = [{"text": self.text}]
        self._client.send("textDocument/didChange", {"textDocument": document, "contentChanges": changes})

    def seconds(self, method: str, **more: Any) -> float:
        self._asked += 1
        name = f"plan {self._asked}"
        begin = time.perf_counter()
        document = {"textDocument": {"uri": self._file.as_uri()}}
        self._client.send(f"textDocument/{method}", {**document, **more}, id=name)
        return self._client.wait(lambda message: message.get("id") == name) - begin


def write_findings(root: Path, first: int, count: int) -> None:
    """So many findings, ten functions a file."""
    for number in range(first, first + count, _IN_A_FILE):
        lines = [f"  def run_{each}(a), do: spawn(fn -> IO.puts(a) end)" for each in range(_IN_A_FILE)]
        text = "\n".join([f"defmodule Shop.M{number} do", *lines, "end", ""])
        (root / "lib" / f"m{number}.ex").write_text(text)


@click.command()
@click.option("--findings", default=5000)
@click.option("--items", default=50)
@click.option("--times", default=10)
def main(findings: int, items: int, times: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "shop"
        (root / "lib").mkdir(parents=True)
        (root / "mix.exs").write_text(MIX.replace("app: :shop", 'app: :shop, version: "1.0.0"'))
        (root / "lib" / "application.ex").write_text(APPLICATION)
        write_findings(root, 0, items)
        with server(OURS) as client:
            client.initialize(root)
            plan = {"command": "otpGenesis.generatePlan", "arguments": [{"goal": "No crash is silent"}]}
            client.send("workspace/executeCommand", plan, id="plan")
            client.wait(lambda message: message.get("id") == "plan")
        write_findings(root, items, findings - items)
        with server(OURS) as client:
            client.initialize(root)
            shown = Plan(client, root / PHASE_1)
            line = shown.text[: shown.text.rindex("- [ ]")].count("\n")
            here = {"position": {"line": line, "character": 8}}
            click.echo(f"{shown.text.count('- [ ]')} items; first answer {shown.seconds('codeLens'):.2f} s")
            asked: dict[str, dict[str, Any]] = {
                "codeLens": {},
                "hover": here,
                "definition": here,
                "documentSymbol": {},
                "foldingRange": {},
            }
            for method, more in asked.items():
                again = statistics.median(shown.seconds(method, **more) for _ in range(times))
                typed: list[float] = []
                for _ in range(times):
                    shown.type()
                    typed.append(shown.seconds(method, **more))
                click.echo(
                    f"{method:15} {again * 1000:7.1f} ms, after a keystroke"
                    f" {statistics.median(typed) * 1000:7.1f} ms"
                )


if __name__ == "__main__":
    main()
