"""The one name under which the process of a module is registered."""

from __future__ import annotations

from otp_genesis_analyzers.facts.calls.sites import sites
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.starts import is_start_function, start_of


def own_name(module: Module) -> str:
    """`Shop.Cart` or `:cart`, as its start functions give it; empty when they give none, or several."""
    starts = [
        start
        for site in sites(module)
        if is_start_function(site.function) and (start := start_of(site.call)) is not None
    ]
    named = {start.constant_name for start in starts if start.module in (module.name, start.behaviour, "")}
    return named.pop() if len(named) == 1 else ""
