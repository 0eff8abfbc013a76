"""Child lists: what a supervisor is given to start, read out of the code that builds the list.

The list may be a literal, a variable, a concatenation, a conditional, or what a local function
returns. What can't be read makes the list incomplete, never wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from msgspec import structs
from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Call, Child, ChildList
from otp_genesis_analyzers.facts.processes.addresses import addressed_name, constant_name
from otp_genesis_analyzers.facts.reading.builders import Body, PendingChildList
from otp_genesis_analyzers.facts.reading.listing import UNKNOWN, Listing, alternatives
from otp_genesis_analyzers.facts.reading.read_terms import module_name, read_term
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_analyzers.source import Span
from otp_genesis_analyzers.terms import OTHER, Term

_MAX_STEPS = 12
"""How many variables and functions are followed from the call to the list."""

_STATIC = {("Supervisor", "init"), ("Supervisor", "start_link"), ("Supervisor.Spec", "supervise")}
_DYNAMIC = {("DynamicSupervisor", "start_child"), ("Supervisor", "start_child")}
_TEST_STARTS = frozenset({"start_supervised", "start_supervised!", "start_link_supervised!"})
_KEEPS_ITEMS = frozenset({"flatten", "concat", "uniq", "reverse", "to_list", "wrap"})
_DROPS_ITEMS = frozenset({"filter", "reject", "take", "drop", "filter_map", "uniq_by"})
_DROPS_NIL = {("reject", "&is_nil/1"), ("reject", "&is_nil(&1)"), ("filter", "&&1"), ("filter", "&(&1)")}


@dataclass(frozen=True)
class _Frame:
    """Where a list expression stands: its variables, its scope, the functions it may call."""

    bindings: dict[str, list[Node]]
    scope: Scope
    bodies: dict[str, list[Body]]
    before: int
    """Only bindings that start before this byte count: `children = children ++ more`."""
    steps: int = _MAX_STEPS


def gives_children(call: Call) -> bool:
    """Whether this call site hands children to a supervisor."""
    key = (call.module, call.name)
    if key == ("Supervisor", "start_link"):
        return bool(call.args) and call.args[0].kind not in ("module", "atom")
    if not call.module:
        return call.name in _TEST_STARTS or (call.name == "supervise" and call.arity == 2)
    return call.form == "call" and (key in _STATIC or key in _DYNAMIC)


def read_child_list(pending: PendingChildList, bodies: dict[str, list[Body]]) -> ChildList | None:
    call, arguments = pending.call, pending.arguments
    frame = _Frame(pending.bindings, pending.scope, bodies, call.span.start)
    if call.module and (call.module, call.name) in _DYNAMIC:
        listing = _child(arguments[1], frame) if len(arguments) > 1 else UNKNOWN
        supervisor = addressed_name(next(iter(call.args), OTHER))
        return _result("dynamic", pending, listing, supervisor=supervisor)
    if call.name in _TEST_STARTS:
        return _result("test", pending, _child(arguments[0], frame) if arguments else UNKNOWN)
    if not arguments:
        return None
    given, *rest = arguments
    options = _options(rest[0], frame) if rest else None
    strategy = options.get("strategy") if options is not None else None
    listing = _list(given, frame)
    named = options.get("name") if options is not None else None
    return _result(
        "static",
        pending,
        listing,
        strategy=strategy.value if strategy is not None and strategy.kind == "atom" else "",
        supervisor=constant_name(named) if named is not None else "",
        options=options,
    )


def _result(
    kind: str,
    pending: PendingChildList,
    listing: Listing,
    *,
    strategy: str = "",
    supervisor: str = "",
    options: Term | None = None,
) -> ChildList:
    return ChildList(
        kind=kind,  # pyright: ignore[reportArgumentType]  # one of the three literals above
        span=pending.call.span,
        function=pending.function,
        children=listing.children,
        complete=listing.complete,
        strategy=strategy,
        supervisor=supervisor,
        includes=listing.includes,
        options=options,
    )


def _options(node: Node, frame: _Frame) -> Term | None:
    if node.type == "identifier":
        value = _binding(node, frame)
        return _options(value, replace(frame, steps=frame.steps - 1)) if value and frame.steps else None
    term = read_term(node, frame.scope)
    return term if term.kind == "list" else None


def _binding(node: Node, frame: _Frame) -> Node | None:
    """The last expression that the variable was bound to before this place."""
    found = [value for value in frame.bindings.get(syntax.text(node), []) if value.end_byte <= frame.before]
    return found[-1] if found else None


def _list(node: Node, frame: _Frame) -> Listing:
    """The children in an expression that gives a list."""
    if frame.steps <= 0:
        return UNKNOWN
    frame = replace(frame, steps=frame.steps - 1)
    match node.type:
        case "list":
            return _literal(node, frame)
        case "identifier":
            value = _binding(node, frame)
            return _list(value, replace(frame, before=value.start_byte)) if value is not None else UNKNOWN
        case "block":
            inner = syntax.children(node)
            return _list(inner[-1], frame) if inner else UNKNOWN
        case "binary_operator":
            return _operation(node, frame)
        case "unary_operator":
            return _attribute(node, frame)
        case "call":
            return _list_call(node, None, frame)
        case _:
            return Listing() if node.type == "nil" else UNKNOWN


def _literal(node: Node, frame: _Frame) -> Listing:
    listing = Listing()
    for item in syntax.children(node):
        if item.type == "binary_operator" and syntax.operator(item) == "|":
            head, tail = syntax.left(item), syntax.right(item)
            listing += _child(head, frame) if head is not None else UNKNOWN
            listing += _list(tail, frame) if tail is not None else UNKNOWN
        else:
            listing += _child(item, frame)
    return listing


def _operation(node: Node, frame: _Frame) -> Listing:
    before, after = syntax.left(node), syntax.right(node)
    if before is None or after is None:
        return UNKNOWN
    match syntax.operator(node):
        case "++":
            return _list(before, frame) + _list(after, frame)
        case "--":
            return replace(_list(before, frame).conditional(), complete=False)
        case "|>":
            return _list_call(after, before, frame) if after.type == "call" else UNKNOWN
        case "=":
            return _list(after, frame)
        case "&&" | "||" | "and" | "or":
            return _list(after, frame).conditional()
        case _:
            return UNKNOWN


def _attribute(node: Node, frame: _Frame) -> Listing:
    term = read_term(node, frame.scope)
    if syntax.operator(node) != "@" or term.kind != "list":
        return UNKNOWN
    span = Span.of(node)
    children = [_child_of_term(item, span) for item in term.items]
    known = tuple(child for child in children if child is not None)
    return Listing(known, complete=len(known) == len(children))


def _child_of_term(term: Term, span: Span) -> Child | None:
    if term.kind == "module":
        return Child(term.value, span)
    if term.kind == "tuple" and len(term.items) == 2 and term.items[0].kind == "module":
        return _with_name(Child(term.items[0].value, span, term.items[1]))
    return None


def _list_call(node: Node, piped: Node | None, frame: _Frame) -> Listing:
    name = syntax.local_name(node)
    if name in ("if", "unless", "case", "cond"):
        return _branches(node, frame, _list)
    arguments = [*([piped] if piped is not None else []), *syntax.arguments(node)]
    if name == "for":
        return replace(UNKNOWN, children=_for_children(node, frame))
    if name:
        return _called(f"{name}/{len(arguments)}", frame, _list)
    target = syntax.call_target(node)
    if target is None or target.type != "dot":
        return UNKNOWN
    function = syntax.text(right) if (right := syntax.right(target)) is not None else ""
    module = module_name(syntax.left(target), frame.scope)
    if module in ("Enum", "List") and arguments:
        listing = _list(arguments[0], frame)
        if function in _KEEPS_ITEMS:
            return listing + (_list(arguments[1], frame) if len(arguments) > 1 else Listing())
        if len(arguments) > 1 and (function, syntax.text(arguments[1]).replace(" ", "")) in _DROPS_NIL:
            return listing
        if function in _DROPS_ITEMS:
            return listing.conditional()
        mapped = _mapped_children(arguments[1], frame) if function == "map" and len(arguments) > 1 else ()
        return replace(listing, children=mapped or listing.children, complete=False)
    if module == frame.scope.module:
        return _called(f"{function}/{len(arguments)}", frame, _list)
    if module and not module.startswith(":"):
        return Listing(complete=False, includes=(f"{module}.{function}/{len(arguments)}",))
    return UNKNOWN


def _branches(node: Node, frame: _Frame, read: Callable[[Node, _Frame], Listing]) -> Listing:
    """All branches of a conditional."""
    values = list(syntax.body_keywords(node).values())
    block = syntax.do_block(node)
    if block is not None:
        body, parts = syntax.sections(block)
        for statements in (body, *parts.values()):
            if statements and statements[0].type == "stab_clause":
                values += [part[-1] for clause in statements if (part := syntax.stab_parts(clause)[2])]
            elif statements:
                values.append(statements[-1])
    always_one = syntax.local_name(node) in ("case", "cond") or len(values) > 1
    return alternatives([read(value, frame) for value in values], exhaustive=always_one)


def _for_children(node: Node, frame: _Frame) -> tuple[Child, ...]:
    block = syntax.do_block(node)
    body = syntax.sections(block)[0] if block is not None else []
    value = body[-1] if body else syntax.body_keywords(node).get("do")
    return _child(value, frame).children if value is not None else ()


def _mapped_children(function: Node, frame: _Frame) -> tuple[Child, ...]:
    """What `&{Shop.Worker, &1}` or `fn name -> {Shop.Worker, name} end` gives."""
    if function.type == "unary_operator":
        body = syntax.operand(function)
    else:
        clauses = [node for node in syntax.children(function) if node.type == "stab_clause"]
        statements = syntax.stab_parts(clauses[0])[2] if len(clauses) == 1 else []
        body = statements[-1] if statements else None
    return _child(body, frame).children if body is not None else ()


def _called(function: str, frame: _Frame, read: Callable[[Node, _Frame], Listing]) -> Listing:
    """What a function of the same module returns, over all its clauses."""
    bodies = frame.bodies.get(function, [])
    if not bodies:
        return UNKNOWN
    listings: list[Listing] = []
    for body in bodies:
        if not body.statements:
            continue
        last = body.statements[-1]
        inner = _Frame(body.bindings, body.scope, frame.bodies, last.end_byte, frame.steps - 1)
        listings.append(read(last, inner))
    return alternatives(listings, exhaustive=True)


def _child(node: Node, frame: _Frame) -> Listing:
    """The child in an expression that gives one child specification."""
    if frame.steps <= 0:
        return UNKNOWN
    span = Span.of(node)
    module = module_name(node, frame.scope)
    if module:
        return Listing((Child(module, span),))
    match node.type:
        case "tuple":
            return _tuple_child(node, span, frame)
        case "map":
            return _map_child(node, span, frame)
        case "call":
            return _child_call(node, span, frame)
        case "identifier":
            value = _binding(node, frame)
            inner = (
                replace(frame, before=value.start_byte, steps=frame.steps - 1) if value is not None else frame
            )
            return _child(value, inner) if value is not None else UNKNOWN
        case "nil" | "boolean":
            return Listing()
        case "binary_operator" if syntax.operator(node) in ("&&", "and"):
            after = syntax.right(node)
            return _child(after, frame).conditional() if after is not None else UNKNOWN
        case _:
            return UNKNOWN


def _tuple_child(node: Node, span: Span, frame: _Frame) -> Listing:
    parts = syntax.children(node)
    module = module_name(parts[0], frame.scope) if parts else ""
    if not module or len(parts) != 2:
        return UNKNOWN
    return Listing((_with_name(Child(module, span, read_term(parts[1], frame.scope))),))


def _with_name(child: Child) -> Child:
    argument = child.argument
    named = argument.get("name") if argument is not None and argument.kind == "list" else None
    return structs.replace(child, name=constant_name(named)) if named is not None else child


def _map_child(node: Node, span: Span, frame: _Frame) -> Listing:
    spec = read_term(node, frame.scope)
    start = spec.get("start")
    if start is None or start.kind != "tuple" or len(start.items) != 3:
        return UNKNOWN
    module, function, arguments = start.items
    started = constant_name(module)  # `:pg` is a module too
    if not started or function.kind != "atom":
        return UNKNOWN
    given = arguments.items[0] if arguments.kind == "list" and arguments.items else None
    arity = len(arguments.items) if arguments.kind == "list" else 1
    child = Child(started, span, given, start=f"{started}.{function.value}/{arity}")
    return Listing((_with_options(_with_name(child), spec),))


def _with_options(child: Child, options: Term) -> Child:
    restart, identity = options.get("restart"), options.get("id")
    if restart is not None:
        child = structs.replace(child, restart=restart.value if restart.kind == "atom" else "?")
    return structs.replace(
        child,
        id=identity.value if identity is not None else child.id,
    )


def _child_call(node: Node, span: Span, frame: _Frame) -> Listing:
    name, arguments = syntax.local_name(node), syntax.arguments(node)
    if name in ("if", "unless", "case", "cond"):
        return _branches(node, frame, _child)
    if name in ("worker", "supervisor") and arguments:
        module = module_name(arguments[0], frame.scope)
        return Listing((Child(module, span),)) if module else UNKNOWN
    if name:
        return _called(f"{name}/{len(arguments)}", frame, _child)
    target = syntax.call_target(node)
    if target is None or target.type != "dot" or (function := syntax.right(target)) is None:
        return UNKNOWN
    module = module_name(syntax.left(target), frame.scope)
    if syntax.text(function) != "child_spec" or not module:
        return UNKNOWN
    if module != "Supervisor":
        given = read_term(arguments[0], frame.scope) if arguments else None
        return Listing((_with_name(Child(module, span, given)),))
    if not arguments:
        return UNKNOWN
    inner = _child(arguments[0], frame)
    options = read_term(arguments[1], frame.scope) if len(arguments) > 1 else Term("list")
    return replace(
        inner, children=tuple(_with_options(structs.replace(c, span=span), options) for c in inner.children)
    )
