"""One short way to ask the loopback server, as the rest of the program asks models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from otp_genesis_refactorers.llm.connecting import Connection, connect, find_model
from otp_genesis_refactorers.llm.conversation import Event, Request, Tool, User, ignore
from otp_genesis_refactorers.llm.journal import Journal
from tests.llm.vendors import Loopback, Vendor


@asynccontextmanager
async def connected(
    loopback: Loopback,
    vendor: Vendor,
    journal: Journal | None = None,
    *,
    deadline_seconds: float = 20.0,
    attempts: int = 4,
) -> AsyncIterator[Connection]:
    """A connection to the loopback server."""
    model = find_model(vendor, Path("/nowhere"), environment=loopback.environment)
    limits = msgspec.structs.replace(model.limits, deadline_seconds=deadline_seconds, attempts=attempts)
    async with connect(model, "a run", journal=journal, environment=loopback.environment) as connection:
        # Loaded before, so that a short deadline is one for the server.
        await connection.line.opened()
        await connection.line.secrets()
        yield replace(connection, limits=limits)


def question(
    text: str = "What is OTP?", tools: tuple[Tool, ...] = (), on_event: Callable[[Event], None] = ignore
) -> Request:
    return Request("You answer.", (User(text),), tools, max_output_tokens=1000, on_event=on_event)
