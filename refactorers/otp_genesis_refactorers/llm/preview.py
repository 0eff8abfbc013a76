"""What would be sent, to whom, for how much at most: shown before it is."""

from __future__ import annotations

from dataclasses import dataclass

from otp_genesis_refactorers.llm.connecting import Model
from otp_genesis_refactorers.llm.conversation import Assistant, Message, Request, ToolResults, User
from otp_genesis_refactorers.llm.privacy.fencing import fenced
from otp_genesis_refactorers.llm.spending.cost import NANODOLLARS_PER_DOLLAR, load_pricing, worst_case


@dataclass(frozen=True)
class Excerpt:
    """What goes of a file, or of what was worked out of several."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Preview:
    provider: str
    model_id: str
    host: str
    excerpts: tuple[Excerpt, ...]
    bytes: int
    """Of all that is said, the excerpts and what surrounds them."""
    most_tokens: int
    most_dollars: float | None
    """None where the model's price isn't known."""
    reads_more: bool
    """Whether the model may ask for other parts of the project, without what is withheld."""
    texts: tuple[str, ...]
    """Word for word."""

    def __str__(self) -> str:
        names = ", ".join(excerpt.name for excerpt in self.excerpts) or "no file"
        more = "; it may read other files of the project" if self.reads_more else ""
        cost = "" if self.most_dollars is None else f", at most ${self.most_dollars:.2f}"
        return (
            f"{self.provider} ({self.model_id} at {self.host}) gets {self.bytes:,} bytes: {names}{more}{cost}"
        )


def preview(model: Model, request: Request) -> Preview:
    """What `ask` would send first. Loads the prices, half a second."""
    texts = (request.system, *map(_text, request.messages))
    excerpts = [
        Excerpt(name, len(inside.encode())) for text in texts for name, inside in fenced(request.nonce, text)
    ]
    worst = worst_case(request)
    nanodollars = load_pricing(model.provider, model.id, model.price)(worst)
    return Preview(
        provider=model.title,
        model_id=model.id,
        host=model.host,
        excerpts=tuple(excerpts),
        bytes=sum(len(text.encode()) for text in texts),
        most_tokens=worst.total,
        most_dollars=None if nanodollars is None else nanodollars / NANODOLLARS_PER_DOLLAR,
        reads_more=any(tool.run is not None for tool in request.tools),
        texts=texts,
    )


def _text(message: Message) -> str:
    match message:
        case User() | Assistant():
            return message.text
        case ToolResults():
            return "\n".join(result.text for result in message.results)
