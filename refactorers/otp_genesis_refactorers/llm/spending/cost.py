"""What tokens cost, where that is known: by the user's settings, or publicly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from otp_genesis_refactorers.llm.conversation import Assistant, Message, Request, ToolResults, Usage, User
from otp_genesis_refactorers.llm.settings import Price, ProviderName

Pricing: TypeAlias = Callable[[Usage], int | None]
"""What a usage costs in nanodollars; None where the model's price isn't known."""

NANODOLLARS_PER_DOLLAR = 1_000_000_000
_BYTES_PER_TOKEN = 3.3
"""Rather too few: an estimate is compared with a budget."""


@dataclass(frozen=True)
class Cost:
    """Of some calls."""

    calls: int = 0
    tokens: int = 0
    dollars: float = 0.0
    """Of the calls whose price is known."""
    unpriced: int = 0
    """How many others there are."""

    def __str__(self) -> str:
        if self.unpriced and self.unpriced == self.calls:
            return f"{self.tokens:,} tokens"
        others = f" and {self.unpriced} calls of unknown price" if self.unpriced else ""
        return f"{self.tokens:,} tokens, ${self.dollars:.2f}{others}"


def load_pricing(provider: ProviderName, model_id: str, own: Price | None) -> Pricing:
    """Loads the public prices unless the user has set one: half a second, so call it in a thread."""
    if own is not None:
        return lambda usage: _by(own, usage)
    import genai_prices

    def publicly(usage: Usage) -> int | None:
        counted = genai_prices.Usage(
            # There the cache is a part of the input, and thoughts of the output.
            input_tokens=usage.input + usage.cache_read + usage.cache_write,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write,
            output_tokens=usage.output + usage.thinking,
        )
        try:
            price = genai_prices.calc_price(counted, model_id, provider_id=provider)
        except (LookupError, ValueError):
            return None
        return round(price.total_price * NANODOLLARS_PER_DOLLAR)

    return publicly


def worst_case(request: Request) -> Usage:
    """What a request can take at most, as far as can be told before it is sent."""
    return Usage(input=input_tokens(request), output=request.max_output_tokens)


def input_tokens(request: Request) -> int:
    """An estimate of how long a request is."""
    schema = request.schema.model_json_schema() if request.schema else ""
    said = [request.system, str(schema), *map(_text_of, request.messages)]
    described = [f"{tool.name}{tool.description}{tool.parameters}" for tool in request.tools]
    return tokens_of("".join((*said, *described)))


def tokens_of(text: str) -> int:
    return round(len(text.encode()) / _BYTES_PER_TOKEN) + 1


def _text_of(message: Message) -> str:
    match message:
        case User():
            return message.text
        case Assistant():
            return str(message.verbatim or (message.text, message.calls))
        case ToolResults():
            return "".join(result.text for result in message.results)


def _by(price: Price, usage: Usage) -> int:
    read = price.input if price.cache_read is None else price.cache_read
    write = price.input if price.cache_write is None else price.cache_write
    per_million = (
        usage.input * price.input
        + usage.cache_read * read
        + usage.cache_write * write
        + (usage.output + usage.thinking) * price.output
    )
    return round(per_million * 1_000)
