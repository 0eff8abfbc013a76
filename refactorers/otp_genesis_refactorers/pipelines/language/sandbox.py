"""Where expressions are worked out: Jinja without anything that could do harm or take long.

Jinja's own sandbox bounds no work (`'x'|center(999999999)` takes half a minute and a gigabyte). Here values
are JSON, attributes are keys of mappings, no method can be reached, and operators take numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_CHARACTERS = 16 << 20
_LARGEST_NUMBER = 10**18
_FILTERS = frozenset(
    {
        *("abs", "count", "default", "d", "first", "float", "int", "join", "last", "length", "list", "lower"),
        *("map", "max", "min", "reject", "rejectattr", "round", "select", "selectattr", "sort", "string"),
        *("sum", "title", "trim", "unique", "upper"),
    }
)
_TESTS = frozenset(
    {
        *("defined", "undefined", "none", "boolean", "false", "true", "integer", "float", "number", "string"),
        *("mapping", "sequence", "in", "even", "odd", "eq", "ne", "lt", "le", "gt", "ge", "equalto"),
        *("==", "!=", "<", "<=", ">", ">="),
    }
)
_OPERATORS = frozenset({"+", "-", "*", "/", "//", "%", "**"})


Calls: TypeAlias = dict[str, Callable[..., Any]]


class Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = _OPERATORS
    intercepted_unops = frozenset({"+", "-"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, cache_size=0)
        self.globals = {}
        own = {
            "tojson": _to_json,
            "join": _join,
            "string": as_text,
            "lines": _lines,
            "ordered_by": _ordered_by,
        }
        self.filters = _only(_FILTERS, cast(Calls, self.filters)) | own
        self.tests = _only(_TESTS, self.tests)

    @property
    def filter_names(self) -> list[str]:
        return sorted(cast(Calls, self.filters))

    @property
    def test_names(self) -> list[str]:
        return sorted(self.tests)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            return obj[argument]
        if isinstance(obj, Mapping):
            keyed = cast(Mapping[Any, Any], obj)
            return keyed[argument] if argument in keyed else self.undefined(obj=keyed, name=argument)
        if isinstance(obj, list | tuple | str) and isinstance(argument, int | slice):
            try:
                return cast(list[Any], obj)[argument]
            except IndexError:
                pass
        return self.undefined(obj=obj, name=str(cast(object, argument)))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and isinstance(left, list) and isinstance(right, list):
            return [*cast(list[Any], left), *cast(list[Any], right)]
        if not (_is_number(left) and _is_number(right)):
            hint = "; write ~ to put texts together" if operator == "+" else ""
            raise SecurityError(f"'{operator}' takes numbers, not {_kind(left)} and {_kind(right)}{hint}")
        if operator == "**":
            raise SecurityError("'**' is not available")
        return _bounded(super().call_binop(context, operator, left, right))

    def call_unop(self, context: Any, operator: str, arg: Any) -> Any:
        if not _is_number(arg):
            raise SecurityError(f"'{operator}' takes a number, not {_kind(arg)}")
        return super().call_unop(context, operator, arg)

    def is_safe_callable(self, obj: Any) -> bool:
        return False


def _only(names: Collection[str], calls: Calls) -> Calls:
    return {name: call for name, call in calls.items() if name in names}


def worked_out(compute: Callable[..., Any], names: Mapping[str, Any]) -> Any:
    """The value of a compiled expression. Raises jinja2's errors, also for a name that is not there."""
    value = compute(**names)
    if isinstance(value, Undefined):
        str(value)  # StrictUndefined raises in its own words
        raise UndefinedError("there is no such value")
    if not isinstance(value, str | int | float | bool | list | dict | None):
        if not isinstance(value, Iterator):
            raise SecurityError("it gives nothing that could be used")
        return list(cast(Iterator[Any], value))
    return cast(Any, value)


def as_text(value: Any) -> str:
    """A value as it stands in a text: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else _to_json(value)


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _lines(value: str) -> list[str]:
    return [line for line in value.splitlines() if line.strip()]


def _ordered_by(items: list[Any], order: list[Any], key: str) -> list[Any]:
    """Mappings in the order in which a list has their values of `key`; those that it lacks stand behind."""
    rank = {value: index for index, value in reversed([*enumerate(order)]) if isinstance(value, str | int)}
    return sorted(items, key=lambda item: rank.get(item[key], len(rank)))


def _join(value: Iterable[Any], between: str = "") -> str:
    parts = [as_text(each) for each in value]
    if sum(map(len, parts)) + len(parts) * len(between) > MAX_CHARACTERS:
        raise SecurityError(f"'join' would give more than {MAX_CHARACTERS} characters")
    return between.join(parts)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bounded(value: Any) -> Any:
    if abs(value) > _LARGEST_NUMBER:
        raise SecurityError("the number gets too large")
    return value


def _kind(value: Any) -> str:
    if _is_number(value):
        return "a number"
    names = {
        "str": "text",
        "bool": "true or false",
        "list": "a list",
        "dict": "a mapping",
        "NoneType": "nothing",
    }
    return names.get(type(value).__name__, "a value")
