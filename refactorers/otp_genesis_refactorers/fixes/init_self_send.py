"""OTP205: `init/1` goes on to `handle_continue/2`, which takes the message that it sent itself."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.across_modules.own_messages import sent_by_others
from otp_genesis_analyzers.facts.messages.shapes import sent_by
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.state.continued_init import ContinuedInit, continued_init
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_analyzers.terms import Term
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site
from otp_genesis_refactorers.rewriting.definitions import clauses_after, indent_of
from otp_genesis_refactorers.rewriting.direct_calls import direct_call_refusal
from otp_genesis_refactorers.rewriting.formatter import DEFAULT_LINE_LENGTH, line_length_of
from otp_genesis_refactorers.rewriting.layout import newline_of
from otp_genesis_refactorers.rewriting.moved_clause import moved_clause
from otp_genesis_refactorers.rewriting.statements import begins_its_line, without_line


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    sent = sent_by(site.call)
    if sent is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    way, _, message = sent
    module = site.site.module
    shape = continued_init(site.source, module, message)
    if isinstance(shape, str):
        return Refused(f"{shape} ({site.place}): return `{{:ok, state, {{:continue, message}}}}` by hand")
    called = direct_call_refusal(
        project, module, "init/1", "would return `{:ok, state, {:continue, message}}`"
    )
    if called is not None:
        return called
    moves = shape.alone and not sent_by_others(project, module, way, message)
    app = project.app_of(finding.path)
    line_length = line_length_of(project, app) if app is not None else DEFAULT_LINE_LENGTH
    edits = _edits(site, shape, message, line_length, moves=moves)
    if isinstance(edits, Refused):
        return edits
    notes = () if moves and shape.plain else ("It is now done before whatever waits in the mailbox by then.",)
    return Change(
        title=f"Finish the start of {module.name} in handle_continue/2",
        kind=FixKind.SAFE if moves and shape.plain else FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, edits),),
        notes=notes,
    )


def _edits(
    site: CallSite, shape: ContinuedInit, message: Term, line_length: int, *, moves: bool
) -> list[Edit] | Refused:
    source, module = site.source, site.site.module
    written = syntax.text(_message(site))
    edits = [edit for statement in shape.sends for edit in _taken_out(source, statement)]
    for returned in shape.returned:
        edits += _going_on(source, returned, f"{{:continue, {written}}}", line_length)
    clause = (
        _moved(source, module, shape, line_length)
        if moves
        else [_delegating(source, module, message, shape.taken.function.name, line_length)]
    )
    return clause if isinstance(clause, Refused) else [*edits, *clause]


def _message(site: CallSite) -> Node:
    """The message as it is written: behind the addressee, which may be piped in."""
    return syntax.arguments(site.node)[0 if site.call.piped else 1]


def _taken_out(source: Source, statement: Node) -> list[Edit]:
    """A statement removed with its line, or what stands before the next; `(send; value)` leaves the value."""
    after, block = statement.next_named_sibling, statement.parent
    assert after is not None and block is not None, "what a callback gives stands behind it"
    in_parentheses = block.type == "block" and len(block.named_children) == 2
    has_lines = begins_its_line(source, statement) and after.start_point.row > statement.end_point.row
    if has_lines and not in_parentheses:
        return [_line_taken_out(source, statement)]
    if in_parentheses:
        return [
            Edit(Span.between(block.start_byte, after.start_byte), ""),
            Edit(Span.between(after.end_byte, block.end_byte), ""),
        ]
    return [Edit(Span.between(statement.start_byte, after.start_byte), "")]


def _line_taken_out(source: Source, statement: Node) -> Edit:
    """Nothing blank is left behind a `do`."""
    edit = without_line(source, statement)
    after = statement.next_named_sibling
    if statement.prev_named_sibling is None and after is not None:
        return Edit(Span.between(edit.span.start, source.lines.starts[after.start_point.row]), "")
    return edit


def _going_on(source: Source, returned: Node, continuation: str, line_length: int) -> list[Edit]:
    """`{:ok, state, {:continue, :load}}`, with as much on each line as fits."""
    tag, state = syntax.children(returned)
    row = state.end_point.row
    indent = newline_of(source.content) + " " * (returned.start_point.column + 1)
    before = len(source.text(Span.between(source.lines.starts[row], state.end_byte)))
    rest = len(source.text(Span.between(state.end_byte, source.lines.line_end(row))))
    fits = before + len(f", {continuation}") + rest <= line_length
    if fits or returned.start_point.row != row:
        return [Edit(Span(state.end_byte, 0), f", {continuation}")]
    if before < line_length:
        return [Edit(Span(state.end_byte, 0), f",{indent}{continuation}")]
    own_line = Edit(Span.between(tag.end_byte, state.start_byte), f",{indent}")
    column = returned.start_point.column + 1
    fits = column + len(f"{syntax.text(state)}, {continuation}") + rest <= line_length
    separator = ", " if fits else f",{indent}"
    return [own_line, Edit(Span(state.end_byte, 0), f"{separator}{continuation}")]


def _moved(source: Source, module: Module, shape: ContinuedInit, line_length: int) -> list[Edit] | Refused:
    """The clause that took the message takes `{:continue, message}`."""
    continued = module.function("handle_continue", 2)
    if continued is None:
        function, impl = module.function("init", 1), any(c.impl for c in shape.taken.function.clauses)
    else:
        function, impl = continued, False
    assert function is not None, "the message is sent by init/1"
    behind = source.node_at(function.clauses[-1].span)
    return moved_clause(
        source, shape.taken.function, shape.taken.clause, "handle_continue", behind, line_length, impl=impl
    )


def _delegating(source: Source, module: Module, message: Term, handler: str, line_length: int) -> Edit:
    """`def handle_continue(:poll, state), do: handle_info(:poll, state)`."""
    continued = module.function("handle_continue", 2)
    function = continued or module.function("init", 1)
    assert function is not None, "the message is sent by init/1"
    blanks = ", ".join("_" for _ in message.items[1:])
    pattern = f"{{:{message.tag}, {blanks}}} = message" if message.items else f":{message.tag}"
    name = "message" if message.items else f":{message.tag}"
    behind = source.node_at(function.clauses[-1].span)
    head, body = f"def handle_continue({pattern}, state),", f"do: {handler}({name}, state)"
    fits = len(f"{indent_of(source, behind)}{head} {body}") <= line_length
    lines = [f"{head} {body}"] if fits else [head, f"  {body}"]
    impl = continued is None and any(clause.impl for clause in function.clauses)
    return clauses_after(source, behind, [*(["@impl true"] if impl else []), *lines])
