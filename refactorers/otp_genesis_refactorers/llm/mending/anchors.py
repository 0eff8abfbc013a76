"""Where an edit of a model belongs: at a function, or at a text that stands in a file exactly once.

Nothing is applied by guess. Text that is not there, or there more than once, is refused with the region that
reads most like it, so that the next answer can quote it.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent, indent

from tree_sitter import Node

from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.applying.quoted import place_of, with_line_ends
from otp_genesis_refactorers.change import Edit, Refused, edited
from otp_genesis_refactorers.rewriting.definitions import indent_of, start_with_attributes
from otp_genesis_refactorers.rewriting.layout import newline_of

_LISTED_FUNCTIONS = 20
_FUNCTIONS = ("def", "defp", "defmacro", "defmacrop", "defdelegate", "defguard", "test")


def with_text_replaced(path: str, content: bytes, old: str, new: str) -> bytes | Refused:
    """The content with the only place that reads `old` replaced by `new`. Line ends are the file's own."""
    place = place_of(path, content, old)
    if isinstance(place, Refused):
        return place
    return edited(content, (Edit(place, with_line_ends(new, content)),))


def with_function_replaced(path: str, content: bytes, function: str, new: str) -> bytes | Refused:
    """The content with all clauses of `Shop.Cart.put/2` replaced by `new`, which may be empty.

    The attributes directly above the first clause (`@doc`, `@spec`, `@impl`) are kept, unless `new` begins
    with attributes of its own.
    """
    source = Source(path, content)
    found = _definition(source, function)
    if isinstance(found, Refused):
        return found
    first, last = found
    code = dedent(new).strip("\n")
    if not code:
        return _without(source, first, last)
    start = start_with_attributes(first) if code.startswith("@") else first.start_byte
    padding = indent_of(source, first)
    laid = indent(code, padding).removeprefix(padding)
    return content[:start] + with_line_ends(laid, content).encode() + content[last.end_byte :]


def _definition(source: Source, function: str) -> tuple[Node, Node] | Refused:
    """The first and the last clause of a function, between which stands nothing else."""
    name, _, arity = function.rpartition("/")
    module_name, _, local = name.rpartition(".")
    modules = {module.name: module for module in read_facts(source).modules}
    module = modules.get(module_name)
    if module is None or not arity.isdecimal():
        known = ", ".join(sorted(modules)) or "no module"
        return Refused(
            f"{source.path} has no {function!r}: name it as Module.function/arity; it holds {known}"
        )
    ids = {each.id: each for each in _functions(module)}
    found = ids.get(f"{local}/{arity}")
    if found is None:
        listed = ", ".join([*ids][:_LISTED_FUNCTIONS])
        return Refused(f"{module_name} has no {local}/{arity} in {source.path}; it has {listed}")
    first, last = found.clauses[0].span, found.clauses[-1].span
    stranger = next(
        (
            other.id
            for other in ids.values()
            for clause in other.clauses
            if other is not found and first.start < clause.span.start < last.end
        ),
        "",
    )
    if stranger:
        return Refused(
            f"{stranger} stands between the clauses of {local}/{arity}: replace the text of each clause"
        )
    return source.node_at(first), source.node_at(last)


def _functions(module: Module) -> Iterator[Function]:
    return (function for function in module.functions if function.kind in _FUNCTIONS and function.clauses)


def _without(source: Source, first: Node, last: Node) -> bytes:
    """The content without a definition and the blank line that set it apart."""
    content, lines = source.content, source.lines
    start = lines.starts[lines.line_of(start_with_attributes(first))]
    end = lines.line_end(lines.line_of(last.end_byte))
    newline = newline_of(content).encode()
    rest = content[end:].removeprefix(newline)
    before = content[:start]
    if before.endswith(newline * 2):
        before = before[: -len(newline)]
    return before + rest
