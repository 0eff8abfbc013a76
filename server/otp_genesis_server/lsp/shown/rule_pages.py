"""The pages of the rules as files that an editor can open."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from otp_genesis_analyzers.rules import find_rule
from otp_genesis_analyzers.rules.contract import Rule
from otp_genesis_analyzers.rules.page import page
from otp_genesis_refactorers.machine.user_folders import cache_folder, write_whole


def link_to(code: str, published_at: str) -> str | None:
    """Where to read about a rule: on the web where that is configured, else in a file of its page.

    `published_at` is the address above the pages, or one that has `{code}` where the code belongs.
    """
    if "{code}" in published_at:
        return published_at.replace("{code}", code)
    if published_at:
        return f"{published_at.rstrip('/')}/{code}"
    rule = find_rule(code)
    file = page_file(rule) if rule else None
    return file.as_uri() if file else None


@cache
def page_file(rule: Rule) -> Path | None:
    """The page of a rule in the user's cache folder; None when it can't be written there."""
    file = cache_folder() / "rules" / f"{rule.code}.md"
    content = page(rule).encode()
    try:
        if not file.is_file() or file.read_bytes() != content:
            write_whole(file, content)
    except OSError:
        return None
    return file
