"""A client function for a message: `def deliver(mail), do: GenServer.call(__MODULE__, {:deliver, mail})`."""

from __future__ import annotations

from typing import Literal

from otp_genesis_analyzers.facts.messages.shapes import unwrapped
from otp_genesis_analyzers.facts.model import Clause, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.processes.starts import is_start_function
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_analyzers.terms import Term
from otp_genesis_refactorers.change import Edit, Refused
from otp_genesis_refactorers.rewriting.callback_clauses import indent_at
from otp_genesis_refactorers.rewriting.layout import newline_of
from otp_genesis_refactorers.rewriting.places import place_of, written

_RESERVED = frozenset(
    {"and", "or", "not", "in", "when", "fn", "do", "end", "catch", "rescue", "after", "else"}
)
_OF_KERNEL = frozenset(
    {"abs", "apply", "binding", "dbg", "def", "destructure", "div", "elem", "exit", "get_in", "hd", "if"}
    | {"in", "inspect", "length", "make_ref", "map_size", "match?", "max", "min", "node", "pop_in"}
    | {"put_elem", "put_in", "raise", "rem", "round", "self", "send", "spawn", "spawn_link", "struct"}
    | {"tap", "then", "throw", "tl", "to_charlist", "to_string", "trunc", "tuple_size", "unless", "update_in"}
    | {"use", "var!", "alias", "case", "cond", "for", "import", "quote", "receive", "require", "super"}
    | {"try", "unquote", "with"}
)
"""Calls without a module that mean Kernel's: a function of the same name would take them over."""


def client_function(
    source: Source, module: Module, pattern: Term, name: Term, way: Literal["call", "cast"] = "call"
) -> Edit | Refused:
    """The edit that gives a server a function named after the tag of a message, with its parts as arguments.

    `name` is what the server is registered as. The function stands behind the start functions.
    """
    message = unwrapped(pattern)
    tag = message.tag or ""
    parts = message.items[1:]
    variables = [part.value.lstrip("_") for part in parts if part.kind == "variable"]
    if len(variables) != len(parts) or len(set(variables)) != len(variables) or "" in variables:
        return Refused(
            f"`{module.name}` takes `:{tag}` apart in the head of its clause: give its parts names first"
        )
    if not _is_function_name(tag):
        return Refused(
            f"`:{tag}` is no name that a function of `{module.name}` could have: add one of another name"
        )
    if module.function(tag, len(parts)) is not None:
        return Refused(
            f"`{module.name}` can't have a new function `{tag}/{len(parts)}`, since it has one that does "
            "something else: add one of another name"
        )
    if tag in _OF_KERNEL:
        return Refused(
            f"a function `{tag}/{len(parts)}` in `{module.name}` would stand in the way of the one of "
            "Kernel: add one of another name"
        )
    anchor = _anchor(module)
    if anchor is None:
        return Refused(f"`{module.name}` has no function beside which `{tag}/{len(parts)}` could stand")
    server = "__MODULE__" if name.value == module.name else f":{name.value}"
    request = f"{{:{tag}, {', '.join(variables)}}}" if message.kind == "tuple" else f":{tag}"
    head = f"{tag}({', '.join(variables)})" if variables else tag
    server_module = written("GenServer", place_of(source, anchor.span).scope)
    text = f"def {head}, do: {server_module}.{way}({server}, {request})"
    return _behind(source, anchor, text)


def _anchor(module: Module) -> Clause | None:
    """The clause behind which the function goes: the last of the start functions, else of the client's."""
    own = {function.id for function in callbacks(module)}
    starts = [
        function for function in module.functions if is_start_function(function) and function.id not in own
    ]
    if starts:
        return starts[-1].clauses[-1]
    clients = [function for function in module.functions if function.kind == "def" and function.id not in own]
    return clients[-1].clauses[-1] if clients else None


def _behind(source: Source, clause: Clause, text: str) -> Edit:
    newline, indent = newline_of(source.content), indent_at(source, clause.span.start)
    end = source.lines.line_end(source.lines.line_of(clause.span.end))
    return Edit(Span(end, 0), f"{newline}{newline}{indent}{text}")


def _is_function_name(tag: str) -> bool:
    return (
        tag.isascii() and tag.isidentifier() and (tag[0].islower() or tag[0] == "_") and tag not in _RESERVED
    )
