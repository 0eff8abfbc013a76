"""How long a hover takes while nothing else happens, while a model streams its answer, and while mix runs.

    .venv/bin/python bench/model_speed.py [--seconds 5]

The model is a loopback server that speaks as Claude does. Times are of whole requests, in milliseconds.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from measuring import percentile

from otp_genesis_refactorers.machine import model_consent, trust
from tests.llm.vendors import Loopback, Says, serving
from tests.lsp.editor import SERVER, Editor, abilities, make_editor
from tests.lsp.shop import write_shop
from tests.lsp.test_fix_with_model import ANSWER, CAMERA, COMMAND, FILES, RECEIVE

PAUSE_SECONDS = 0.02
"""Between two hovers: a pointer on its way."""


@click.command()
@click.option("--seconds", default=5.0, show_default=True, help="How long the answer is streamed.")
def main(seconds: float) -> None:
    """Print p50, p95 and the longest of each."""
    with tempfile.TemporaryDirectory() as folder, serving() as loopback:
        for kind in ("CACHE", "CONFIG", "DATA"):
            os.environ[f"XDG_{kind}_HOME"] = str(Path(folder) / kind.lower())
        os.environ.update(loopback.environment)
        shop = write_shop(Path(folder) / "shop", FILES)
        trust.grant(shop)
        model_consent.give(shop, "anthropic", loopback.url.removeprefix("http://"))
        for what, times in asyncio.run(measured(shop, loopback, seconds)).items():
            shown = [percentile(times, 50), percentile(times, 95), max(times)]
            words = "  ".join(
                f"{name} {1000 * value:6.1f}"
                for name, value in zip(("p50", "p95", "max"), shown, strict=True)
            )
            print(f"{what:20} {words} ms  ({len(times)} hovers)")


async def measured(shop: Path, loopback: Loopback, seconds: float) -> dict[str, list[float]]:
    editor = make_editor()
    await editor.start_io(*SERVER)
    await editor.connect(abilities("visual_studio_code"))
    editor.open_folder(shop)
    uri = editor.open(CAMERA)
    await editor.shows(uri, RECEIVE)
    idle = asyncio.create_task(asyncio.sleep(2.0))
    times = {"idle": await hovers(editor, uri, idle)}
    pieces = len(ANSWER) / 7
    loopback.script.append(Says(ANSWER, pause_seconds=seconds / pieces))
    action = next(
        each for each in await editor.actions(uri, RECEIVE.line, "quickfix") if "Claude" in each.title
    )
    assert action.command
    assert action.command.arguments
    work = asyncio.create_task(editor.command(COMMAND, action.command.arguments[0]))
    asked = asyncio.create_task(editor.until(lambda: bool(loopback.asked) or work.done(), seconds=120))
    times["the SDK is loaded"] = await hovers(editor, uri, asked)
    streaming = asyncio.create_task(asyncio.sleep(seconds))
    times["a model streams"] = await hovers(editor, uri, streaming)
    times["gates and mix"] = await hovers(editor, uri, work)
    assert (await work)["verdict"] == "verified"
    await editor.leave()
    return times


async def hovers(editor: Editor, uri: str, until: asyncio.Task[object]) -> list[float]:
    """The seconds of each hover until a task is over."""
    found: list[float] = []
    while not until.done():
        begin = time.perf_counter()
        assert await editor.hover_at(uri, "Shop.Camera")
        found.append(time.perf_counter() - begin)
        await asyncio.sleep(PAUSE_SECONDS)
    return found


if __name__ == "__main__":
    main()
