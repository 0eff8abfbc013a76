"""Expressions: `steps.plan.tasks | length > 0`. What they speak of is known before one is worked out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateRuntimeError, TemplateSyntaxError
from jinja2.parser import Parser

from otp_genesis_refactorers.pipelines.language.sandbox import Environment, worked_out


@dataclass(frozen=True)
class Reference:
    """What an expression takes from around it: `steps.plan.tasks` is `("steps", "plan", "tasks")`."""

    way: tuple[str, ...]
    optional: bool = False
    """Behind it stands `default(...)` or `is defined`: it need have no value."""


class BadExpression(ValueError):
    """What is wrong with an expression, and what to write instead."""

    def __init__(self, message: str, instead: str, offset: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.instead = instead
        self.offset = offset
        """The character of the text around it where it begins."""


class Unknown(Exception):
    """An expression has no value: something that it speaks of is not there, or not of its kind."""


@dataclass(frozen=True)
class Expression:
    source: str
    references: tuple[Reference, ...]
    _compute: Callable[..., Any] = field(repr=False, compare=False)

    def value(self, names: Mapping[str, Any]) -> Any:
        """Raises `Unknown`: what can't be worked out is never taken for false, or for nothing."""
        try:
            return worked_out(self._compute, names)
        except TemplateRuntimeError as error:
            raise Unknown(f"{self.source!r}: {error.message or error}") from error
        except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            raise Unknown(f"{self.source!r}: {' '.join(str(error).split())}") from error


def parse_expression(source: str) -> Expression:
    """Raises `BadExpression`."""
    environment = _environment()
    try:
        parser = Parser(environment, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            rest = parser.stream.current
            raise BadExpression(f"{source!r} does not end before {str(rest)!r}", _hint(source, str(rest)))
        tree.set_environment(environment)
        compute = environment.compile_expression(source, undefined_to_none=False)
    except TemplateSyntaxError as error:
        message = (error.message or "").rstrip(".")
        raise BadExpression(f"{source!r} is no expression: {message}", _hint(source, message)) from error
    except RecursionError as error:
        raise BadExpression("the expression is nested too deep", "split it with set_variable") from error
    return Expression(source, tuple(dict.fromkeys(_references(tree, optional=False))), compute)


def _hint(source: str, message: str) -> str:
    if message.startswith("No filter named"):
        return f"filters are {', '.join(_environment().filter_names)}"
    if message.startswith("No test named"):
        return f"tests are {', '.join(_environment().test_names)}"
    if " contains " in f" {source} ":
        return "write 'x in y' for 'y contains x'"
    if "=" in source and "==" not in source and "!=" not in source:
        return "write == to compare"
    if "&&" in source or "||" in source:
        return "write 'and', 'or', 'not'"
    return "write it like: steps.tests.status == 'passed' and vars.tries < 3"


@cache
def _environment() -> Environment:
    return Environment()


def _references(node: nodes.Node, *, optional: bool) -> Iterator[Reference]:
    if isinstance(node, nodes.Filter) and node.name in ("default", "d"):
        for index, child in enumerate(node.iter_child_nodes()):
            yield from _references(child, optional=optional or index == 0)
        return
    if isinstance(node, nodes.Test) and node.name in ("defined", "undefined"):
        yield from _references(node.node, optional=True)
        return
    way = _way(node)
    if way is not None:
        yield Reference(way, optional)
        return
    for child in node.iter_child_nodes():
        yield from _references(child, optional=optional)


def _way(node: nodes.Node) -> tuple[str, ...] | None:
    """The names of `a.b['c']`; as far as they are plain, None when not even the first is."""
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        before = _way(node.node)
        return before and (*before, node.attr)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        before = _way(node.node)
        return before and (*before, str(node.arg.value))
    return None
