"""Functions that a child specification of the same file names as what starts the child."""

from __future__ import annotations

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.source import Source, Span


def is_named_as_start(source: Source, site: Site) -> bool:
    """The site stands in such a function: `start: {__MODULE__, :launch, [arg]}` names it."""
    module, name = site.module.name, f":{site.function.name}"
    own = {"__MODULE__", module, module.rpartition(".")[2]}
    for place in source.places_of(name.encode(), Span(0, len(source.content))):
        holder = source.node_at(place).parent
        parts = syntax.children(holder) if holder is not None and holder.type == "tuple" else []
        if len(parts) == 3 and syntax.text(parts[0]) in own and syntax.text(parts[1]) == name:
            return True
    return False
