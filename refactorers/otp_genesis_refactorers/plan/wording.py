"""What the plan says about a rule, beyond the words of its findings.

A file `rules/<rule name>.toml` holds the words for one rule. A rule without one is described by its own
documentation, so that adding a rule stays a matter of one file.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from markdown_it import MarkdownIt
from msgspec import Struct, convert

from otp_genesis_analyzers.rules import find_rule
from otp_genesis_analyzers.rules.page import section


class Wording(Struct, frozen=True, forbid_unknown_fields=True):
    """Markdown. `{scope}` stands for the code that a step is about, `{count}` for a number above 1."""

    title: str
    one: str
    many: str
    meaning: str
    """What it means on the BEAM."""
    test: str
    """How a fix is tested: what is done to which process, and what is asserted."""
    watch: str = ""
    """What shows in production that the fix holds."""
    rollback: str = ""
    behind_flag: bool = True
    """Whether a flag can choose between the old and the new code: it can't where it is about how processes
    are started."""


@cache
def wording(rule_name: str) -> Wording:
    file = files("otp_genesis_refactorers.plan").joinpath("rules", f"{rule_name}.toml")
    if file.is_file():
        return convert(tomllib.loads(file.read_text("utf-8")), Wording)
    return _from_documentation(rule_name)


def _from_documentation(rule_name: str) -> Wording:
    rule = find_rule(rule_name)
    subject = rule_name.replace("-", " ")
    return Wording(
        title=f"Resolve the {subject} in {{scope}}",
        one=f"One place shows {subject}.",
        many=f"{{count}} places show {subject}.",
        meaning=rule.summary() if rule else "",
        test=(
            "Write a test for {scope} that fails on the code as it is and passes after the change; "
            "then `otp-genesis check` no longer finds this place, nor a new one."
        ),
    )


def use_instead(rule_name: str) -> tuple[str, str]:
    """The first paragraph and the first code block under "Use instead" in the rule's documentation."""
    rule = find_rule(rule_name)
    tokens = MarkdownIt("commonmark").parse(section(rule, "Use instead") if rule else "")
    paragraphs = (token.content for token in tokens if token.type == "inline")
    blocks = (token.content for token in tokens if token.type in ("fence", "code_block"))
    return " ".join(next(paragraphs, "").split()), next(blocks, "").strip("\n")
