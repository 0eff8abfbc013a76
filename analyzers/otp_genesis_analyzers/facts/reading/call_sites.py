"""Call sites: who is called, with which arity, in which process, and what becomes of the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Call, CallForm, Result, Runs
from otp_genesis_analyzers.facts.reading import definitions
from otp_genesis_analyzers.facts.reading.builders import PendingChildList
from otp_genesis_analyzers.facts.reading.child_lists import gives_children
from otp_genesis_analyzers.facts.reading.control_flow import FORMS
from otp_genesis_analyzers.facts.reading.process_boundaries import closure_runs
from otp_genesis_analyzers.facts.reading.read_terms import module_name, read_term
from otp_genesis_analyzers.source import Span
from otp_genesis_analyzers.terms import Term

if TYPE_CHECKING:
    from otp_genesis_analyzers.facts.reading.walk import Walk

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
        ":gen_tcp",
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


class _Callee(NamedTuple):
    module: str
    name: str
    """Empty for a value that is called: `fun.()`."""
    arity: int


def call(walk: Walk, node: Node, result: Result, bound_to: Term | None, *, piped: Node | None) -> None:
    """Visit a call node; `piped` is the left side of the `|>` that it stands behind."""
    target, arguments, block = syntax.call_parts(node)
    if target is None:
        return
    values = arguments if piped is None else [piped, *arguments]
    name = ""
    if target.type == "identifier":
        name = walk.name(target)
        definition = definitions.FORMS.get(name)
        if definition is not None:
            definition(walk, node)
            return
        form = FORMS.get(name)
        if form is not None and (block is not None or syntax.body_keywords(node)):
            form(walk, node, values, result, bound_to)
            return
        if block is not None and walk.module is not None:
            if walk.clause is walk.module.body:
                definitions.macro_block(walk, node, name)
                return
            if name in definitions.TEST_MACROS:
                walk.clause.nested_definition = True
    callee = _callee(walk, target, name, len(values) + (block is not None))
    if piped is not None:
        _hand_over(walk, piped, "piped", callee)
    if not name:
        if target.type == "dot":
            _visit_receiver(walk, syntax.left(target))
        else:
            walk.visit(target, "argument")
    if callee.name and not (callee.module == "?" and not values and not syntax.has_arguments(node)):
        span = Span.of(node)
        head = Span.between(span.start, target.end_byte) if name else _head(walk, span.start, target)
        _record(walk, callee, head, span, "call", result, bound_to, values, piped=piped is not None)
    for argument in arguments:
        _hand_over(walk, argument, "argument", callee)
    if block is not None:
        body, parts = syntax.sections(block)
        for nodes in (body, *parts.values()):
            walk.sequence(nodes, "argument", None)


def _head(walk: Walk, start: int, target: Node) -> Span:
    """`Task.start` of `Task.start(f)`; the name alone where it stands on a line below its module."""
    end = target.end_byte
    if walk.source.content.find(b"\n", start, end) >= 0 and (name := syntax.right(target)) is not None:
        start = name.start_byte
    return Span.between(start, end)


def _hand_over(walk: Walk, node: Node, result: Result, callee: _Callee) -> None:
    """Visit an argument. A `fn` runs where the callee runs it, under a keyword (`into: fn ...`) too."""
    kind = node.type
    if kind == "keywords":
        for _, value in syntax.pairs(node):
            _hand_over(walk, value, result, callee)
    elif kind not in ("anonymous_function", "unary_operator"):
        walk.visit(node, result)
    else:
        module = f"{callee.module}." if callee.module else ""
        runs = closure_runs(callee.module, callee.name) if callee.name else "unknown"
        if not walk.function_value(node, runs, f"{module}{callee.name}/{callee.arity}"):
            walk.visit(node, result)


def _visit_receiver(walk: Walk, receiver: Node | None) -> None:
    if receiver is None:
        return
    kind = receiver.type
    if kind == "alias":
        walk.references.add(module_name(receiver, walk.scope))
    elif kind not in ("atom", "identifier"):
        walk.visit(receiver, "argument")


def _callee(walk: Walk, target: Node, name: str, arity: int) -> _Callee:
    if name:
        return _Callee(walk.scope.home_of(name, arity), name, arity)
    if target.type != "dot":
        return _Callee("", "", arity)
    right = syntax.right(target)
    if right is None or right.type not in ("identifier", "operator_identifier"):
        return _Callee("?", "", arity)
    return _Callee(module_name(syntax.left(target), walk.scope) or "?", walk.name(right), arity)


def _record(
    walk: Walk,
    callee: _Callee,
    head: Span,
    span: Span,
    form: CallForm,
    result: Result,
    bound_to: Term | None,
    values: list[Node],
    *,
    piped: bool = False,
) -> None:
    module, name, arity = callee
    keeps_arguments = module in OTP_MODULES or (not module and name in _TEST_STARTS)
    site = Call(
        module,
        name,
        arity,
        head,
        span,
        form,
        result,
        walk.runs,
        walk.closure,
        piped,
        tuple([read_term(value, walk.scope) for value in values]) if keeps_arguments else (),
        bound_to if result == "bound" else None,
        walk.guarded_by_rescue,
        walk.branches,
    )
    walk.clause.calls.append(site)
    if walk.module is not None and gives_children(site):
        walk.module.pending.append(
            PendingChildList(site, tuple(values), walk.clause.id, walk.clause.bindings, walk.scope)
        )
    if arity == 3 and form == "call" and name in ("apply", "capture") and site.args:
        _applied(walk, site, values)


def _applied(walk: Walk, site: Call, values: list[Node]) -> None:
    """`apply(Mod, :fun, [a, b])` is a call of `Mod.fun/2` as well, `Function.capture` names it."""
    module, (_, name, rest) = module_name(values[0], walk.scope), site.args
    if not module or name.kind != "atom":
        return
    if site.name == "capture":
        if rest.kind == "int":
            callee = _Callee(module, name.value, int(rest.value))
            _record(walk, callee, site.head, site.span, "capture", site.result, site.bound_to, [])
    elif rest.kind == "list" and not any(item.kind == "tail" for item in rest.items):
        nodes = syntax.children(values[2])
        callee = _Callee(module, name.value, len(nodes))
        _record(walk, callee, site.head, site.span, "apply", site.result, site.bound_to, nodes)


def capture(walk: Walk, node: Node, runs: Runs) -> None:
    """`&spawn/1` and `&Task.start/1`: named here, called by whoever is handed it, who `runs` it."""
    captured = syntax.captured_function(node)
    if captured is None:
        return
    function, arity = captured
    target = (syntax.call_target(function) if function.type == "call" else function) or function
    callee = _callee(walk, target, syntax.text(target) if target.type == "identifier" else "", arity)
    if target.type == "dot":
        _visit_receiver(walk, syntax.left(target))
    if callee.name:
        span = Span.of(node)
        with walk.handed_over(runs):
            _record(walk, callee, span, span, "capture", "argument", None, [])


def pipe(walk: Walk, before: Node, after: Node, result: Result, bound_to: Term | None) -> None:
    """`before |> after`: the value on the left is the first argument on the right."""
    if after.type == "call":
        call(walk, after, result, bound_to, piped=before)
        return
    walk.visit(before, "piped")
    if after.type == "identifier":
        span = Span.of(after)
        callee = _callee(walk, after, syntax.text(after), 1)
        _record(walk, callee, span, span, "call", result, bound_to, [before], piped=True)
    else:
        walk.visit(after, "argument")
