"""OTP407: `handle_info/2` gets a last clause that writes what it did not expect to the log."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Clause, Function, Module
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.phase4.handle_info_fallthrough import silent_clause
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.callback_clauses import add_info_clauses, indent_at, state_name
from otp_genesis_refactorers.rewriting.definitions import with_first_statement
from otp_genesis_refactorers.rewriting.layout import newline_of
from otp_genesis_refactorers.rewriting.places import place_of
from otp_genesis_refactorers.rewriting.test_site import read_source


def fix(finding: Finding, project: Project) -> Change | Refused:
    source = read_source(finding, project)
    if isinstance(source, Refused):
        return source
    found = _found(source, finding.span)
    if found is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    module, infos, clause = found
    if place_of(source, clause.name_span).scope.resolve("Logger") != "Logger":
        return Refused(
            f"`Logger` means another module at {place(source, clause.name_span.start)}: write the log line "
            "by hand"
        )
    required = _require_logger(source, module)
    if isinstance(required, Refused):
        return required
    edits = _said(source, clause) if silent_clause(source, infos) is clause else _caught(source, module)
    if isinstance(edits, Refused):
        return edits
    return Change(
        title="Log the messages that handle_info/2 does not expect",
        kind=FixKind.UNSAFE,
        files=(file_change(source.path, source.content, [*required, *edits]),),
        notes=("A message that ended the server, or was dropped, is now written to the log.",),
    )


def _found(source: Source, name: Span) -> tuple[Module, Function, Clause] | None:
    for module in read_facts(source).modules:
        infos = module.function("handle_info", 2)
        for clause in infos.clauses if infos is not None else ():
            if clause.name_span == name and infos is not None:
                return module, infos, clause
    return None


def _caught(source: Source, module: Module) -> list[Edit] | Refused:
    state = state_name(module)
    if state == "message":
        where = place(source, module.name_span.start)
        return Refused(
            f"the callbacks of `{module.name}` at {where} call their state `message`: call it otherwise first"
        )
    lines = [
        f"def handle_info(message, {state}) do",
        f"  {_log_line('message')}",
        f"  {{:noreply, {state}}}",
        "end",
    ]
    edit = add_info_clauses(source, module, [lines])
    return edit if isinstance(edit, Refused) else [edit]


def _said(source: Source, clause: Clause) -> list[Edit] | Refused:
    """The log line as the first statement of a clause, and a name for the message that it can use."""
    definition = source.node_at(clause.span)
    head, _ = syntax.definition_head(definition)
    parameter = syntax.arguments(head)[0] if head is not None else None
    if parameter is None or parameter.type != "identifier":
        return Refused(
            f"the clause at {place(source, clause.name_span.start)} takes the message in a pattern: "
            "write the log line by hand"
        )
    name = syntax.text(parameter)
    new = "message" if name.startswith("_") else name
    if new != name and any(syntax.text(n) == new for n in syntax.below(definition) if n.type == "identifier"):
        return Refused(
            f"the clause at {place(source, clause.name_span.start)} has a `{new}` already, and the message "
            f"it drops needs that name: call that one otherwise first"
        )
    logged = with_first_statement(source, definition, _log_line(new))
    if isinstance(logged, Refused):
        return logged
    return [*logged, *([Edit(Span.of(parameter), new)] if new != name else [])]


def _log_line(message: str) -> str:
    return f'Logger.warning("unexpected message: #{{inspect({message})}}")'


def _require_logger(source: Source, module: Module) -> list[Edit] | Refused:
    """`require Logger` behind the `use` of the module, where it has none."""
    definition = source.node_at(module.span)
    block = syntax.do_block(definition)
    found = syntax.children(block) if block is not None else []
    if any(_requires_logger(node) for node in found):
        return []
    uses = [node for node in found if syntax.local_name(node) == "use"]
    if not uses:
        return Refused(
            f"`{module.name}` uses nothing behind which `require Logger` could stand: add it first"
        )
    line = uses[-1].end_point.row
    end = source.lines.line_end(line)
    newline, indent = newline_of(source.content), indent_at(source, uses[-1].start_byte)
    gap = newline if _is_blank(source, line + 1) else ""
    return [Edit(Span(end, 0), f"{newline}{gap}{indent}require Logger")]


def _requires_logger(node: Node) -> bool:
    names = [syntax.text(argument) for argument in syntax.arguments(node)[:1]]
    return syntax.local_name(node) in ("require", "use") and names == ["Logger"]


def _is_blank(source: Source, line: int) -> bool:
    if line >= len(source.lines.starts):
        return False
    return not source.text(Span.between(source.lines.starts[line], source.lines.line_end(line))).strip()
