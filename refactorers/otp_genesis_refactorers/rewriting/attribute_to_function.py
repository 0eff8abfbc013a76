"""A module attribute becomes a private function: what it holds is worked out when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit, Refused
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.definitions import indent_of
from otp_genesis_refactorers.rewriting.layout import newline_of

_TAKEN_NAMES = frozenset(
    {"self", "node", "binding", "make_ref", "dbg", "not", "and", "or", "in", "fn", "end"}
)
_ORDINARY = frozenset(
    {"case", "if", "unless", "cond", "with", "for", "try", "receive", "raise", "throw", "exit", "fn", "then"}
    | {"inspect", "to_string", "to_charlist", "length", "elem", "hd", "tl", "max", "min", "round", "trunc"}
    | {"div", "rem", "abs", "map_size", "byte_size", "send", "self", "spawn", "apply", "struct", "struct!"}
    | {"is_nil", "is_list", "is_map", "is_binary", "is_atom", "is_integer", "not", "tap", "get_in"}
)
"""Macros and functions of Kernel that take any expression in the place of an attribute."""
_PATTERN_OPERATORS = frozenset({"=", "<-"})
_MACROS_OF_QUERIES = frozenset({"Ecto.Query", "Query"})


def attribute_to_function(
    source: Source, module: Module, attribute: Node, line_length: int
) -> list[Edit] | Refused:
    """Edits that take `@url value` out, add `defp url, do: value`, and call it wherever it was used."""
    definition = syntax.operand(attribute)
    name = syntax.local_name(definition) if definition is not None else ""
    values = syntax.arguments(definition) if definition is not None else []
    block = _module_block(attribute)
    where = place(source, attribute.start_byte)
    if not name or len(values) != 1 or values[0].type == "keywords" or block is None:
        return Refused(f"`@{name}` at {where} is not written as `@{name} value` in a module's block")
    if sum(1 for one in module.attributes if one.name == name) != 1:
        return Refused(f"`@{name}` is set several times in {module.name}: say by hand which value is meant")
    if name in _TAKEN_NAMES or module.function(name, 0) is not None:
        return Refused(f"{module.name} can't have a function `{name}/0` besides: name the new one by hand")
    if _is_named_to_module(block, name):
        return Refused(
            f"`@{name}` is registered, or read by `Module`, in {module.name}: it has to stay an attribute"
        )
    if not _stands_alone(values[0]):
        return Refused(
            f"the value of `@{name}` at {where} uses variables or other attributes: move it by hand"
        )
    uses = [use for use in _uses(block, name) if use != attribute]
    if not uses:
        return Refused(f"`@{name}` is read nowhere in {module.name}: take it out")
    outside = next((use for use in uses if not _is_run(use, module)), None)
    if outside is not None:
        return Refused(
            f"`@{name}` is used at {place(source, outside.start_byte)}, where no function can be called"
        )
    if _has_comment(attribute):
        return Refused(f"a comment stands behind `@{name}` at {where}: move the value by hand")
    return [
        *(Edit(Span.of(use), f"{name}()") for use in uses),
        *_moved_to_the_end(source, block, attribute, name, values[0], line_length),
    ]


def _moved_to_the_end(
    source: Source, block: Node, attribute: Node, name: str, value: Node, line_length: int
) -> Iterator[Edit]:
    newline, indent = newline_of(source.content), indent_of(source, attribute)
    comments = _comments_above(attribute)
    lines = [f"{indent}{syntax.text(comment)}" for comment in comments]
    text = syntax.text(value)
    one_line = f"{indent}defp {name}, do: {text}"
    if value.start_point.row == value.end_point.row and len(one_line) <= line_length:
        lines.append(one_line)
    else:
        shift = len(indent) + 2 - value.start_point.column
        body = [_shifted(line, shift) for line in text.splitlines()[1:]]
        lines += [f"{indent}defp {name} do", f"{indent}  {text.splitlines()[0]}", *body, f"{indent}end"]
    first = (comments or [attribute])[0]
    yield _without_lines(source, block, first.start_point.row, attribute.end_point.row)
    last = [child for child in block.named_children if child != attribute][-1]
    end = source.lines.line_end(last.end_point.row)
    yield Edit(Span(end, 0), newline * 2 + newline.join(lines))


def _without_lines(source: Source, block: Node, first: int, last: int) -> Edit:
    """Lines taken out, and the blank lines behind them where a blank line or the block's start is above."""
    starts = source.lines.starts
    above = first == 0 or first - 1 == block.start_point.row or not _line(source, first - 1).strip()
    behind = last + 1
    while above and behind < len(starts) and not _line(source, behind).strip():
        behind += 1
    return Edit(
        Span.between(starts[first], starts[behind] if behind < len(starts) else len(source.content)), ""
    )


def _line(source: Source, line: int) -> str:
    return source.text(Span.between(source.lines.starts[line], source.lines.line_end(line)))


def _shifted(line: str, columns: int) -> str:
    if columns >= 0:
        return " " * columns + line if line.strip() else line
    return line[min(-columns, len(line) - len(line.lstrip())) :]


def _comments_above(attribute: Node) -> list[Node]:
    """The comments on the lines directly above."""
    found: list[Node] = []
    below = attribute
    while (before := below.prev_named_sibling) is not None and before.type == "comment":
        alone = before.prev_named_sibling is None or (
            before.prev_named_sibling.end_point.row < before.start_point.row
        )
        if below.start_point.row - before.start_point.row != 1 or not alone:
            break
        found.insert(0, before)
        below = before
    return found


def _has_comment(attribute: Node) -> bool:
    behind = attribute.next_named_sibling
    inside = any(node.type == "comment" for node in syntax.below(attribute))
    same_line = behind is not None and behind.start_point.row == attribute.end_point.row
    return inside or same_line


def _module_block(attribute: Node) -> Node | None:
    """The block of the module that the attribute is a statement of."""
    block = attribute.parent
    if block is None or block.type != "do_block" or block.parent is None:
        return None
    return block if syntax.local_name(block.parent) == "defmodule" else None


def _is_named_to_module(block: Node, name: str) -> bool:
    """`Module.register_attribute(__MODULE__, :url, accumulate: true)`, `Module.get_attribute(..., :url)`."""
    for node in syntax.below(block):
        target = syntax.call_target(node) if node.type == "call" else None
        named = target is not None and syntax.text(target).startswith("Module.")
        if named and any(syntax.text(argument) == f":{name}" for argument in syntax.arguments(node)):
            return True
    return False


def _stands_alone(value: Node) -> bool:
    """Of calls and literals: it has neither a variable nor an attribute."""
    for node in syntax.below(value):
        if node.type in ("anonymous_function", "stab_clause"):
            return False
        if node.type == "identifier" and not _is_part_of_name(node) and syntax.text(node) != "__MODULE__":
            return False
        if node.type == "unary_operator" and syntax.operator(node) == "@":
            return False
    return True


def _is_part_of_name(identifier: Node) -> bool:
    """The name of what is called, in `fetch(x)` and `Application.fetch(x)`."""
    parent = identifier.parent
    if parent is None:
        return False
    if parent.type == "dot":
        return True
    return parent.type == "call" and syntax.call_target(parent) == identifier


def _uses(block: Node, name: str) -> Iterator[Node]:
    """Where `@name` stands in the module itself; other modules inside of it have their own."""
    for child in block.named_children:
        if child.type == "call" and syntax.local_name(child) in syntax.MODULE_DEFINITIONS:
            continue
        if child.type == "unary_operator" and syntax.operator(child) == "@":
            operand = syntax.operand(child)
            if operand is not None and name in (syntax.text(operand), syntax.local_name(operand)):
                yield child
        yield from _uses(child, name)


def _is_run(use: Node, module: Module) -> bool:
    """A function's body runs it: no pattern, no guard, no macro that wants a literal."""
    node, parent = use, use.parent
    while parent is not None:
        if parent.type == "call":
            name = syntax.local_name(parent)
            if name in ("def", "defp"):
                return node.type == "do_block" or not _is_head(parent, use)
            if not _takes_any_expression(parent, name, module):
                return False
        elif parent.type == "stab_clause" and not _within(parent.child_by_field_name("right"), use):
            return False
        elif parent.type == "binary_operator":
            operator = syntax.operator(parent)
            pattern = operator in _PATTERN_OPERATORS and _within(syntax.left(parent), use)
            if pattern or operator in ("::", "when"):
                return False
        elif parent.type == "struct" or (
            parent.type == "unary_operator" and syntax.operator(parent) in ("^", "@")
        ):
            return False
        node, parent = parent, parent.parent
    return False


def _takes_any_expression(call: Node, name: str, module: Module) -> bool:
    if not name:
        target = syntax.call_target(call)
        owner = syntax.left(target) if target is not None and target.type == "dot" else None
        return owner is None or syntax.text(owner) not in _MACROS_OF_QUERIES
    if name in _ORDINARY:
        return True
    arity = len(syntax.arguments(call))
    found = module.function(name, arity) or module.function(name, arity + 1)
    return found is not None and found.kind in ("def", "defp")


def _is_head(definition: Node, use: Node) -> bool:
    arguments = syntax.arguments(definition)
    return bool(arguments) and _within(arguments[0], use)


def _within(outer: Node | None, inner: Node) -> bool:
    return outer is not None and outer.start_byte <= inner.start_byte and inner.end_byte <= outer.end_byte
