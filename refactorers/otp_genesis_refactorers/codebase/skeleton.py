"""What a file offers, without how: a tenth of its text, for whoever must know the whole of a code base.

1: defmodule Shop.Cart do
2:   use GenServer
5:   @spec start_link(keyword()) :: GenServer.on_start()
6:   def start_link(opts)
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.source import Source

_REFERRING = frozenset({"use", "alias", "import", "require"})
_PUBLIC = frozenset({"def", "defmacro", "defdelegate", "defguard"})
_DECLARING = frozenset({"defstruct", "defexception", "defimpl", "defprotocol", "defmodule"})
_ATTRIBUTES = frozenset({"spec", "callback", "macrocallback", "type", "typep", "opaque", "behaviour"})
_LONGEST_CHARACTERS = 300


def skeleton(path: str, content: bytes) -> str:
    """A line for each declaration, behind the number of the line that it stands in.

    Empty where there is none. Of a broken file it is what can be read of it. Never raises.
    """
    root = Source(path, content).root
    return "".join(f"{number}: {text}\n" for number, text in _lines(root, 0))


def _lines(block: Node, depth: int) -> Iterator[tuple[int, str]]:
    if depth > syntax.MAX_DEPTH:
        return
    before = ""
    for statement in syntax.children(block):
        text = _declaration(statement)
        if text and text != before:
            yield statement.start_point.row + 1, "  " * depth + text
        # The clauses of a function have one head each; those that read the same are told once.
        before = text or before
        inner = syntax.do_block(statement) if syntax.local_name(statement) in _DECLARING else None
        if inner is not None:
            yield from _lines(inner, depth + 1)


def _declaration(statement: Node) -> str:
    """What a statement declares, on one line; empty for what belongs to how it is done."""
    if statement.type == "unary_operator":
        operand = syntax.operand(statement)
        is_told = operand is not None and syntax.local_name(operand) in _ATTRIBUTES
        return _folded(syntax.text(statement)) if is_told else ""
    name = syntax.local_name(statement)
    if name in _REFERRING:
        return _folded(syntax.text(statement))
    if name in _PUBLIC or name in _DECLARING:
        return _folded(_without_body(statement))
    return ""


def _without_body(definition: Node) -> str:
    text = definition.text or b""
    block = syntax.do_block(definition)
    if block is not None:
        end = block.start_byte
    else:
        body = next((value for key, value in syntax.body_keywords(definition).items() if key == "do"), None)
        end = _start_of_keywords(definition) if body is not None else definition.end_byte
    head = text[: end - definition.start_byte].decode("utf-8", "replace").rstrip().rstrip(",")
    return f"{head} do" if syntax.local_name(definition) in _DECLARING and block is not None else head


def _start_of_keywords(definition: Node) -> int:
    """Where `do:` begins, the last argument of a definition written in one line."""
    return syntax.arguments(definition)[-1].start_byte


def _folded(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_CHARACTERS else f"{line[:_LONGEST_CHARACTERS]}…"
