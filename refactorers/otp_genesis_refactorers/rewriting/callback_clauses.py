"""New clauses of `handle_info/2` in a server: where they stand, and what the server calls its state."""

from __future__ import annotations

from otp_genesis_analyzers.facts.messages.shapes import unwrapped
from otp_genesis_analyzers.facts.model import Clause, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit, Refused
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.layout import newline_of

_STATE_AT = {"handle_call/3": 2, "handle_cast/2": 1, "handle_info/2": 1, "handle_continue/2": 1}


def state_name(module: Module) -> str:
    """What the callbacks call the state; `state` where they don't agree on one word."""
    names = {name for clause_name in state_names(module).values() for name in clause_name}
    return names.pop() if len(names) == 1 else "state"


def state_names(module: Module) -> dict[str, frozenset[str]]:
    """By callback, the variables that its clauses take the whole state in."""
    return {
        function.id: frozenset(
            name
            for clause in function.clauses
            if (name := whole_state(function.id, clause)) and not name.startswith("_")
        )
        for function in callbacks(module)
        if function.id in _STATE_AT
    }


def whole_state(function_id: str, clause: Clause) -> str:
    """The variable that holds the state in a clause of a callback; empty where it is taken apart."""
    position = _STATE_AT.get(function_id)
    if position is None or position >= len(clause.head):
        return ""
    pattern = clause.head[position]
    parts = pattern.items if pattern.kind == "match" else (pattern,)
    return next((part.value for part in parts if part.kind == "variable"), "")


def add_info_clauses(source: Source, module: Module, clauses: list[list[str]]) -> Edit | Refused:
    """The edit that adds clauses of `handle_info/2`, given as lines without indentation.

    They go in front of a clause that takes everything, else behind the last one, else behind the
    other callbacks.
    """
    if "GenServer" not in kinds(module):
        where = place(source, module.name_span.start)
        return Refused(
            f"`{module.name}` at {where} is no GenServer: take the message in the form that its behaviour "
            "wants, a state machine as `handle_event(:info, message, state, data)`"
        )
    infos = module.function("handle_info", 2)
    newline = newline_of(source.content)
    if infos is not None:
        for clause in infos.clauses:
            if unwrapped(clause.head[0]).kind == "variable":
                return _in_front(source, clause, clauses, newline)
        return _behind(source, infos.clauses[-1], clauses, newline, impl=False)
    others = [function for function in callbacks(module) if function.name != "terminate"]
    if not others:
        return Refused(f"`{module.name}` has no callback beside which a `handle_info/2` could stand")
    last = max((function.clauses[-1] for function in others), key=lambda clause: clause.span.end)
    impl = any(function.clauses[0].impl for function in others)
    return _behind(source, last, clauses, newline, impl=impl)


def _in_front(source: Source, clause: Clause, clauses: list[list[str]], newline: str) -> Edit:
    start = _above_comments(source, clause)
    indent = indent_at(source, clause.span.start)
    text = (newline * 2).join(_indented(lines, indent, newline) for lines in clauses)
    return Edit(Span(start, 0), f"{text.removeprefix(indent)}{newline}{newline}{indent}")


def _behind(source: Source, clause: Clause, clauses: list[list[str]], newline: str, *, impl: bool) -> Edit:
    indent = indent_at(source, clause.span.start)
    text = (newline * 2).join(_indented(lines, indent, newline) for lines in clauses)
    attribute = f"{indent}@impl true{newline}" if impl else ""
    end = source.lines.line_end(source.lines.line_of(clause.span.end))
    return Edit(Span(end, 0), f"{newline}{newline}{attribute}{text}")


def indent_at(source: Source, byte_offset: int) -> str:
    """The white space in front of the line that an offset is on."""
    start = source.lines.starts[source.lines.line_of(byte_offset)]
    line = source.text(Span.between(start, byte_offset))
    return line[: len(line) - len(line.lstrip())]


def _indented(lines: list[str], indent: str, newline: str) -> str:
    return newline.join(indent + line for line in lines)


def _above_comments(source: Source, clause: Clause) -> int:
    """Where a clause begins with the comments that stand directly above it."""
    line = source.lines.line_of(clause.span.start)
    while line > 0 and source.text(_line(source, line - 1)).lstrip().startswith("#"):
        line -= 1
    span = _line(source, line)
    text = source.text(span)
    return span.start + len(text) - len(text.lstrip())


def _line(source: Source, line: int) -> Span:
    return Span.between(source.lines.starts[line], source.lines.line_end(line))
