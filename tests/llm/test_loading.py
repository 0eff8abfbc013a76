"""A vendor's SDK takes a second or two to load: it is loaded when it is needed, and nobody waits for it."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import asyncio, json, sys, threading
from importlib.abc import MetaPathFinder
from pathlib import Path

from otp_genesis_refactorers.llm.asking import ask
from otp_genesis_refactorers.llm.connecting import connect, find_model
from otp_genesis_refactorers.llm.conversation import Request, User
from otp_genesis_refactorers.llm.failures import ModelFailure

SLOW = {"anthropic", "google.genai", "genai_prices", "httpx2", "pydantic"}
loaded_in = {}


class Watching(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in SLOW:
            loaded_in[name] = threading.current_thread() is threading.main_thread()


async def main():
    nobody = "http://127.0.0.1:1"
    environment = {"ANTHROPIC_BASE_URL": nobody, "GEMINI_BASE_URL": nobody}
    environment |= {"ANTHROPIC_API_KEY": "a-key", "GEMINI_API_KEY": "a-key"}
    for name in ("claude", "gemini"):
        model = find_model(name, Path("/nowhere"), environment=environment)
        async with connect(model, "a run", environment=environment) as connection:
            print(json.dumps(sorted(loaded_in)))
            await connection.line.opened()


sys.meta_path.insert(0, Watching())
asyncio.run(main())
print(json.dumps(loaded_in))
"""


def test_sdks_are_loaded_at_first_use_beside_the_event_loop() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    before_claude, before_gemini, loaded_in = map(json.loads, ran.stdout.splitlines())
    assert before_claude == []
    assert "anthropic" in before_gemini
    assert "google.genai" not in before_gemini
    assert loaded_in == dict.fromkeys(
        ("anthropic", "google.genai", "genai_prices", "httpx2", "pydantic"), False
    )
