"""Tasks that are waited for with a limit, and left running when the limit is over."""

from __future__ import annotations

from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.clause_results import ends_of
from otp_genesis_analyzers.facts.calls.guarded import Guarded, Handler, guarded_in, guards_of
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes, binding_of, handed_to
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.model import Call, Clause
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_STARTS = frozenset({("Task", "async"), ("Task.Supervisor", "async"), ("Task.Supervisor", "async_nolink")})
_ENDS = frozenset({"shutdown", "ignore"})
_GIVES_UP = frozenset({"raise", "reraise", "exit", "throw", "Mix.raise", "System.halt"})


class Abandoned(NamedTuple):
    """`wait` gives up: a `Task.yield` or `yield_many`, or a `Task.await` whose exit is caught."""

    wait: Call
    how: Literal["yield", "yield_many", "await"]


def abandoned_tasks(source: Source, site: Site) -> Abandoned | None:
    """The wait at a site, if its task is started here and neither ended nor kept when time is up."""
    call, clause = site.call, site.clause
    if call.form != "call" or not call.args or not _has_limit(call):
        return None
    if call.is_to("Task", "yield_many"):
        return Abandoned(call, "yield_many") if _forgets_late_ones(source, site) else None
    element = _element_of_started(source, clause, call)
    is_started = element is not None or _starts_here(clause, call.args[0])
    if not is_started or _ends_task(clause) or _is_mentioned_again(source, clause, call, element):
        return None
    if call.is_to("Task", "yield"):
        return None if _gives_up_without_answer(source, call) else Abandoned(call, "yield")
    if not call.is_to("Task", "await"):
        return None
    around = guards_of(guarded_in(source, clause), clause, call)
    handler = next((found for guarded in reversed(around) if (found := _takes_timeout(guarded))), None)
    if handler is None or _always_leaves(list(handler.body)):
        return None
    return Abandoned(call, "await")


def is_wait(call: Call) -> bool:
    return call.is_to("Task", "yield", "yield_many", "await")


def _has_limit(call: Call) -> bool:
    return len(call.args) < 2 or not call.args[1].is_atom("infinity")


def _forgets_late_ones(source: Source, site: Site) -> bool:
    """Tasks that the clause has started: nothing in the module ends one, or does anything with a late one."""
    call, clause = site.call, site.clause
    started = any((start.module, start.name) in _STARTS for start in clause.calls if start.span < call.span)
    options = call.args[1] if len(call.args) > 1 else None
    patient = options.get("timeout") if options is not None else None
    ended = options.get("on_timeout") if options is not None else None
    if not started or clause.body is None or ended is not None or (patient and patient.is_atom("infinity")):
        return False
    others = [other for function in site.module.functions for other in function.clauses]
    return not any(map(_ends_task, others)) and not _looks_at_late_ones(source, clause, call)


def _looks_at_late_ones(source: Source, clause: Clause, wait: Call) -> bool:
    """Raises after the wait, or takes the task of `{task, result}`, or names what it has waited for again."""
    if any(call.name in _GIVES_UP for call in clause.calls if call.span.start >= wait.span.end):
        return True
    body = source.node_at(clause.body) if clause.body is not None else None
    later = (
        [node for node in syntax.below(body) if node.start_byte >= wait.span.end] if body is not None else []
    )
    pairs = (syntax.children(node) for node in later if node.type == "tuple" and _is_matched(node))
    tasks = {syntax.text(pair[0]) for pair in pairs if len(pair) == 2 and pair[0].type == "identifier"}
    named = {task for task in tasks if not task.startswith("_")}
    if wait.args[0].kind == "variable":
        named.add(wait.args[0].value)
    return any(node.type == "identifier" and syntax.text(node) in named for node in later)


def _is_matched(node: Node) -> bool:
    """A parameter of a `fn`, a pattern of a `case`, the left side of `<-`."""
    holder = node.parent
    if holder is not None and holder.type == "arguments":
        return holder.parent is not None and holder.parent.type == "stab_clause"
    return holder is not None and holder.type == "binary_operator" and syntax.operator(holder) == "<-"


def _starts_here(clause: Clause, task: Term) -> bool:
    """`task = Task.async(...)` in the clause, or the start itself piped in."""
    if task.kind == "operator" and task.value == "|>":
        task = task.items[1]
    if task.kind == "call":
        module, _, name = task.value.rpartition(".")
        return (module, name) in _STARTS
    starts = (call for call in clause.calls if (call.module, call.name) in _STARTS)
    return task.kind == "variable" and any(call.bound_to == task for call in starts)


def _element_of_started(source: Source, clause: Clause, wait: Call) -> Node | None:
    """The `task` of `Enum.map(tasks, fn task -> wait end)`, where `tasks` are started in the clause."""
    task = next(iter(argument_nodes(source, wait)), None)
    binding = binding_of(task) if task is not None and task.type == "identifier" else None
    if binding is None or binding.way != "closure" or binding.pattern.type != "identifier":
        return None
    closure = binding.pattern.parent
    while closure is not None and closure.type != "anonymous_function":
        closure = closure.parent
    tasks = handed_to(closure) if closure is not None else None
    if tasks is not None and tasks.type == "identifier":
        given = binding_of(tasks)
        tasks = given.value if given is not None and given.pattern.type == "identifier" else None
    if tasks is None:
        return None
    starts = [call.span.start for call in clause.calls if (call.module, call.name) in _STARTS]
    return binding.pattern if any(tasks.start_byte <= at < tasks.end_byte for at in starts) else None


def _ends_task(clause: Clause) -> bool:
    return any(call.module == "Task" and call.name in _ENDS for call in clause.calls)


def _is_mentioned_again(source: Source, clause: Clause, wait: Call, element: Node | None) -> bool:
    """Besides its start and this wait: it is stored, handed on, or waited for once more.

    `element` is the parameter of a `fn` that gets it, one of many.
    """
    task = wait.args[0]
    if task.kind != "variable" or clause.body is None:
        return False
    waited, started = wait.span, [call.bound_to for call in clause.calls].count(task)
    within = source.node_at(clause.body)
    if element is not None:
        within, started = element.parent or within, 0
        while within.type != "anonymous_function" and within.parent is not None:
            within = within.parent
    names = [
        node
        for node in syntax.below(within)
        if node.type == "identifier" and syntax.text(node) == task.value and node != element
    ]
    inside = [node for node in names if waited.start <= node.start_byte < waited.end]
    return len(names) - len(inside) - (1 if wait.piped else 0) > started


def _gives_up_without_answer(source: Source, wait: Call) -> bool:
    """`nil -> raise ...`: the process ends, and its linked tasks with it."""
    choice = _case_of(source.node_at(wait.span))
    block = syntax.do_block(choice) if choice is not None else None
    for stab in syntax.children(block) if block is not None else []:
        if stab.type == "stab_clause":
            patterns, _, body = syntax.stab_parts(stab)
            if len(patterns) == 1 and (patterns[0].type == "identifier" or syntax.text(patterns[0]) == "nil"):
                return _always_leaves(body)
    return False


def _case_of(node: Node) -> Node | None:
    holder = node.parent
    choice = holder.parent if holder is not None and holder.type == "arguments" else None
    return choice if choice is not None and syntax.local_name(choice) == "case" else None


def _takes_timeout(guarded: Guarded) -> Handler | None:
    """The handler of exits that a timeout comes to."""
    for handler in guarded.handlers:
        if handler.takes_exits:
            reason = handler.patterns[1]
            if reason.type == "identifier" or ":timeout" in syntax.text(reason):
                return handler
    return None


def _always_leaves(body: list[Node]) -> bool:
    """It ends by raising or exiting: nothing is left that it could give."""
    last = body[-1] if body else None
    if last is None:
        return False
    target = syntax.call_target(last) if last.type == "call" else None
    gives_up = target is not None and syntax.text(target) in _GIVES_UP
    return gives_up or not list(ends_of(body))
