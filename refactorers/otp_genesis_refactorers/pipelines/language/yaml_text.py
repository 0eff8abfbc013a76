"""YAML as plain data in which every value knows its place.

YAML 1.2: `on` and `yes` are text. Tags make nothing, a key that stands twice is a mistake, and a file can't
be small on disk and huge in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from otp_genesis_refactorers.pipelines.problems import BadPipeline, Problem

MAX_BYTES = 1 << 20
MAX_NODES = 20_000
MAX_DEPTH = 100
_KIND = "tag:yaml.org,2002:"

Node: TypeAlias = Any
"""One of ruamel's, whose attributes it does not declare."""
Loc: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys and indexes, from the top."""


@dataclass(frozen=True)
class Position:
    """1-based."""

    line: int
    column: int


@dataclass(frozen=True)
class _Place:
    key: Position
    value: Position
    block: bool
    """A block of lines (`|`), the first of which stands below."""


@dataclass(frozen=True)
class YamlText:
    file: str
    """As it is to be named in messages."""
    data: Any
    _places: dict[Loc, _Place]
    _lines: tuple[str, ...]

    def of_value(self, loc: Loc, offset: int | None = None) -> Position:
        """Where a value begins, or the character `offset` of a text; of the nearest value around what is
        not there."""
        while loc and loc not in self._places:
            loc = loc[:-1]
        place = self._places[loc]
        if offset is None or not place.block:
            return place.value
        return self._inside_block(place, loc, offset)

    def of_key(self, loc: Loc) -> Position:
        """Where the key of a value begins."""
        while loc and loc not in self._places:
            loc = loc[:-1]
        return self._places[loc].key

    def has(self, loc: Loc) -> bool:
        return loc in self._places

    def at(self, loc: Loc) -> Any:
        """The value there; None when there is none."""
        value = self.data
        for part in loc:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def _inside_block(self, place: _Place, loc: Loc, offset: int) -> Position:
        text: str = self.at(loc)
        before = text[:offset]
        line = place.value.line + 1 + before.count("\n")
        in_line = before[before.rfind("\n") + 1 :]
        written = self._lines[line - 1] if line <= len(self._lines) else ""
        rest = text[offset:].partition("\n")[0]
        found = written.find(in_line + rest)
        return Position(line, max(found, 0) + len(in_line) + 1)


def read_yaml(file: str, content: bytes) -> YamlText:
    """Raises `BadPipeline` with the place of what is no YAML, or too much of it."""
    if len(content) > MAX_BYTES:
        _refuse(
            file, 1, 1, f"the file has more than {MAX_BYTES >> 10} KiB", "split it into several pipelines"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        _refuse(file, line, 1, "this is not UTF-8 text", "save the file as UTF-8")
    try:
        node: Node = YAML(typ="safe", pure=True).compose(text)  # pyright: ignore[reportUnknownMemberType]
    except MarkedYAMLError as error:
        told: Any = error
        mark = told.problem_mark or told.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        words = " ".join(str(told.problem or told.context).split())
        _refuse(file, line, column, f"this is not YAML: {words}", _YAML_HINT)
    except (YAMLError, RecursionError, ValueError) as error:
        words = " ".join(str(error).split())
        _refuse(file, 1, 1, f"this is not YAML: {words}", _YAML_HINT)
    if node is None:
        _refuse(file, 1, 1, "the file is empty", "start it with 'workflow:'")
    reader = _Reader(file)
    top = _position(node)
    reader.places[()] = _Place(top, top, False)
    data = reader.read(node, ())
    return YamlText(file, data, reader.places, tuple(text.split("\n")))


_YAML_HINT = "indent with blanks alike, and put text that holds ': ', '#' or brackets in quotes"


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._count = 0
        self.places: dict[Loc, _Place] = {}

    def read(self, node: Node, loc: Loc) -> Any:
        self._count += 1
        if self._count > MAX_NODES or len(loc) > MAX_DEPTH:
            self._refuse(node, "there is too much in this file, all aliases written out", "make it smaller")
        if not isinstance(node, ScalarNode) and node.tag not in (f"{_KIND}map", f"{_KIND}seq"):
            self._refuse(node, f"the tag {node.tag!r} means nothing here", "leave it out")
        if isinstance(node, MappingNode):
            return self._mapping(node, loc)
        if isinstance(node, SequenceNode):
            items: list[Node] = cast(Node, node).value
            return [self._item(item, (*loc, index)) for index, item in enumerate(items)]
        return self._scalar(node)

    def _item(self, node: Node, loc: Loc) -> Any:
        at = _position(node)
        self.places[loc] = _Place(at, at, _is_block(node))
        return self.read(node, loc)

    def _mapping(self, node: Node, loc: Loc) -> dict[str, Any]:
        result: dict[str, Any] = {}
        pairs: list[tuple[Node, Node]] = node.value
        for key_node, value_node in pairs:
            key = self.read(key_node, loc)
            if not isinstance(key, str):
                self._refuse(key_node, f"{key!r} can't be a key", "put it in quotes")
            if key_node.tag == f"{_KIND}merge":
                self._refuse(key_node, "'<<' is not understood", "write the keys out")
            if key in result:
                self._refuse(key_node, f"{key!r} stands twice", "keep one of the two")
            below = (*loc, key)
            self.places[below] = _Place(_position(key_node), _position(value_node), _is_block(value_node))
            result[key] = self.read(value_node, below)
        return result

    def _scalar(self, node: Node) -> Any:
        text: str = node.value
        match node.tag.removeprefix(_KIND):
            case "str" | "timestamp" | "merge" | "value":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return self._number(node, lambda: _integer(text))
            case "float":
                return self._number(node, lambda: float(text.replace("_", "").replace(".inf", "inf")))
            case _:
                return self._refuse(node, f"the tag {node.tag!r} means nothing here", "leave it out")

    def _number(self, node: Node, read: Any) -> Any:
        try:
            return read()
        except ValueError:
            self._refuse(node, f"{node.value!r} is no number", "put it in quotes if it is text")

    def _refuse(self, node: Node, message: str, instead: str) -> NoReturn:
        at = _position(node)
        _refuse(self._file, at.line, at.column, message, instead)


def _integer(text: str) -> int:
    plain = text.replace("_", "")
    return int(plain, 0) if plain.lstrip("+-")[:2].lower() in ("0x", "0o", "0b") else int(plain)


def _position(node: Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def _is_block(node: Node) -> bool:
    return isinstance(node, ScalarNode) and cast(Node, node).style == "|"


def _refuse(file: str, line: int, column: int, message: str, instead: str) -> NoReturn:
    raise BadPipeline([Problem(file, line, column, message, instead)])


def with_tags_left_out(data: Any, loc: Sequence[str | int]) -> Loc:
    """A place as pydantic names it, less the types of union members, which stand nowhere in the text."""
    way: list[str | int] = []
    value: Any = data
    may_be_tag = True
    for part in loc:
        if may_be_tag and isinstance(value, dict) and part == cast(dict[str, Any], value).get("type"):
            may_be_tag = False
            continue
        way.append(part)
        may_be_tag = True
        try:
            value = cast(Any, value)[part]
        except (KeyError, IndexError, TypeError):
            value = None
    return tuple(way)
