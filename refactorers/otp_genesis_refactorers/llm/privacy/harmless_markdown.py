"""Markdown that a model wrote, for an editor to show: nothing in it can be clicked, loaded or run.

Editors render links that run commands, load images from anywhere, and take HTML. So the text is read as
Markdown and written anew from what was understood, every character that could mean something escaped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

_MEANT = re.compile(r"[\\`*_\[\]<>!|~&$]")
_MEANT_AT_LINE_START = re.compile(r"^(\d*)([#+=.)-])", re.MULTILINE)
_ADDRESS = re.compile(r"((?:\w[\w+.-]*:|www\.)[^\s<>()]{3,})")
"""Editors make links of some of these by themselves."""
_LANGUAGE = re.compile(r"[\w+-]{0,20}")


def harmless(markdown: str) -> str:
    """The same to read: headings, lists, quotes, emphasis, code. Of links, text and address stay, as code."""
    tokens = MarkdownIt("commonmark", {"html": False}).parse(_printable(markdown))
    return "\n".join(_blocks(SyntaxTreeNode(tokens))).strip("\n") + "\n"


def _printable(text: str) -> str:
    """Without what steers terminals and the direction of writing."""
    return "".join(each for each in text if each in "\n\t" or unicodedata.category(each) not in ("Cc", "Cf"))


def _blocks(parent: SyntaxTreeNode) -> Iterator[str]:
    for node in parent.children:
        match node.type:
            case "heading":
                yield f"{'#' * int(node.tag[1])} {_inline(node)}"
            case "bullet_list" | "ordered_list":
                yield from _items(node)
            case "blockquote":
                yield from (f"> {line}".rstrip() for line in _lines(node))
            case "fence" | "code_block":
                yield from _code(node)
            case "hr":
                yield "---"
            case _:
                yield _MEANT_AT_LINE_START.sub(r"\1\\\2", _inline(node))
        yield ""


def _lines(parent: SyntaxTreeNode) -> list[str]:
    return "\n".join(_blocks(parent)).strip("\n").split("\n")


def _items(node: SyntaxTreeNode) -> Iterator[str]:
    for number, item in enumerate(node.children, 1):
        mark = "- " if node.type == "bullet_list" else f"{number}. "
        lines = _lines(item)
        yield f"{mark}{lines[0]}"
        yield from (f"{' ' * len(mark)}{line}".rstrip() for line in lines[1:])


def _code(node: SyntaxTreeNode) -> Iterator[str]:
    language = _LANGUAGE.match(node.info.strip() if node.type == "fence" else "")
    ticks = _ticks(node.content, least=3)
    yield f"{ticks}{language[0] if language else ''}"
    yield from node.content.rstrip("\n").split("\n")
    yield ticks


def _inline(node: SyntaxTreeNode) -> str:
    parts: list[str] = []
    for each in node.children:
        match each.type:
            case "text":
                parts.append(_text(each.content))
            case "code_inline":
                parts.append(_code_span(each.content))
            case "strong":
                parts.append(f"**{_inline(each)}**")
            case "em":
                parts.append(f"*{_inline(each)}*")
            case "link":
                parts.append(_link(_inline(each), _code_span(str(each.attrs.get("href", "")))))
            case "image":
                parts.append(f"(image: {_inline(each)})")
            case "softbreak" | "hardbreak":
                parts.append("\n")
            case _:
                parts.append(_inline(each))
    return "".join(parts)


def _link(text: str, address: str) -> str:
    return address if text in ("", address) else f"{text} ({address})"


def _text(text: str) -> str:
    pieces = _ADDRESS.split(text)
    return "".join(
        _code_span(piece) if index % 2 else _MEANT.sub(r"\\\g<0>", piece)
        for index, piece in enumerate(pieces)
    )


def _code_span(code: str) -> str:
    ticks = _ticks(code, least=1)
    pad = " " if code[:1] == "`" or code[-1:] == "`" else ""
    return f"{ticks}{pad}{code}{pad}{ticks}" if code else ""


def _ticks(content: str, least: int) -> str:
    longest = max((len(run) for run in re.findall("`+", content)), default=0)
    return "`" * max(least, longest + 1)
