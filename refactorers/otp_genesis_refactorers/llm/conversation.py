"""What is said to a model and what comes back, whoever's model it is: plain frozen data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pydantic import BaseModel

Stop: TypeAlias = Literal["end", "calls", "truncated", "refused"]
Effort: TypeAlias = Literal["low", "medium", "high"]


@dataclass(frozen=True)
class Tool:
    """Something that a model may ask for. It reads; what it would change is an answer, not a tool."""

    name: str
    description: str
    parameters: Mapping[str, object]
    """JSON schema of an object."""
    run: Callable[[Mapping[str, object]], str] | None = None
    """Gives the result, in a thread; raises ToolRefused with a sentence for the model.

    Without it a call ends the conversation, and is the caller's to look at.
    """


class ToolRefused(Exception):
    """A tool's no, in words for the model."""


@dataclass(frozen=True)
class ToolCall:
    id: str
    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True)
class ToolResult:
    call: ToolCall
    text: str
    is_error: bool = False


@dataclass(frozen=True)
class User:
    """What is said to the model."""

    text: str
    is_stable: bool = False
    """Other requests begin with the same bytes up to the end of this: worth caching by the vendor."""


@dataclass(frozen=True)
class Assistant:
    """What the model said."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    provider: str = ""
    verbatim: tuple[Mapping[str, object], ...] = ()
    """The same in that provider's own form, signatures of thoughts included: it wants those back."""


@dataclass(frozen=True)
class ToolResults:
    results: tuple[ToolResult, ...]


Message: TypeAlias = User | Assistant | ToolResults


@dataclass(frozen=True)
class TextArrived:
    """A piece of the text, as it is streamed."""

    text: str


@dataclass(frozen=True)
class Restarted:
    """The answer begins again: what arrived of it until now is void."""

    reason: str
    seconds: float
    """How long is waited first."""


@dataclass(frozen=True)
class ToolUsed:
    """A tool gives the model what it asked for."""

    call: ToolCall


Event: TypeAlias = TextArrived | Restarted | ToolUsed


def ignore(event: Event) -> None:
    """Shows nothing."""


@dataclass(frozen=True)
class Request:
    """One question, with all that was said before it."""

    system: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    schema: type[BaseModel] | None = None
    """What the answer has to be, as JSON; `ask_for` sets it."""
    max_output_tokens: int = 16_000
    """Thoughts included."""
    max_turns: int = 16
    """How often the model may ask for tools before it has to answer."""
    effort: Effort | None = None
    """How long to think; None for what the model does by itself."""
    nonce: str = ""
    """The one of the fences in the texts. It differs from run to run, so requests are compared without it."""
    on_event: Callable[[Event], None] = field(default=ignore, compare=False)
    """Told of each piece of text. Runs on the event loop, so it must not block."""


@dataclass(frozen=True)
class Usage:
    """Tokens, each counted once."""

    input: int = 0
    """Neither read from the vendor's cache nor written to it."""
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    """Without thoughts."""
    thinking: int = 0

    @property
    def total(self) -> int:
        return self.input + self.cache_read + self.cache_write + self.output + self.thinking

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.output + other.output,
            self.thinking + other.thinking,
        )


@dataclass(frozen=True)
class Reply:
    """What a model answered to one request."""

    said: Assistant
    stop: Stop
    usage: Usage
    """Of all that the answer took: turns with tools and answers that were asked for again included."""
    model: str
    """As the vendor names what answered."""
    why: str = ""
    """For a refusal: the vendor's word for it, if it gave one."""
    messages: tuple[Message, ...] = ()
    """The whole conversation with this reply at its end: add a `User` and ask again."""

    @property
    def text(self) -> str:
        return self.said.text

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Of tools that nothing runs."""
        return self.said.calls
