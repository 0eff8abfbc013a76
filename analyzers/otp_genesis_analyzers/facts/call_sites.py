"""Call sites: who is called, with which arity, in which process, and what becomes of the value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts import definitions
from otp_genesis_analyzers.facts.builders import PendingChildList
from otp_genesis_analyzers.facts.child_lists import gives_children
from otp_genesis_analyzers.facts.control_flow import FORMS
from otp_genesis_analyzers.facts.model import Call, CallForm, Result, Runs
from otp_genesis_analyzers.facts.process_boundaries import closure_runs
from otp_genesis_analyzers.facts.read_terms import module_name, read_term
from otp_genesis_analyzers.source import Span
from otp_genesis_analyzers.terms import Term

if TYPE_CHECKING:
    from otp_genesis_analyzers.facts.walk import Walk

OTP_MODULES = frozenset(
    {
        "Agent",
        "Application",
        "DynamicSupervisor",
        "File",
        "Function",
        "GenServer",
        "GenStage",
        "Kernel",
        "List",
        "Module",
        "Node",
        "Phoenix.PubSub",
        "PartitionSupervisor",
        "Process",
        "Registry",
        "String",
        "Supervisor",
        "Supervisor.Spec",
        "System",
        "Task",
        "Task.Supervisor",
        ":application",
        ":erlang",
        ":erpc",
        ":ets",
        ":gen_event",
        ":gen_server",
        ":gen_statem",
        ":global",
        ":persistent_term",
        ":proc_lib",
        ":rpc",
        ":supervisor",
        ":telemetry",
        ":timer",
    }
)
"""Modules whose calls keep their arguments as terms."""

_TEST_STARTS = frozenset(
    {"start_supervised", "start_supervised!", "start_link_supervised!", "supervise", "worker", "supervisor"}
)


def call(walk: Walk, node: Node, result: Result, bound_to: Term | None, *, piped: Node | None) -> None:
    """Visit a call node; `piped` is the left side of the `|>` that it stands behind."""
    target = syntax.call_target(node)
    if target is None:
        return
    arguments = syntax.arguments(node)
    if target.type == "identifier":
        name = syntax.text(target)
        if name in definitions.FORMS:
            definitions.FORMS[name](walk, node)
            return
        form = FORMS.get(name)
        if form is not None and (syntax.do_block(node) is not None or syntax.body_keywords(node)):
            form(walk, node, [*([piped] if piped is not None else []), *arguments], result, bound_to)
            return
        if walk.module is not None and walk.clause is walk.module.body and syntax.do_block(node) is not None:
            definitions.macro_block(walk, node, name)
            return
    _site(walk, node, target, arguments, result, bound_to, piped)


def _site(
    walk: Walk,
    node: Node,
    target: Node,
    arguments: list[Node],
    result: Result,
    bound_to: Term | None,
    piped: Node | None,
) -> None:
    block = syntax.do_block(node)
    values = [piped, *arguments] if piped is not None else arguments
    arity = len(values) + (block is not None)
    module, name = _callee(walk, target, arity)
    is_field = not name or (module == "?" and not arguments and piped is None and not _parenthesised(node))
    runs = closure_runs(module, name) if name else "unknown"
    receiver = f"{module}.{name}/{arity}" if module else f"{name}/{arity}"
    if piped is not None and not walk.function_value(piped, runs, receiver):
        walk.visit(piped, "piped")
    if target.type == "dot":
        _visit_receiver(walk, syntax.left(target))
    elif target.type != "identifier":
        walk.visit(target, "argument")
    if not is_field:
        span = Span(node.start_byte, node.end_byte)
        head = Span(node.start_byte, target.end_byte)
        _record(walk, module, name, arity, head, span, "call", result, bound_to, values, piped is not None)
    for argument in arguments:
        if not walk.function_value(argument, runs, receiver):
            _argument(walk, argument, runs, receiver)
    if block is not None:
        body, parts = syntax.sections(block)
        walk.sequence(body, "argument", None)
        for nodes in parts.values():
            walk.sequence(nodes, "argument", None)


def _argument(walk: Walk, argument: Node, runs: Runs, receiver: str) -> None:
    """An argument; a `fn` under a keyword (`into: fn ...`) is handed over too."""
    if argument.type != "keywords":
        walk.visit(argument, "argument")
        return
    for _, value in syntax.pairs(argument):
        if not walk.function_value(value, runs, receiver):
            walk.visit(value, "argument")


def _visit_receiver(walk: Walk, receiver: Node | None) -> None:
    if receiver is None:
        return
    if receiver.type == "alias":
        walk.references.add(module_name(receiver, walk.scope))
    elif receiver.type not in ("atom", "identifier"):
        walk.visit(receiver, "argument")


def _parenthesised(node: Node) -> bool:
    return any(child.type == "arguments" for child in node.named_children)


def _callee(walk: Walk, target: Node, arity: int) -> tuple[str, str]:
    """Module and name that a call reaches; an empty name for `fun.()` and other values called."""
    if target.type == "identifier":
        name = syntax.text(target)
        return walk.scope.home_of(name, arity), name
    if target.type != "dot":
        return "", ""
    right = syntax.right(target)
    if right is None or right.type not in ("identifier", "operator_identifier"):
        return "?", ""
    return module_name(syntax.left(target), walk.scope) or "?", syntax.text(right)


def _record(
    walk: Walk,
    module: str,
    name: str,
    arity: int,
    head: Span,
    span: Span,
    form: CallForm,
    result: Result,
    bound_to: Term | None,
    values: list[Node],
    piped: bool,
) -> None:
    keeps_arguments = module in OTP_MODULES or (not module and name in _TEST_STARTS)
    site = Call(
        module=module,
        name=name,
        arity=arity,
        head=head,
        span=span,
        form=form,
        result=result,
        runs=walk.runs,
        closure=walk.closure,
        piped=piped,
        args=tuple(read_term(value, walk.scope) for value in values) if keeps_arguments else (),
        bound_to=bound_to if result == "bound" else None,
        guarded_by_rescue=walk.guarded_by_rescue,
        branch=walk.branches,
    )
    walk.clause.calls.append(site)
    if walk.module is not None and gives_children(site):
        walk.module.pending.append(
            PendingChildList(site, tuple(values), walk.clause.id, walk.clause.bindings, walk.scope)
        )
    if name in ("apply", "capture") and module in ("Kernel", ":erlang", "Function") and arity == 3:
        _applied(walk, site, values)


def _applied(walk: Walk, site: Call, values: list[Node]) -> None:
    """`apply(Mod, :fun, [a, b])` is a call of `Mod.fun/2` as well."""
    module = module_name(values[0], walk.scope)
    name, rest = site.args[1], site.args[2]
    if not module or name.kind != "atom":
        return
    if site.name == "capture":
        if rest.kind == "int":
            _record(
                walk, module, name.value, int(rest.value), site.head, site.span, "capture",
                site.result, site.bound_to, [], False,
            )  # fmt: skip
        return
    if rest.kind == "list" and not any(item.kind == "tail" for item in rest.items):
        nodes = syntax.children(values[2])
        _record(
            walk, module, name.value, len(nodes), site.head, site.span, "apply",
            site.result, site.bound_to, nodes, False,
        )  # fmt: skip


def capture(walk: Walk, node: Node) -> None:
    """`&spawn/1` and `&Task.start/1`: named, not called here."""
    captured = syntax.captured_function(node)
    if captured is None:
        return
    function, arity = captured
    target = (syntax.call_target(function) if function.type == "call" else function) or function
    module, name = _callee(walk, target, arity)
    if target.type == "dot":
        _visit_receiver(walk, syntax.left(target))
    if name:
        span = Span(node.start_byte, node.end_byte)
        _record(walk, module, name, arity, span, span, "capture", "argument", None, [], False)


def pipe(walk: Walk, before: Node, after: Node, result: Result, bound_to: Term | None) -> None:
    """`before |> after`: the value on the left is the first argument on the right."""
    if after.type == "call":
        call(walk, after, result, bound_to, piped=before)
        return
    walk.visit(before, "piped")
    if after.type == "identifier":
        name = syntax.text(after)
        span = Span(after.start_byte, after.end_byte)
        home = walk.scope.home_of(name, 1)
        _record(walk, home, name, 1, span, span, "call", result, bound_to, [before], True)
    else:
        walk.visit(after, "argument")
