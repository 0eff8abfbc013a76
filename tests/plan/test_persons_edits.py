"""Whatever a person does to a document, nothing of it is lost when the plan is generated again."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from otp_genesis_refactorers.plan.documents import plan_texts
from otp_genesis_refactorers.plan.markdown import Item, parse
from otp_genesis_refactorers.plan.merge import Earlier
from otp_genesis_refactorers.plan.model import State
from tests.plan.shop import CART_PATH, Shop, supervise, write_shop

CRITICAL = "01-critical-fixes.md"
FINDINGS = ["store", "sweep", "audit", "copy", "cart"]


def insert(text: str, offset: int, words: str) -> str:
    return text[:offset] + words + text[offset:]


def delete(text: str, item: Item, words: str) -> str:
    return text[: item.start] + text[item.end :]


def move_up(text: str, item: Item, words: str) -> str:
    first = parse(text).items[0].start
    return insert(delete(text, item, words), first, text[item.start : item.end])


def move_down(text: str, item: Item, words: str) -> str:
    last = parse(text).items[-1].end
    return delete(insert(text, last, text[item.start : item.end]), item, words)


def add_item(text: str, item: Item, words: str) -> str:
    return insert(text, item.start, f"- [ ] {words}\n")


def add_paragraph(text: str, item: Item, words: str) -> str:
    return insert(text, item.start, f"\n{words}\n\n")


def add_heading(text: str, item: Item, words: str) -> str:
    return insert(text, item.start, f"\n## {words}\n\n")


def add_words(text: str, item: Item, words: str) -> str:
    return insert(text, len(text[: item.end].rstrip()), f" {words}")


def tick(text: str, item: Item, words: str) -> str:
    return text if item.mark is None else f"{text[: item.mark]}x{text[item.mark + 1 :]}"


def skip(text: str, item: Item, words: str) -> str:
    if item.mark is None:
        return text
    return (
        f"{text[: item.mark]}-{text[item.mark + 1 : item.note_end]} skipped: {words}{text[item.note_end :]}"
    )


def note(text: str, item: Item, words: str) -> str:
    return insert(text, item.note_end, f" {words}")


def indent(text: str, item: Item, words: str) -> str:
    lines = re.sub(r"(?m)^", "  ", text[item.start : item.end]).removesuffix("  ")
    return text[: item.start] + lines + text[item.end :]


def trailing_spaces(text: str, item: Item, words: str) -> str:
    lines = re.sub(r"\r?\n", lambda line_end: f"  {line_end[0]}", text[item.start : item.end])
    return text[: item.start] + lines + text[item.end :]


def windows_line_ends(text: str, item: Item, words: str) -> str:
    return re.sub(r"\r?\n", "\r\n", text)


Act = Callable[[str, Item, str], str]
ACTS: list[Act] = [
    delete,
    move_up,
    move_down,
    add_item,
    add_paragraph,
    add_heading,
    add_words,
    tick,
    skip,
    note,
    indent,
    trailing_spaces,
    windows_line_ends,
]
WORDS = ["Maria", "`code`", "lib/a.ex", "-->", "été 🦀", "**bold**", "a_b", "1.9", "<!-- mine -->"]
edits = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 9), st.sampled_from(WORDS)), max_size=6)
Edits = list[tuple[Act, int, str]]


def edited(text: str, edits: Edits) -> str:
    for act, which, words in edits:
        items = parse(text).items
        if items:
            text = act(text, items[which % len(items)], words)
    return text


def plan(shop: Shop, left_out: set[str], text: str = "") -> str:
    """The document of phase 1, generated anew or from what it was."""
    findings = [finding for name, finding in shop.findings().items() if name not in left_out]
    earlier = Earlier({CRITICAL: parse(text)} if text else {})
    return plan_texts(shop.project, findings, "", earlier, supervise)[CRITICAL]


def ids(text: str) -> set[str]:
    return {item.step.id for item in parse(text).items if item.step.id}


@given(edits)
@settings(deadline=None)
def test_no_edit_is_touched_while_the_findings_stay(edits: Edits) -> None:
    shop = write_shop(Path())
    text = edited(plan(shop, set()), edits)
    assert plan(shop, set(), text) == text


@given(edits, st.sets(st.sampled_from(FINDINGS)), st.sets(st.sampled_from(FINDINGS)))
@settings(deadline=None)
def test_no_word_is_lost_when_findings_come_and_go(edits: Edits, before: set[str], after: set[str]) -> None:
    shop = write_shop(Path())
    generated = plan(shop, before)
    text = edited(generated, edits)
    shop.files[CART_PATH] = "# moved down\n" + shop.files[CART_PATH]
    merged = plan(shop, after, text)
    assert_words_kept(generated, text, merged)
    assert not (ids(generated) - ids(text)) & ids(merged), "a deleted item came back"
    assert_closed_items_kept(text, merged)
    assert plan(shop, after, merged) == merged


def assert_words_kept(generated: str, text: str, merged: str) -> None:
    """What a person wrote into a line is still there, in the same order."""
    generated_lines = {line.strip() for line in generated.split("\n")}
    position = 0
    for line in text.split("\n"):
        if line.strip() not in generated_lines:
            words = persons_words(line, generated)
            position = merged.index(words, position) + len(words)


def persons_words(line: str, generated: str) -> str:
    """The tool may write the title of an item and its mark, the note behind it is a person's."""
    title, comment, words = re.sub(r"^\s*- \[.\]", "", line).strip().partition(" <!-- step ")
    if comment and title in generated:
        return words
    return f"{title}{comment}{words}"


def assert_closed_items_kept(text: str, merged: str) -> None:
    """Byte for byte, up to an open item that a person put inside one."""
    items = parse(text).items
    for item in items:
        if item.step.state in (State.DONE, State.SKIPPED):
            end = min([item.end] + [inner.start for inner in items if item.start < inner.start])
            assert text[item.start : end] in merged
