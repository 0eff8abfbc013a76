"""A clause of `handle_info/2` or `handle_cast/2` as one of `handle_call/3` that answers `:ok`."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.clause_results import results
from otp_genesis_analyzers.facts.messages.shapes import Taken, may_match
from otp_genesis_analyzers.facts.model import Clause, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit, Refused, edited
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.callback_clauses import indent_at
from otp_genesis_refactorers.rewriting.layout import newline_of


def clause_as_call(source: Source, module: Module, taken: Taken) -> list[Edit] | Refused:
    """The edits that rewrite a clause, and move it to the clauses of `handle_call/3`.

    A clause that is the only one of its kind is rewritten where it is, when there is no `handle_call/3` yet.
    """
    clause = taken.clause
    if taken.function.id not in ("handle_info/2", "handle_cast/2"):
        return Refused(
            f"`{module.name}` takes the message in `{taken.function.id}` at "
            f"{place(source, clause.name_span.start)}, where a call is answered in another way than in "
            "`handle_call/3`: write the clause for `{:call, from}` by hand"
        )
    edits = _rewritten(source, clause)
    if isinstance(edits, Refused):
        return edits
    calls = module.function("handle_call", 3)
    before = calls.clauses if calls is not None else ()
    taking = next((other for other in before if may_match(other.head[0], taken.pattern)), None)
    if taking is not None:
        return Refused(
            f"the clause of `handle_call/3` at {place(source, taking.name_span.start)} takes such a message "
            "already, and the moved one would never run: bring the two together by hand"
        )
    if calls is None and len(taken.function.clauses) == 1:
        return edits
    inside = tuple(Edit(edit.span.shifted(-clause.span.start), edit.text) for edit in edits)
    content = source.content[clause.span.start : clause.span.end]
    text = edited(content, tuple(sorted(inside))).decode()
    removed = _removed(source, taken)
    if isinstance(removed, Refused):
        return removed
    newline, indent = newline_of(source.content), indent_at(source, clause.span.start)
    behind = calls.clauses[-1] if calls is not None else _callback_before(module, taken)
    if behind is None:
        return Refused(
            f"`{module.name}` has no callback behind which a `handle_call/3` could stand: add one first"
        )
    impl = f"{indent}@impl true{newline}" if calls is None and taken.function.clauses[0].impl else ""
    end = source.lines.line_end(source.lines.line_of(behind.span.end))
    return [removed, Edit(Span(end, 0), f"{newline}{newline}{impl}{indent}{text}")]


def _rewritten(source: Source, clause: Clause) -> list[Edit] | Refused:
    given = list(results(source, clause))
    tags = [_noreply_tag(node) for node in given]
    if not given or None in tags:
        return Refused(
            f"the clause at {place(source, clause.name_span.start)} gives more than `{{:noreply, state}}`: "
            "write its `handle_call/3` by hand"
        )
    head, _ = syntax.definition_head(source.node_at(clause.span))
    parameters = syntax.arguments(head) if head is not None else []
    return [
        Edit(clause.name_span, "handle_call"),
        Edit(Span(parameters[0].end_byte, 0), ", _from"),
        *(Edit(Span.of(tag), ":reply, :ok") for tag in tags if tag is not None),
    ]


def _noreply_tag(node: Node) -> Node | None:
    parts = syntax.children(node) if node.type == "tuple" else []
    return parts[0] if parts and syntax.text(parts[0]) == ":noreply" else None


def _removed(source: Source, taken: Taken) -> Edit | Refused:
    """The clause taken out with the space on one side; an `@impl` is left to the clause that follows."""
    clauses = taken.function.clauses
    position = clauses.index(taken.clause)
    if position > 0:
        gap = Span.between(clauses[position - 1].span.end, taken.clause.span.end)
        between = Span.between(gap.start, taken.clause.span.start)
    elif len(clauses) > 1:
        gap = Span.between(taken.clause.span.start, clauses[1].span.start)
        between = Span.between(taken.clause.span.end, gap.end)
    else:
        return _removed_with_attribute(source, taken.clause)
    if source.text(between).strip():
        return Refused(
            f"something stands between the clauses of `{taken.function.id}` at "
            f"{place(source, taken.clause.name_span.start)}: move the clause by hand"
        )
    return Edit(gap, "")


def _removed_with_attribute(source: Source, clause: Clause) -> Edit | Refused:
    definition = source.node_at(clause.span)
    before = definition.prev_named_sibling
    if clause.impl and before is not None:
        definition, before = before, before.prev_named_sibling
    if before is None or before.type == "comment":
        return Refused(f"the clause at {place(source, clause.name_span.start)} can't be moved: do it by hand")
    return Edit(Span.between(before.end_byte, clause.span.end), "")


def _callback_before(module: Module, taken: Taken) -> Clause | None:
    """The last clause of the callbacks that stand in front of the clauses of this one."""
    first = taken.function.clauses[0].span.start
    before = [
        function.clauses[-1] for function in callbacks(module) if function.clauses[-1].span.end <= first
    ]
    return max(before, key=lambda clause: clause.span.end, default=None)
