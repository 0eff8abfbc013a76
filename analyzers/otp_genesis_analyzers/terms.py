"""Terms: the parts of an Elixir expression that rules ask about, as plain data.

A term keeps what is known without running code (atoms, modules, tuples, keywords, the names
of variables) and says `other` for the rest. Module names are resolved through the aliases in
scope, module attributes with one literal value are replaced by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern
from typing import Literal

from msgspec import Struct
from msgspec.structs import force_setattr

TermKind = Literal[
    "atom",  # value: name without colon; true, false and nil too
    "int",
    "float",
    "string",  # value: text without interpolation
    "interpolation",  # a string or atom made at run time
    "module",  # value: full name, "Shop.Cart"
    "variable",
    "attribute",  # value: name; only when its value is not one literal
    "tuple",
    "list",  # items: elements; keyword lists hold pairs; a tail is the last item, of kind "tail"
    "tail",
    "map",  # items: pairs
    "struct",  # value: module name, items: pairs
    "pair",  # items: key, value
    "call",  # value: "Module.name" or "name", items: arguments
    "fn",
    "capture",  # value: "Module.name/arity" or "name/arity"; empty for `&(...)`
    "match",  # items: left, right of `=`
    "pin",  # value: variable name
    "operator",  # value: the operator, items: operands
    "other",
]


class Term(Struct, frozen=True, array_like=True, gc=False):
    kind: TermKind
    value: str = ""
    items: tuple[Term, ...] = ()

    def __post_init__(self) -> None:
        force_setattr(self, "value", intern(self.value))

    def is_atom(self, *names: str) -> bool:
        return self.kind == "atom" and self.value in names

    @property
    def pairs(self) -> Iterator[tuple[Term, Term]]:
        """Key and value of each pair of a keyword list or map."""
        for item in self.items:
            if item.kind == "pair":
                yield item.items[0], item.items[1]

    def get(self, key: str) -> Term | None:
        """The value under an atom key of a keyword list or map."""
        for name, value in self.pairs:
            if name.is_atom(key):
                return value
        return None

    @property
    def tag(self) -> str | None:
        """The atom by which a message is told apart: `:stop`, or the head of `{:add, _}`."""
        if self.kind == "atom":
            return self.value
        if self.kind == "tuple" and self.items and self.items[0].kind == "atom":
            return self.items[0].value
        return None

    def walk(self) -> Iterator[Term]:
        """This term and every term inside it."""
        yield self
        for item in self.items:
            yield from item.walk()


OTHER = Term("other")
NIL = Term("atom", "nil")
