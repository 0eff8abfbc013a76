"""A message that is sent to a name becomes a call of the server's own function."""

from __future__ import annotations

from collections.abc import Sequence

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Edit, Refused
from otp_genesis_refactorers.rewriting.call_site import CallSite, place
from otp_genesis_refactorers.rewriting.places import place_of, written
from otp_genesis_refactorers.rewriting.statements import comment_in


def call_of_client(site: CallSite, module: str, function: str, values: Sequence[str]) -> Edit | Refused:
    """The edit that puts `Shop.Mailer.deliver(mail)` in the place of a call that names the server first.

    The module is written as the server was, where that was by its module.
    """
    comment = comment_in(site.node)
    if comment is not None:
        return Refused(
            f"a comment stands among the arguments at {place(site.source, comment.start_byte)}: "
            "move it above the call first"
        )
    target = syntax.arguments(site.node)[0]
    is_module = target.type == "alias"
    receiver = (
        syntax.text(target) if is_module else written(module, place_of(site.source, Span.of(site.node)).scope)
    )
    return Edit(Span.of(site.node), f"{receiver}.{function}({', '.join(values)})")
