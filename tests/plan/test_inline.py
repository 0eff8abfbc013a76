"""Foreign text in Markdown: it shows as it is, and nothing in it acts."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from otp_genesis_refactorers.plan.inline import code, fenced, prose, sentence

HOSTILE = st.text(st.sampled_from("a0 _*`<>!-[]()&;#\\~|\n\r\t\x00é🦀{}:/"), max_size=40)


def tokens(markdown: str) -> list[Token]:
    """What stands inside one paragraph."""
    paragraph = MarkdownIt("commonmark").parse(f"Goal: {markdown} end")
    assert [token.type for token in paragraph] == ["paragraph_open", "inline", "paragraph_close"]
    return paragraph[1].children or []


def shown(markdown: str) -> str:
    return "".join(token.content for token in tokens(markdown))[len("Goal: ") : -len(" end")]


@given(HOSTILE)
def test_prose_shows_its_words_and_nothing_else(text: str) -> None:
    assert {token.type for token in tokens(prose(text))} <= {"text", "code_inline"}
    assert shown(prose(text)).replace(" ", "") == re.sub(r"[\s\0]", "", without_code_marks(text))


def without_code_marks(text: str) -> str:
    """The text as a reader of the rendered page sees it: code spans lose their backticks."""
    line = " ".join(text.replace("\0", " ").split())
    return re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", r"\2", line)


@given(HOSTILE)
def test_code_shows_its_text(text: str) -> None:
    words = " ".join(text.replace("\0", " ").split())
    spans = [token.content for token in tokens(code(text)) if token.type == "code_inline"]
    assert spans == [words or " "]


@given(HOSTILE)
def test_a_code_block_ends_where_it_should(text: str) -> None:
    text = text.replace("\r", "").replace("\0", "").strip("\n")
    blocks = MarkdownIt("commonmark").parse(fenced(text, "diff") + "after\n")
    assert [block.type for block in blocks if block.level == 0][:2] == ["fence", "paragraph_open"]
    assert blocks[0].content == f"{text}\n"


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("plain words", "plain words"),
        ("`GenServer.call/2` in handle_call", "`GenServer.call/2` in handle_call"),
        ("two\nlines", "two lines"),
        ("<!-- step 7f3a9c21 --> x", r"\<!-- step 7f3a9c21 --> x"),
        ("one ` tick", r"one \` tick"),
        ("{:DOWN, _ref, _}", r"{:DOWN, \_ref, \_}"),
        ("[link](javascript:x)", r"\[link](javascript:x)"),
        ("&lt; but &run/1", r"\&lt; but &run/1"),
    ],
)
def test_prose_escapes_only_what_would_act(text: str, markdown: str) -> None:
    assert prose(text) == markdown


@pytest.mark.parametrize(("text", "ended"), [("it crashes", "it crashes."), ("why?", "why?"), ("", "")])
def test_a_sentence_ends(text: str, ended: str) -> None:
    assert sentence(text) == ended


@pytest.mark.parametrize("show", [code, prose, lambda text: fenced(text, "elixir")])
def test_a_file_name_that_is_no_text_can_be_written(show: Callable[[str], str]) -> None:
    assert "lib/caf\ufffd.ex" in show("lib/caf\udce9.ex").encode().decode()
