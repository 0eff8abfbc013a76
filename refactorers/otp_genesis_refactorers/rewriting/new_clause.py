"""A new clause of `handle_call/3` for a message, to be filled in."""

from __future__ import annotations

from collections import Counter

from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_analyzers.terms import Term
from otp_genesis_refactorers.change import Edit, Refused
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.callback_clauses import indent_at, state_name
from otp_genesis_refactorers.rewriting.layout import newline_of

_LITERALS = frozenset({"atom", "int"})
_BARE = frozenset({"nil", "true", "false"})


def add_call_clause(source: Source, module: Module, message: Term) -> Edit | Refused:
    """The edit that adds a clause behind those that there are, else behind the other callbacks."""
    if not _is_plain(message.tag or ""):
        where = place(source, module.name_span.start)
        return Refused(
            f"the message has no plain atom as its tag: write the clause of `handle_call/3` in "
            f"`{module.name}` ({where}) by hand"
        )
    calls = module.function("handle_call", 3)
    others = [function for function in callbacks(module) if function.name == "init"] or [
        function for function in callbacks(module) if function.name != "terminate"
    ]
    if calls is None and not others:
        return Refused(f"`{module.name}` has no callback beside which a `handle_call/3` could stand")
    before = calls.clauses[-1] if calls is not None else others[-1].clauses[-1]
    has_impl = calls is None and others[-1].clauses[0].impl
    newline, indent = newline_of(source.content), indent_at(source, before.span.start)
    state = state_name(module)
    lines = [
        *(["@impl true"] if has_impl else []),
        f"def handle_call({_pattern(message)}, _from, {state}) do",
        f"  {{:reply, {{:error, :not_implemented}}, {state}}}",
        "end",
    ]
    end = source.lines.line_end(source.lines.line_of(before.span.end))
    text = "".join(f"{newline}{indent}{line}" for line in lines)
    return Edit(Span(end, 0), f"{newline}{text}")


def _is_plain(tag: str) -> bool:
    """`:add`, `:empty?`: written without quotes."""
    word = tag[:-1] if tag.endswith(("?", "!")) else tag
    return word.isascii() and word.isidentifier()


def _pattern(message: Term) -> str:
    """The message as a pattern, with a name for each part that only the run time knows."""
    if message.kind != "tuple":
        return _literal(message)
    names: Counter[str] = Counter()
    parts: list[str] = []
    for part in message.items:
        if part.kind in _LITERALS:
            parts.append(_literal(part))
            continue
        name = part.value.lstrip("_") if part.kind == "variable" else "value"
        names[name] += 1
        parts.append(f"_{name}{names[name] if names[name] > 1 else ''}")
    return f"{{{', '.join(parts)}}}"


def _literal(term: Term) -> str:
    return term.value if term.kind == "int" or term.value in _BARE else f":{term.value}"
