"""The line of a key or a list element in a TOML file, which tomllib doesn't give.

Only loaded to word a complaint: a configuration without mistakes never pays for it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

Place = tuple[str | int, ...]
"""Keys from the outside in, and indexes into lists: `("per-file-ignores", "test/**", 0)`."""

_TABLES = ("table", "table_array_element")


def line_of(content: bytes, place: Place) -> int:
    """The 1-based line of what stands at `place`, or of the nearest thing around it, in valid TOML."""
    root = Parser(Language(tree_sitter_toml.language())).parse(content).root_node
    most_shared, line = 0, 1
    for path, node in _entries(root, ()):
        shared = min(len(path), len(place))
        if shared > most_shared and path[:shared] == place[:shared]:
            most_shared, line = shared, node.start_point.row + 1
    return line


def _entries(node: Node, prefix: Place) -> Iterator[tuple[Place, Node]]:
    """Every key and every list element below a node, with its place."""
    for child in node.named_children:
        if child.type in _TABLES:
            path = (*prefix, *_keys(child.named_children[0]))
            yield path, child
            yield from _entries(child, path)
        elif child.type == "pair":
            path = (*prefix, *_keys(child.named_children[0]))
            yield path, child
            yield from _values(child.named_children[-1], path)


def _values(value: Node, path: Place) -> Iterator[tuple[Place, Node]]:
    if value.type == "inline_table":
        yield from _entries(value, path)
    elif value.type == "array":
        elements = [element for element in value.named_children if element.type != "comment"]
        for index, element in enumerate(elements):
            yield (*path, index), element
            yield from _values(element, (*path, index))


def _keys(node: Node) -> Iterator[str]:
    if node.type == "dotted_key":
        for part in node.named_children:
            yield from _keys(part)
        return
    text = (node.text or b"").decode()
    yield tomllib.loads(f"key = {text}")["key"] if node.type == "quoted_key" else text
