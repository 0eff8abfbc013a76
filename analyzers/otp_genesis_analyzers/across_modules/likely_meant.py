"""Which clause of a server was likely meant by a message that none takes."""

from __future__ import annotations

from difflib import get_close_matches

from msgspec import structs

from otp_genesis_analyzers.across_modules.message_map import Message, is_sent
from otp_genesis_analyzers.facts.messages.shapes import Taken, may_match, taken, unwrapped
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.terms import Term

_NEARLY_THE_SAME = 0.75


def likely_meant(project: Project, message: Message) -> Taken | None:
    """The clause that takes the message once its tag is another one.

    Its tag is nearly the same, or it alone has this form and no code of the project sends its tag.
    """
    sent = message.sent
    tag = sent.message.tag
    if tag is None:
        return None
    fitting = {
        other: clause
        for clause in taken(message.server.module)
        if clause.way == sent.way
        and (other := unwrapped(clause.pattern).tag) is not None
        and may_match(clause.pattern, with_tag(sent.message, other))
    }
    near = get_close_matches(tag, fitting, n=1, cutoff=_NEARLY_THE_SAME)
    if near:
        return fitting[near[0]]
    only = next(iter(fitting.items())) if len(fitting) == 1 else None
    return only[1] if only is not None and not is_sent(project, only[0]) else None


def with_tag(message: Term, tag: str) -> Term:
    """The message with another tag."""
    atom = Term("atom", tag)
    if message.kind == "tuple":
        return structs.replace(message, items=(atom, *message.items[1:]))
    return atom
