"""Reads and writes of an ETS row, as the text that does both in one step."""

from __future__ import annotations

from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.value_flow import branches_of
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.tables.ets_races import Race, node_of
from otp_genesis_analyzers.facts.tables.ets_tables import table_uses
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit, Refused
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.callback_clauses import indent_at
from otp_genesis_refactorers.rewriting.layout import newline_of

_NEW_COUNT = "The expression gives the new count, where `:ets.insert/2` gave `true`."


class OneStep(NamedTuple):
    title: str
    edits: tuple[Edit, ...]
    notes: tuple[str, ...] = ()


class _Branches(NamedTuple):
    """What a `case` of a lookup does with a row `{_, number}` and without one."""

    number: str
    found: list[Node]
    missing: list[Node]


def lost_comment(source: Source, step: OneStep) -> int | None:
    """The byte offset of a comment that the edits would drop."""
    nodes = [source.root]
    while nodes:
        node = nodes.pop()
        if node.type == "comment":
            for edit in step.edits:
                if edit.span.contains(Span.of(node)) and syntax.text(node) not in edit.text:
                    return node.start_byte
        nodes += node.named_children
    return None


def counter(source: Source, race: Race) -> OneStep | None:
    """`n = case lookup do [{_, n}] -> n; [] -> 0 end` and then `insert(table, {key, n + 1})`."""
    choice = _case_of(node_of(source, race.read.call))
    match = choice.parent if choice is not None else None
    if choice is None or match is None or match.type != "binary_operator" or syntax.operator(match) != "=":
        return None
    branches, variable = _branches(choice), syntax.left(match)
    insert = node_of(source, race.write.call)
    added = _added_number(insert)
    if branches is None or variable is None or added is None or not _gives_same(branches):
        return None
    start = syntax.text(branches.missing[0])
    name = syntax.text(variable)
    used_elsewhere = _count(match.parent, name) - _count(choice, name) != 2
    if not start.lstrip("-").isdigit() or added[0] != name or used_elsewhere:
        return None
    if insert.prev_named_sibling != match:
        return None
    text = _update(source, race.write.call, f"{{2, {added[1]}}}", start)
    return _counted(race, Edit(Span.between(match.start_byte, insert.end_byte), text))


def bound_counter(source: Source, race: Race) -> OneStep | None:
    """`n = case lookup do [{_, n}] -> n + 1; [] -> 1 end` and then `insert(table, {key, n})`."""
    choice = _case_of(node_of(source, race.read.call))
    match = choice.parent if choice is not None else None
    branches = _branches(choice) if choice is not None else None
    insert = node_of(source, race.write.call)
    variable = syntax.left(match) if match is not None and syntax.operator(match) == "=" else None
    if branches is None or match is None or variable is None or insert.prev_named_sibling != match:
        return None
    stored = _row_value(insert)
    only = len(branches.found) == len(branches.missing) == 1
    added = _sum(branches.found[0]) if only else None
    first = syntax.text(branches.missing[0])
    if (
        stored is None
        or syntax.text(stored) != syntax.text(variable)
        or race.write.call.result != "discarded"
    ):
        return None
    if added is None or added[0] != branches.number or not first.lstrip("-").isdigit():
        return None
    text = _update(source, race.write.call, f"{{2, {added[1]}}}", str(int(first) - added[1]))
    return _counted(
        race, Edit(Span.between(match.start_byte, insert.end_byte), f"{syntax.text(variable)} = {text}")
    )


def case_counter(source: Source, race: Race) -> OneStep | None:
    """`case lookup do [{_, n}] -> insert(table, {key, n + 1}); [] -> insert(table, {key, 1}) end`."""
    choice = _case_of(node_of(source, race.read.call))
    branches = _branches(choice) if choice is not None else None
    if choice is None or branches is None or len(branches.found) != 1 or len(branches.missing) != 1:
        return None
    added = _added_number(branches.found[0])
    first = _row_value(branches.missing[0])
    if added is None or first is None or added[0] != branches.number:
        return None
    same_call = _before_row(branches.found[0]) == _before_row(branches.missing[0])
    first_text = syntax.text(first)
    if not same_call or not first_text.lstrip("-").isdigit():
        return None
    text = _update(source, race.write.call, f"{{2, {added[1]}}}", str(int(first_text) - added[1]))
    return _counted(race, Edit(Span.of(choice), text))


def claim(source: Source, race: Race) -> OneStep | None:
    """`case lookup do [] -> insert(table, row); a; [_] -> b end` as `if insert_new(...), do: a, else: b`."""
    choice = _case_of(node_of(source, race.read.call))
    insert = node_of(source, race.write.call)
    if choice is None:
        return None
    parts = [
        (pattern, syntax.stab_parts(body)) for pattern, body in branches_of(choice) if pattern is not None
    ]
    if len(parts) != 2 or any(guard is not None for _, (_, guard, _) in parts):
        return None
    free = next((body for pattern, (_, _, body) in parts if syntax.text(pattern) == "[]"), None)
    taken = next(((pattern, body) for pattern, (_, _, body) in parts if syntax.text(pattern) != "[]"), None)
    if free is None or taken is None or free[0] != insert or not _takes_any_row(*taken):
        return None
    rest = insert.next_named_sibling  # a comment, perhaps
    then = [rest, *free[1:]] if rest is not None else []
    text = _if_else(source, choice, _renamed(source, insert), then, taken[1])
    note = "A row that appeared since is kept: whoever inserted it first has the key."
    return OneStep("Claim the key with :ets.insert_new/2", (Edit(Span.of(choice), text),), (note,))


def claim_by_test(source: Source, race: Race) -> OneStep | None:
    """`if member(table, key) do b else insert(table, row); a end` as `if insert_new(...) do a else b end`."""
    asked, insert = node_of(source, race.read.call), node_of(source, race.write.call)
    choice = asked.parent.parent if asked.parent is not None else None
    form = syntax.local_name(choice) if choice is not None else ""
    block = syntax.do_block(choice) if choice is not None and form in ("if", "unless") else None
    if choice is None or block is None or asked != syntax.arguments(choice)[0]:
        return None
    do, parts = syntax.sections(block)
    otherwise = parts.get("else", [])
    taken, free = (do, otherwise) if form == "if" else (otherwise, do)
    if race.read.call.name != "member" or not free or free[0] != insert or len(free) < 2:
        return None
    text = _if_else(source, choice, _renamed(source, insert), free[1:], taken)
    return OneStep("Claim the key with :ets.insert_new/2", (Edit(Span.of(choice), text),))


def limited_counter(source: Source, module: Module, race: Race) -> OneStep | Refused | None:
    """`n = update_counter(.., 1); if n > limit do update_counter(.., -1) ...` with the limit inside."""
    own = (race.read.call, race.write.call)
    for use in table_uses(module):
        if use.call.name == "update_counter" and use.table == race.read.table and use.call not in own:
            where = place(source, use.call.head.start)
            return Refused(
                f"the counter is changed at {where} too, and one that stops at its limit is wrong then: "
                "keep both steps, or count in the server that owns the table"
            )
    raised, lowered = node_of(source, race.read.call), node_of(source, race.write.call)
    limit = _limit(raised, lowered)
    step = syntax.arguments(raised)[2] if len(syntax.arguments(raised)) > 2 else None
    if limit is None or step is None or race.read.call.piped or race.write.call.result != "discarded":
        return None
    if syntax.text(step) not in ("1", "{2, 1}"):
        return None
    beyond = str(int(limit) + 1) if limit.isdigit() else f"{limit} + 1"
    following = lowered.next_named_sibling
    if following is None:
        return None
    edits = (
        Edit(Span.of(step), f"{{2, 1, {limit}, {beyond}}}"),
        Edit(Span.between(lowered.start_byte, following.start_byte), ""),
    )
    note = f"The counter stops at {beyond}, so that those who are turned away leave nothing to take back."
    return OneStep("Count with a limit, in one step", edits, (note,))


def _counted(race: Race, edit: Edit) -> OneStep | None:
    if race.write.call.result not in ("discarded", "returned"):
        return None
    notes = (_NEW_COUNT,) if race.write.call.result == "returned" else ()
    return OneStep("Count with :ets.update_counter/4", (edit,), notes)


def _case_of(lookup: Node) -> Node | None:
    """The `case` that looks at a lookup and at nothing else."""
    holder = lookup.parent
    choice = holder.parent if holder is not None and holder.type == "arguments" else None
    return choice if choice is not None and syntax.local_name(choice) == "case" else None


def _branches(choice: Node) -> _Branches | None:
    """The two branches `[{_, n}] ->` and `[] ->`."""
    number, found, missing = "", None, None
    for pattern, body in branches_of(choice):
        _, guard, statements = syntax.stab_parts(body)
        if pattern is None or guard is not None:
            return None
        if syntax.text(pattern) == "[]":
            missing = statements
        else:
            number, found = _number_in(pattern), statements
    if not number or not found or not missing:
        return None
    return _Branches(number, found, missing)


def _number_in(pattern: Node) -> str:
    """The variable `n` of a pattern `[{_, n}]`, whose first element is nothing but the key."""
    rows = syntax.children(pattern) if pattern.type == "list" else []
    parts = syntax.children(rows[0]) if len(rows) == 1 and rows[0].type == "tuple" else []
    return syntax.text(parts[1]) if len(parts) == 2 and parts[1].type == "identifier" else ""


def _gives_same(branches: _Branches) -> bool:
    only = len(branches.found) == len(branches.missing) == 1
    return only and syntax.text(branches.found[0]) == branches.number


def _row_value(insert: Node) -> Node | None:
    """The second element of the row in `:ets.insert(table, {key, value})`."""
    arguments = syntax.arguments(insert) if insert.type == "call" else []
    row = syntax.children(arguments[1]) if len(arguments) == 2 and arguments[1].type == "tuple" else []
    return row[1] if len(row) == 2 else None


def _before_row(insert: Node) -> str:
    """`:ets.insert(table, {key`: everything of an insert but the value."""
    value = _row_value(insert)
    whole = syntax.text(insert)
    return whole.encode()[: value.start_byte - insert.start_byte].decode() if value is not None else whole


def _added_number(insert: Node) -> tuple[str, int] | None:
    """Variable and number of the value `n + 1` or `n - 1` in an inserted row."""
    value = _row_value(insert)
    return _sum(value) if value is not None else None


def _sum(value: Node) -> tuple[str, int] | None:
    """Variable and number of `n + 1` or `n - 1`."""
    if value.type != "binary_operator" or syntax.operator(value) not in ("+", "-"):
        return None
    variable, number = syntax.left(value), syntax.right(value)
    if (
        variable is None
        or number is None
        or variable.type != "identifier"
        or not syntax.text(number).isdigit()
    ):
        return None
    amount = int(syntax.text(number))
    return syntax.text(variable), amount if syntax.operator(value) == "+" else -amount


def _count(scope: Node | None, name: str) -> int:
    """How often a variable is named in a block; the pattern that binds it counts too."""
    count = 0
    nodes = [scope] if scope is not None else []
    while nodes:
        node = nodes.pop()
        count += node.type == "identifier" and syntax.text(node) == name
        nodes += node.named_children
    return count


def _update(source: Source, insert: Call, step: str, start: str) -> str:
    arguments = syntax.arguments(source.node_at(insert.span))
    table, key = syntax.text(arguments[0]), syntax.text(syntax.children(arguments[1])[0])
    return f":ets.update_counter({table}, {key}, {step}, {{{key}, {start}}})"


def _takes_any_row(pattern: Node, body: list[Node]) -> bool:
    """The pattern fits whatever row is there, and nothing of it is used."""
    parts = [pattern]
    while parts:
        part = parts.pop()
        if part.type == "identifier" and any(_count(node, syntax.text(part)) for node in body):
            return False
        if part.type == "unary_operator" and _is_pinned_key(part):
            continue
        if part.type not in ("list", "tuple", "identifier"):
            return False
        parts += part.named_children
    return True


def _is_pinned_key(part: Node) -> bool:
    """`^key`, the first element of a row; a number below zero or a pinned value fits some rows only."""
    return syntax.operator(part) == "^" and part.prev_named_sibling is None


def _renamed(source: Source, insert: Node) -> str:
    """`:ets.insert(...)` as `:ets.insert_new(...)`."""
    target = syntax.call_target(insert)
    end = target.end_byte if target is not None else insert.start_byte
    name, arguments = Span.between(insert.start_byte, end), Span.between(end, insert.end_byte)
    return f"{source.text(name)}_new{source.text(arguments)}"


def _if_else(source: Source, choice: Node, condition: str, then: list[Node], otherwise: list[Node]) -> str:
    newline, indent = newline_of(source.content), indent_at(source, choice.start_byte)
    inner = indent + "  "
    lines = [f"if {condition} do", inner + (_body(source, then, inner, newline) or "true")]
    if otherwise:
        lines += [f"{indent}else", inner + _body(source, otherwise, inner, newline)]
    return newline.join([*lines, f"{indent}end"])


def _body(source: Source, statements: list[Node], indent: str, newline: str) -> str:
    """Statements as they are written, moved to another indentation."""
    if not statements:
        return ""
    old = indent_at(source, statements[0].start_byte)
    text = source.text(Span.between(statements[0].start_byte, statements[-1].end_byte))
    first, *others = text.split(newline)
    return newline.join(
        [first, *(indent + line.removeprefix(old) if line.strip() else line for line in others)]
    )


def _limit(raised: Node, lowered: Node) -> str | None:
    """The right side of `if count > limit do` around the step back, where `count` is the raised counter."""
    match = raised.parent
    variable = syntax.left(match) if match is not None and syntax.operator(match) == "=" else None
    choice = lowered.parent.parent if lowered.parent is not None else None
    if variable is None or choice is None or syntax.local_name(choice) != "if":
        return None
    condition = syntax.arguments(choice)[0]
    over, limit = syntax.left(condition), syntax.right(condition)
    if (
        condition.type != "binary_operator"
        or syntax.operator(condition) != ">"
        or over is None
        or limit is None
    ):
        return None
    is_plain = limit.type in ("identifier", "integer", "unary_operator")
    return syntax.text(limit) if is_plain and syntax.text(over) == syntax.text(variable) else None
