"""Rewrites a call that starts a process into one of `Task.Supervisor.start_child`.

The call's own arguments stay as they are, byte for byte; the supervisor's name goes in front.
"""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit, Refused, edited
from otp_genesis_refactorers.rewriting.call_site import CallSite
from otp_genesis_refactorers.rewriting.edits import moved
from otp_genesis_refactorers.rewriting.layout import broken_lines, line_is_too_long, newline_of
from otp_genesis_refactorers.rewriting.places import place_of, written
from otp_genesis_refactorers.rewriting.spec import ok_pid_in_spec
from otp_genesis_refactorers.rewriting.unused_value import is_returned

_PLAIN = frozenset({"anonymous_function", "identifier", "alias"})
"""What may be taken out of a pipe and given as an argument instead."""


def form_refusal(site: CallSite, function: str = "start_child") -> Refused | None:
    """Why a call can't be rewritten: it is not written as one."""
    if site.call.form == "apply":
        return Refused(f"the call at {site.place} is made through `apply`: write it out first")
    if site.call.form == "capture":
        return Refused(
            f"`{site.source.text(site.call.span)}` is handed on as a function at {site.place}: hand on "
            f"`&Task.Supervisor.{function}(..., &1)`, with the name of a Task.Supervisor"
        )
    return None


def start_child(
    site: CallSite, supervisor: str, line_length: int, *, gives_pid: bool, function: str = "start_child"
) -> bytes | Refused:
    """The file with the call rewritten to start its function under `supervisor`.

    `function` is the one of `Task.Supervisor` that takes the supervisor in front of the arguments of the
    old call. `gives_pid` says that the old call gave the pid itself: `pid = ` becomes `{:ok, pid} = `,
    `:: pid` in the function's spec `:: {:ok, pid}`.
    """
    scope = place_of(site.source, Span.of(site.node)).scope
    head = f"{written('Task', scope)}.Supervisor.{function}"
    name = written(supervisor, scope)
    call_edits = _unpiped(site, head, name) if site.call.piped else _with_argument(site, head, name)
    if isinstance(call_edits, Refused):
        return call_edits
    if not gives_pid:
        return _laid_out(site, call_edits, line_length)
    spec = ok_pid_in_spec(site.source, site.site.module, site.site.function) if is_returned(site) else []
    return _laid_out(site, [*spec, *_ok_pid_pattern(site), *call_edits], line_length)


def renamed_to_start_child(site: CallSite, line_length: int) -> bytes | Refused:
    """The file with `Task.Supervisor.async(Sup, f)` rewritten to start `f` under the same supervisor."""
    target = syntax.call_target(site.node)
    function = syntax.right(target) if target is not None and target.type == "dot" else None
    if function is None:
        return Refused(f"`{site.call.name}` is called without its module at {site.place}: rewrite it by hand")
    return _laid_out(site, [Edit(Span.of(function), "start_child")], line_length)


def _with_argument(site: CallSite, head: str, name: str) -> list[Edit] | Refused:
    node, source = site.node, site.source
    holder = _holder(node)
    if holder is None or syntax.do_block(node) is not None or not syntax.arguments(node):
        return Refused(
            f"the call at {site.place} has a form that can't be rewritten: it has no function argument"
        )
    first = holder.named_children[0]
    if holder.children[0].type != "(":
        return [
            Edit(Span.between(site.call.head.start, first.start_byte), f"{head}({name}, "),
            Edit(Span(holder.end_byte, 0), ")"),
        ]
    separator = ", "
    if first.start_point.row > holder.start_point.row:
        line_start = source.lines.starts[first.start_point.row]
        separator = f",{newline_of(source.content)}{source.text(Span.between(line_start, first.start_byte))}"
    return [
        Edit(site.call.head, head),
        Edit(Span(first.start_byte, 0), f"{name}{separator}"),
    ]


def _unpiped(site: CallSite, head: str, name: str) -> list[Edit] | Refused:
    """`f |> spawn()` with the function as an argument: the name has to stand in front of it."""
    whole, node = site.whole, site.node
    piped = syntax.left(whole)
    if piped is None or not (piped.type in _PLAIN or _is_capture(piped)):
        is_stream = "stream" in site.call.name
        what, variable, rest = ("list", "items", ", ...") if is_stream else ("function", "run", "")
        return Refused(
            f"the {what} comes out of a pipe at {site.place}: bind it to a variable first, "
            f"`{variable} = ...`, then `{head}({name}, {variable}{rest})`"
        )
    holder = _holder(node)
    between = [*whole.named_children, *(holder.named_children if holder is not None else [])]
    if any(child.type == "comment" for child in between):
        return Refused(f"a comment stands in the pipe at {site.place}: move it above, then try again")
    arguments = syntax.arguments(node)
    opening, separator = _between(site, holder)
    edits = [
        *_needless_parentheses(whole),
        Edit(Span(piped.start_byte, 0), f"{head}({opening}{name}{separator}"),
    ]
    if not arguments:
        return [*edits, Edit(Span.between(piped.end_byte, node.end_byte), ")")]
    edits.append(Edit(Span.between(piped.end_byte, arguments[0].start_byte), separator))
    if holder is not None and holder.children[0].type != "(":
        edits.append(Edit(Span(holder.end_byte, 0), ")"))
    return edits


def _between(site: CallSite, holder: Node | None) -> tuple[str, str]:
    """What stands behind the parenthesis and between arguments: a line each, where they have one now."""
    first = holder.named_children[0] if holder is not None and holder.named_children else None
    if holder is None or first is None or first.start_point.row == holder.start_point.row:
        return "", ", "
    source = site.source
    line_start = source.lines.starts[first.start_point.row]
    own_line = f"{newline_of(source.content)}{source.text(Span.between(line_start, first.start_byte))}"
    return own_line, f",{own_line}"


def _needless_parentheses(pipe: Node) -> list[Edit]:
    """Those of `&(f |> run())`, which the formatter takes away from a call."""
    capture = pipe.parent
    if capture is None or not _is_capture(capture):
        return []
    return [Edit(Span.of(child), "") for child in capture.children if child.type in ("(", ")")]


def _ok_pid_pattern(site: CallSite) -> list[Edit]:
    """`pid = ` as `{:ok, pid} = `; `_ = ` and `_pid = ` throw the value away as before."""
    variable = syntax.left(site.match) if site.match is not None else None
    if variable is None or syntax.text(variable).startswith("_"):
        return []
    return [Edit(Span.of(variable), f"{{:ok, {syntax.text(variable)}}}")]


def _laid_out(site: CallSite, edits: list[Edit], line_length: int) -> bytes:
    """The edited file, the line of the call broken where only the edits made it too long."""
    start = site.whole.start_byte
    content = edited(site.source.content, tuple(sorted(edits)))
    # The formatter itself lets a closing parenthesis stand one column past the limit.
    if line_is_too_long(site.source, start, line_length + 1):
        return content
    after = Source(site.source.path, content)
    call = _call_starting_at(after, moved(start, edits))
    if call is None:
        return content
    return edited(content, tuple(sorted(broken_lines(after, call, line_length))))


def _call_starting_at(source: Source, byte_offset: int) -> Node | None:
    node: Node | None = source.node_at(Span(byte_offset, 1))
    while node is not None and not (node.type == "call" and syntax.arguments(node)):
        node = node.parent
    return node if node is not None and node.start_byte == byte_offset else None


def _holder(call: Node) -> Node | None:
    """The node that holds the arguments, parentheses included where there are some."""
    return next(
        (child for child in call.named_children if child.type == "arguments" and child.children), None
    )


def _is_capture(node: Node) -> bool:
    return node.type == "unary_operator" and syntax.operator(node) == "&"
