"""Where the code of a finding leads: to the rule's page on the web, or to a file of it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from otp_genesis_analyzers.rules import all_rules
from otp_genesis_analyzers.rules.page import page
from otp_genesis_server.lsp.shown.rule_pages import link_to


@pytest.mark.parametrize(
    ("published_at", "link"),
    [
        ("https://example.org/rules", "https://example.org/rules/OTP101"),
        ("https://example.org/rules/", "https://example.org/rules/OTP101"),
        ("https://example.org/blob/main/{code}.md", "https://example.org/blob/main/OTP101.md"),
    ],
)
def test_pages_that_are_published(published_at: str, link: str) -> None:
    assert link_to("OTP101", published_at) == link


def test_each_rule_has_a_file_of_its_page() -> None:
    for rule in all_rules():
        link = link_to(rule.code, "")
        assert link is not None
        assert Path(unquote(urlparse(link).path)).read_text("utf-8") == page(rule)


def test_what_is_no_rule_has_no_page() -> None:
    assert link_to("OTP999", "") is None
