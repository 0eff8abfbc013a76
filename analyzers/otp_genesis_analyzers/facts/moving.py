"""The facts of a file after something was typed in it that changed none of them but their places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from msgspec import Struct, inspect, structs

from otp_genesis_analyzers.facts.model import Clause, FileFacts, Module, Suppression
from otp_genesis_analyzers.source import LineIndex, Span
from otp_genesis_analyzers.typed_text import Typed

_Mover = Callable[[Typed, Any], Any]


def moved_facts(facts: FileFacts, before: LineIndex, typed: Typed) -> FileFacts:
    """The same facts with every span moved; `before` are the lines of the text that they are of.

    Offsets of branches only tell branches apart, and stay.
    """
    line = before.line_of(typed.old.start)
    suppressions = tuple(_moved_suppression(each, typed, line) for each in facts.suppressions)
    moved = _module_mover()
    modules = tuple([moved(typed, module) for module in facts.modules])
    return structs.replace(facts, modules=modules, suppressions=suppressions)


def _moved_suppression(suppression: Suppression, typed: Typed, line: int) -> Suppression:
    moved_line = suppression.line + typed.lines if suppression.line > line else suppression.line
    return structs.replace(suppression, line=moved_line, span=typed.move(suppression.span))


@cache
def _module_mover() -> _Mover:
    """Made once of the types of the facts: most of their fields hold no span, and are not looked at."""
    mover = _mover(inspect.type_info(Module))
    assert mover is not None
    return mover


def _mover(kind: inspect.Type, outer: tuple[type, ...] = ()) -> _Mover | None:
    """What moves a value of this type, which stands inside of `outer`; None when it holds no span."""
    match kind:
        case inspect.StructType(cls=cls):
            return Typed.move if cls is Span else None if cls in outer else _mover_of_struct(kind, outer)
        case inspect.UnionType(types=types):
            inner = next((mover for each in types if (mover := _mover(each, outer)) is not None), None)
            return inner and (lambda typed, value: None if value is None else inner(typed, value))
        case inspect.VarTupleType(item_type=item):
            inner = _mover(item, outer)
            return inner and (lambda typed, values: tuple([inner(typed, value) for value in values]))
        case inspect.TupleType(item_types=items):
            return _mover_of_fields(tuple, [_mover(item, outer) for item in items])
        case _:
            return None


def _mover_of_struct(kind: inspect.StructType, outer: tuple[type, ...]) -> _Mover | None:
    movers = [_mover(each.type, (*outer, kind.cls)) for each in kind.fields]
    mover = _mover_of_fields(lambda values: kind.cls(*values), movers)
    if kind.cls is Clause and mover is not None:
        # All that it holds stands inside of it.
        return lambda typed, clause: clause if clause.span.end <= typed.old.start else mover(typed, clause)
    return mover


def _mover_of_fields(make: Callable[[list[Any]], Any], movers: Sequence[_Mover | None]) -> _Mover | None:
    wanted = [(at, mover) for at, mover in enumerate(movers) if mover is not None]

    def move(typed: Typed, value: Any) -> Any:
        values = [*(structs.astuple(value) if isinstance(value, Struct) else value)]
        for at, mover in wanted:
            values[at] = mover(typed, values[at])
        return make(values)

    return move if wanted else None
