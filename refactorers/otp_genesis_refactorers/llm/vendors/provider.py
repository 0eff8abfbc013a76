"""What the two vendors' adapters are to the rest: one request, one reply, typed failures."""

from __future__ import annotations

from typing import Protocol

from otp_genesis_refactorers.llm.conversation import Reply, Request
from otp_genesis_refactorers.llm.keys import Key

_MOST_CHARACTERS = 300


class Provider(Protocol):
    """Slow to make, since it loads the vendor's SDK: made in a thread."""

    async def once(self, request: Request) -> Reply:
        """Send one request, once, and stream the reply.

        A reply that was cut off or refused is a reply. Raises KeyRejected, BadRequest, Transient.
        When it is cancelled, the connection is closed before it returns.
        """
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...


def in_one_line(said: object, key: Key) -> str:
    """What a server or an exception says, as part of a message for people. Some send back what they got."""
    words = " ".join(key.hidden_in(str(said)).split())[:_MOST_CHARACTERS]
    return words or type(said).__name__
