"""How the language server answers while it verifies a project, and how soon it stops when it is told to.

    .venv/bin/python bench/verify_speed.py [PROJECT]

PROJECT is a mix project whose tests pass, by default examples/shaky_shop. It is copied first and left alone.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parent))

from measuring import percentile, row
from server_speed import OURS, Client, server

SHOP = Path(__file__).parents[1] / "examples" / "shaky_shop"
HOVERS, LIMIT_MS = 200, 50
BETWEEN_SECONDS = 0.02


def hover_seconds(client: Client, file: Path, number: int) -> float:
    """From the request to its answer, on a line of the file."""
    lines = max(1, file.read_text().count("\n"))
    position = {"line": number % lines, "character": 4}
    begin = time.perf_counter()
    client.send(
        "textDocument/hover",
        {"textDocument": {"uri": file.as_uri()}, "position": position},
        id=f"hover {number}",
    )
    return client.wait(lambda message: message.get("id") == f"hover {number}") - begin


def hovers(client: Client, file: Path, first: int, go_on: Callable[[int], bool]) -> list[float]:
    """One after another, while `go_on(count)`; `first` numbers the requests."""
    found: list[float] = []
    while go_on(len(found)):
        found.append(hover_seconds(client, file, first + len(found)))
        time.sleep(BETWEEN_SECONDS)
    return found


@click.command()
@click.argument("project", default=SHOP, type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(project: Path) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as scratch:
        own = [f"XDG_{kind}_HOME={scratch}/{kind}" for kind in ("CACHE", "DATA")]
        root = Path(scratch) / project.resolve().name
        shutil.copytree(project, root, ignore=shutil.ignore_patterns("_build"))
        file = max(sorted(root.glob("lib/**/*.ex")), key=lambda path: path.stat().st_size)
        with server(["env", *own, *OURS]) as client:
            client.initialize(root, workspaceTrust=True)
            client.open(file, file.read_text())
            _measure(client, file)


def _measure(client: Client, file: Path) -> None:
    hovers(client, file, 0, lambda count: count < 20)
    idle = hovers(client, file, 1_000, lambda count: count < HOVERS)
    print("| what | p50 ms | p95 ms | limit of p95 |\n|---|--:|--:|--:|")
    _tell("hover, idle", idle, None)
    for number, name in enumerate(("the first time", "warm")):
        seconds, busy = _verifying(client, file, number)
        _tell(f"hover, while it verifies {name} ({seconds:.1f} s)", busy, LIMIT_MS)
    client.send("otpGenesis/verify", {}, id="cancelled")
    time.sleep(0.5)
    begin = time.perf_counter()
    client.send("$/cancelRequest", {"id": "cancelled"})
    answered = client.wait(lambda message: message.get("id") == "cancelled") - begin
    print(row("from a cancel to its answer", f"{answered * 1000:.0f}", "", 1000))


def _verifying(client: Client, file: Path, number: int) -> tuple[float, list[float]]:
    """How long it takes, and each hover meanwhile."""
    request = f"verify {number}"
    begin = time.perf_counter()
    client.send("otpGenesis/verify", {}, id=request)
    busy = hovers(client, file, 10_000 * (number + 1), lambda _: not client.has_heard(request))
    return time.perf_counter() - begin, busy


def _tell(name: str, seconds: list[float], limit: float | None) -> None:
    p50, p95 = (percentile(seconds, percent) * 1000 for percent in (50, 95))
    print(row(name, f"{p50:.1f}", f"{p95:.1f}", limit))


if __name__ == "__main__":
    main()
