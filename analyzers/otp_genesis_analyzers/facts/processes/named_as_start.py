"""Functions that a child specification of the same file names as what starts the child."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.source import Source, Span


def is_named_as_start(source: Source, site: Site) -> bool:
    """The site stands in such a function: `start: {__MODULE__, :launch, [arg]}` names it."""
    module, name = site.module.name, f":{site.function.name}"
    own = {"__MODULE__", module, module.rpartition(".")[2]}
    for place in _places_of(name.encode(), source.content):
        holder = source.node_at(place).parent
        parts = syntax.children(holder) if holder is not None and holder.type == "tuple" else []
        if len(parts) == 3 and syntax.text(parts[0]) in own and syntax.text(parts[1]) == name:
            return True
    return False


def _places_of(word: bytes, content: bytes) -> Iterator[Span]:
    at = content.find(word)
    while at >= 0:
        yield Span(at, at + len(word))
        at = content.find(word, at + len(word))
