"""Messages that a server sends to its own process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.messages.shapes import Way, is_later, sent
from otp_genesis_analyzers.facts.model import Clause, Module
from otp_genesis_analyzers.facts.processes.registered_names import is_self, registered_names
from otp_genesis_analyzers.terms import Term


class SelfSend(NamedTuple):
    """`at_once` is false for a timer that has to run first."""

    way: Way
    message: Term
    site: Site
    at_once: bool


def self_sends(module: Module) -> Iterator[SelfSend]:
    """The plain messages and casts by which the module's code turns to the process that runs it.

    Only what surely runs in that process. A server is also found by its registered name.
    """
    names = registered_names(module)
    for message in sent(module):
        call = message.site.call
        if message.way == "call" or call.runs != "here":
            continue
        if is_own(message.site.clause, message.server) or message.server in names:
            at_once = not is_later(call) or _is_zero(call.args)
            yield SelfSend(message.way, message.message, message.site, at_once)


def is_own(clause: Clause, server: Term) -> bool:
    """`self()`, or a variable that holds it."""
    if is_self(server):
        return True
    return server.kind == "variable" and any(
        call.is_to("Kernel", "self") and call.bound_to == server for call in clause.calls
    )


def _is_zero(arguments: tuple[Term, ...]) -> bool:
    return len(arguments) > 2 and arguments[2].value == "0"
