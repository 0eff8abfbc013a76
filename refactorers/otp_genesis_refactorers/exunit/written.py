"""Terms as Elixir text, as the formatter would leave it on one line."""

from __future__ import annotations

from collections.abc import Callable

from otp_genesis_analyzers.terms import Term

_WORDS = frozenset({"true", "false", "nil"})
_CONSTANT = frozenset({"atom", "int", "float", "string", "module", "tuple", "list", "map", "pair"})
_DIGITS_IN_A_ROW = 5
"""The formatter groups the digits of longer numbers."""

Fill = Callable[[str], str | None]
"""Gives a value for a variable, None when none is known."""


def is_constant(term: Term) -> bool:
    """The same value wherever it stands: nothing in it is only known at run time."""
    return all(part.kind in _CONSTANT for part in term.walk())


def written(term: Term, fill: Fill = lambda _: None) -> str | None:
    """The text of a term, of a pattern with its variables filled; None where a part of it is not known."""
    match term.kind:
        case "int":
            return _grouped(term.value)
        case "float" | "module":
            return term.value or None
        case "atom":
            return atom(term.value)
        case "string":
            return f'"{term.value}"' if '"' not in term.value and "\n" not in term.value else None
        case "variable":
            return fill(term.value)
        case "tuple":
            return _around("{", term.items, "}", fill)
        case "list":
            return _around("[", term.items, "]", fill)
        case "map":
            return _around("%{", term.items, "}", fill)
        case "struct":
            return _around(f"%{term.value}{{", term.items, "}", fill) if term.value else None
        case "match":
            return next((text for part in term.items if (text := _told(part, fill)) is not None), None)
        case "operator" if term.value == "<>" and term.items[0].kind == "string":
            return written(term.items[0])
        case _:
            return None


def atom(name: str) -> str:
    if name in _WORDS:
        return name
    plain = name.removesuffix("?").removesuffix("!")
    is_plain = plain.isidentifier() and plain.isascii()
    return f":{name}" if is_plain else f':"{name}"'


def keyword(key: str, value: str) -> str:
    plain = atom(key)
    return f"{key}: {value}" if not plain.startswith(':"') else f'"{key}": {value}'


def _told(part: Term, fill: Fill) -> str | None:
    return written(part, fill) if part.kind != "variable" else None


def _around(opening: str, items: tuple[Term, ...], closing: str, fill: Fill) -> str | None:
    parts: list[str] = []
    for item in items:
        text = _pair(item, fill) if item.kind == "pair" else written(item, fill)
        if item.kind == "tail":  # any list will do
            continue
        if text is None:
            return None
        parts.append(text)
    return f"{opening}{', '.join(parts)}{closing}"


def _pair(pair: Term, fill: Fill) -> str | None:
    key, value = pair.items[0], written(pair.items[1], fill)
    if pair.items[1].kind == "variable" and pair.items[1].value == "_" and key.kind == "atom":
        value = fill(key.value)
    if value is None:
        return None
    if key.kind == "atom":
        return keyword(key.value, value)
    name = written(key, fill)
    return f"{name} => {value}" if name is not None else None


def _grouped(digits: str) -> str:
    if not digits.isdigit() or len(digits) <= _DIGITS_IN_A_ROW:
        return digits
    return f"{int(digits):,}".replace(",", "_")
