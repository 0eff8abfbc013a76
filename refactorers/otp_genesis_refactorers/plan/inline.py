"""Foreign text as one line of Markdown that can't break out of the place it is put in.

Goals, messages of findings and names out of the code hold backticks, line breaks and `-->`.
Escapes are set only where a character would mean something, so that the documents read well as text.
"""

from __future__ import annotations

import re

_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_SPECIAL = re.compile(
    r"[\\`*<\[]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # between letters it marks nothing
    r"|&(?=#?\w+;)"
)


def prose(text: str) -> str:
    """Plain text, in which only `code spans` keep their meaning."""
    line = _folded(text)
    parts: list[str] = []
    position = 0
    for span in _CODE_SPAN.finditer(line):
        parts += [_escaped(line[position : span.start()]), span[0]]
        position = span.end()
    return "".join([*parts, _escaped(line[position:])])


def sentence(text: str) -> str:
    """Like `prose`, ended with a full stop unless the text ends itself."""
    line = prose(text)
    return line if not line or line[-1] in ".!?:;…" else line + "."


def code(text: str) -> str:
    """A code span that shows `text` on one line."""
    line = _folded(text) or " "
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def fenced(text: str, language: str) -> str:
    """A code block that no line of `text` can end, one line break at its end."""
    fence = "`" * max(3, _longest_run(text) + 1)
    body = _whole(text).rstrip("\n")
    return f"{fence}{language}\n{body}\n{fence}\n"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda match: "\\" + match[0], text)


def _folded(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", _whole(text)).split())


def _whole(text: str) -> str:
    """Without the half characters that stand in a file name for bytes that are no text."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
