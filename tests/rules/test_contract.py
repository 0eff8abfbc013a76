"""Every rule keeps the contract: its place, its page, its anchors, enough examples."""

from __future__ import annotations

import re
from inspect import cleandoc, getmodule

import pytest

from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.findings import FixKind
from otp_genesis_analyzers.gate import gate_of
from otp_genesis_analyzers.roles import role_of
from otp_genesis_analyzers.rules import all_rules
from otp_genesis_analyzers.rules.contract import HEADINGS, FileView, Rule
from otp_genesis_analyzers.source import Source
from tests.example_project import parse

EACH_RULE = pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.code) for rule in all_rules()])


def test_codes_and_names_are_unique() -> None:
    rules = all_rules()
    assert rules
    assert len({rule.code for rule in rules}) == len(rules)
    assert len({rule.name for rule in rules}) == len(rules)


@EACH_RULE
def test_place_says_name_and_phase(rule: Rule) -> None:
    module = getmodule(type(rule))
    assert module is not None
    *_, folder, file = module.__name__.split(".")
    assert re.fullmatch(r"OTP[0-5]\d\d", rule.code)
    assert file == rule.name.replace("-", "_")
    assert folder == f"phase{rule.phase()}"


@EACH_RULE
def test_page_has_every_heading_with_text_below(rule: Rule) -> None:
    summary, *sections = re.split(r"^## (.+)$", cleandoc(type(rule).__doc__ or ""), flags=re.MULTILINE)
    headings, texts = sections[::2], sections[1::2]
    assert tuple(headings) == HEADINGS
    assert all(text.strip() for text in texts)
    assert summary.startswith(rule.summary())
    assert 0 < len(rule.summary()) <= 100


@EACH_RULE
def test_page_shows_elixir_in_fences(rule: Rule) -> None:
    fences = re.findall(r"^```(\w*)$", cleandoc(type(rule).__doc__ or ""), flags=re.MULTILINE)
    assert fences[::2] and set(fences[::2]) == {"elixir"}
    assert set(fences[1::2]) == {""}


@EACH_RULE
def test_has_examples(rule: Rule) -> None:
    assert len(rule.INVALID) >= 3
    assert len(rule.VALID) >= 3


@EACH_RULE
def test_every_file_with_a_finding_holds_an_anchor(rule: Rule) -> None:
    """A file without anchors is never shown to the rule: a finding there would depend on luck.

    What a rule finds in the whole project may stand in any file.
    """
    assert rule.anchors
    for example in rule.INVALID:
        for path, text in parse(example.code).files.items():
            source = Source(path, text.encode())
            role = role_of(path)
            if role in rule.roles and any(rule.check(FileView(source, read_facts(source), role))):
                opened = gate_of(role).opened(source.content, {})
                assert opened is not None, path
                assert rule.code in {card.code for card in opened.rules}, path


@EACH_RULE
def test_deterministic_fix_is_shown(rule: Rule) -> None:
    declared = bool({FixKind.SAFE, FixKind.UNSAFE} & set(rule.fixes))
    shown = any(example.fixed is not None for example in rule.INVALID)
    assert declared == shown
