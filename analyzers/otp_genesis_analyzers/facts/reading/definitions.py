"""Modules, functions, directives and attributes: what stands on the level of a module."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Attribute, ChildList, FunctionKind, Import, ModuleKind, Use
from otp_genesis_analyzers.facts.reading.builders import Body, ClauseBuilder, ModuleBuilder, Unread
from otp_genesis_analyzers.facts.reading.child_lists import read_child_list
from otp_genesis_analyzers.facts.reading.control_flow import definition_body
from otp_genesis_analyzers.facts.reading.delegates import delegated_call
from otp_genesis_analyzers.facts.reading.read_terms import module_name, read_term
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_analyzers.source import Span, goes_on
from otp_genesis_analyzers.terms import Term

if TYPE_CHECKING:
    from otp_genesis_analyzers.facts.reading.walk import Walk

_HARDLY_MORE = 0.3
"""A part of a module that is so small is read with the rest: who asks for all of it would parse it again."""
_TESTS = frozenset({"test", "setup", "setup_all", "property", "feature"})
_TRANSPARENT = frozenset({"describe", "scope"})
"""Macros on the module's level whose block holds further definitions."""
TEST_MACROS = _TESTS | {"describe"}
"""Blocks that stand on the module's level only: inside a function they show that an `end` is missing."""


def body_of_file() -> ClauseBuilder:
    """A holder for the statements outside every module: a script's."""
    return ClauseBuilder("body", "", 0, 0, Span(0, 0), Span(0, 0))


def _module(walk: Walk, node: Node) -> None:
    statements: list[Node] = []
    block = syntax.do_block(node)
    if block is not None:
        statements = syntax.children(block)
    elif "do" in (keywords := syntax.body_keywords(node)):
        statements = [keywords["do"]]
    elif walk.broken:
        return
    _open_module(walk, node, Span.of(node), statements)


def torn_module(walk: Walk, node: Node, error: Node) -> None:
    """`defmodule X` whose `do ... end` was lost to an error node."""
    _open_module(walk, node, Span.between(node.start_byte, error.end_byte), syntax.children(error))


def _open_module(walk: Walk, node: Node, span: Span, statements: list[Node]) -> None:
    arguments = syntax.arguments(node)
    if not arguments:
        return
    if walk.broken and walk.clause.kind != "body":
        walk.clause.nested_definition = True
        return
    kind = cast(ModuleKind, syntax.local_name(node))
    written = module_name(arguments[0], walk.scope) or "?"
    name = _full_name(walk, arguments, kind, written)
    in_one_line = arguments[0].start_point.row == arguments[0].end_point.row
    name_span = Span.of(arguments[0]) if in_one_line else Span(node.start_byte, len(kind))
    body = ClauseBuilder("body", "", 0, 0, span, name_span)
    builder = ModuleBuilder(kind, name, name_span, span, body)
    builder.complete = not walk.broken
    walk.open_modules.append(builder)
    outer = walk.scope
    with walk.definition(body, outer.inside(name)):
        walk.sequence(statements, "discarded", None)
        _read_connected(walk, builder)
    walk.open_modules.pop()
    walk.modules.append(builder.close(_child_lists(builder)))
    head = module_text(arguments[0]).split(".", 1)[0]
    if outer.module and kind == "defmodule" and name.startswith(f"{outer.module}.{head}"):
        walk.scope = outer.with_alias(head, f"{outer.module}.{head}")
    else:
        walk.scope = outer


def _full_name(walk: Walk, arguments: list[Node], kind: ModuleKind, written: str) -> str:
    if kind == "defimpl":
        target = syntax.keyword(arguments[-1], "for")
        return f"{written}.{module_name(target, walk.scope) or walk.scope.module or '?'}"
    if not walk.scope.module or arguments[0].type != "alias":
        return written
    text = module_text(arguments[0])
    if text.startswith("Elixir."):
        return text.removeprefix("Elixir.")
    if walk.broken and text.split(".")[0] == walk.scope.module.split(".")[0]:
        return text  # the module before it lacks an `end`
    return f"{walk.scope.module}.{text}"


def _child_lists(builder: ModuleBuilder) -> tuple[ChildList, ...]:
    lists = (read_child_list(pending, builder.bodies) for pending in builder.pending)
    return tuple(found for found in lists if found is not None)


def _function(walk: Walk, node: Node) -> None:
    head, guard = syntax.definition_head(node)
    if head is None or walk.module is None:
        return
    if walk.clause.kind != "body":
        walk.clause.nested_definition = True
        if walk.broken:
            return
    target = syntax.call_target(head) if head.type == "call" else head
    if target is None:
        return
    parameters = syntax.arguments(head) if head.type == "call" else []
    clause = ClauseBuilder(
        kind=cast(
            FunctionKind, "defguard" if syntax.local_name(node) == "defguardp" else syntax.local_name(node)
        ),
        name=syntax.text(target) if target.type == "identifier" else "?",
        arity=len(parameters),
        defaults=sum(1 for p in parameters if p.type == "binary_operator" and syntax.operator(p) == "\\\\"),
        span=Span.of(node),
        name_span=Span.of(target),
        head=tuple(read_term(parameter, walk.scope) for parameter in parameters),
        guard=Span.of(guard) if guard is not None else None,
        impl=walk.module.impl_next,
    )
    walk.module.impl_next = False
    _fill(walk, node, clause)


def _fill(walk: Walk, node: Node, clause: ClauseBuilder) -> None:
    """Read a definition, or put it off when nothing in it can matter by itself."""
    if walk.module is None:
        return
    unread = Unread(node, clause, walk.scope)
    if walk.can_matter(clause.span):
        _read(walk, walk.module, unread)
    else:
        walk.module.unread.append(unread)


def _read(walk: Walk, module: ModuleBuilder, unread: Unread) -> None:
    """Visit the body of a definition and keep it, unless a broken tree makes it doubtful."""
    node, clause, scope = unread
    statements = _outline(node, clause)
    with walk.definition(clause, scope):
        definition_body(walk, node)
    delegated = delegated_call(node, clause, scope) if clause.kind == "defdelegate" else None
    if delegated is not None:
        clause.calls.append(delegated)
    doubtful = walk.broken and (clause.nested_definition or clause.span.end > walk.trusted_until)
    if not doubtful:
        module.clauses.append(clause)
        module.bodies.setdefault(clause.id, []).append(Body(tuple(statements), clause.bindings, scope))


def _outline(node: Node, clause: ClauseBuilder) -> list[Node]:
    """Where the body of a definition is, and its statements."""
    block = syntax.do_block(node)
    statements = _body_statements(node, block)
    if block is not None:
        clause.body = Span.of(block)
    elif statements:
        clause.body = Span.between(statements[0].start_byte, statements[-1].end_byte)
    return statements


def _read_connected(walk: Walk, module: ModuleBuilder) -> None:
    """Read what was put off where it calls, or is run by, something that was read: a setup by its tests.

    And what is left, where that is little.
    """
    new = list(module.clauses)
    while new and module.unread:
        called = set(_called_in(module, new))
        tests = any(clause.kind == "test" for clause in new)
        named = _places_of({clause.name for clause in new}, walk.source.content, module.span)
        put_off, module.unread = module.unread, []
        before = len(module.clauses)
        for unread in put_off:
            clause = unread.clause
            setup = tests and clause.kind == "test" and clause.name.startswith("setup")
            if setup or clause.name in called or holds_offset(named, clause.span):
                _read(walk, module, unread)
            else:
                module.unread.append(unread)
        new = module.clauses[before:]
    if sum(unread.clause.span.size for unread in module.unread) <= _HARDLY_MORE * module.span.size:
        put_off, module.unread = module.unread, []
        for unread in put_off:
            _read(walk, module, unread)
    walk.whole = walk.whole and not module.unread
    for unread in module.unread:
        _outline(unread.node, unread.clause)
        module.clauses.append(unread.clause)
    module.clauses.sort(key=lambda clause: clause.span.start)


def _places_of(names: set[str], content: bytes, within: Span) -> list[int]:
    """Where these names stand in a module: at more places than they are called, never at fewer."""
    found: list[int] = []
    for name in names:
        word = name.encode()
        at = content.find(word, within.start, within.end)
        while at >= 0:
            end = at + len(word)
            if not (goes_on(content[at - 1 : at]) or goes_on(content[end : end + 1])):
                found.append(at)
            at = content.find(word, end, within.end)
    return sorted(found)


def holds_offset(offsets: Sequence[int], span: Span) -> bool:
    """Whether one of the sorted offsets lies in the span."""
    first = bisect_left(offsets, span.start)
    return first < len(offsets) and offsets[first] < span.end


def _called_in(module: ModuleBuilder, clauses: list[ClauseBuilder]) -> Iterator[str]:
    """Names of the functions that these clauses may run, `spawn(__MODULE__, :work, [])` counted in."""
    for clause in clauses:
        for call in clause.calls:
            if call.module in ("", module.name):
                yield call.name
            for argument in call.args:
                yield from (term.value for term in argument.walk() if term.kind == "atom")


def _body_statements(node: Node, block: Node | None) -> list[Node]:
    if block is not None:
        return syntax.sections(block)[0]
    value = syntax.body_keywords(node).get("do")
    return [value] if value is not None else []


def macro_block(walk: Walk, node: Node, name: str) -> None:
    """`test "name" do`, `describe "name" do` and any other macro with a block, on the module's level."""
    if walk.module is None:
        return
    block = syntax.do_block(node)
    if block is None:
        return
    if name in _TRANSPARENT:
        for statement in syntax.children(block):
            walk.visit(statement, "discarded")
        return
    arguments = syntax.arguments(node)
    label = syntax.text(arguments[0]).strip('"') if arguments else ""
    clause = ClauseBuilder(
        kind="test" if name in _TESTS else "block",
        name=f"{name} {label}".strip() if name in _TESTS else name,
        arity=len(arguments),
        defaults=0,
        span=Span.of(node),
        name_span=Span.of(syntax.call_target(node) or node),
        head=tuple(read_term(argument, walk.scope) for argument in arguments),
    )
    _fill(walk, node, clause)


def _alias(walk: Walk, node: Node) -> None:
    arguments = syntax.arguments(node)
    if not arguments:
        return
    first = arguments[0]
    renamed = syntax.keyword(arguments[-1], "as") if len(arguments) > 1 else None
    for module in _aliased(first, walk.scope):
        walk.references.add(module)
        name = module_text(renamed) if renamed is not None else module.rpartition(".")[2]
        walk.scope = walk.scope.with_alias(name, module)


def module_text(node: Node) -> str:
    return "".join(syntax.text(node).split())


def _aliased(node: Node, scope: Scope) -> list[str]:
    """The modules of `alias A.B` or `alias A.{B, C.D}`; `:ets` of `alias :ets, as: ETS`."""
    if node.type == "dot":
        right = syntax.right(node)
        if right is not None and right.type == "tuple":
            base = module_name(syntax.left(node), scope)
            return [f"{base}.{module_text(part)}" for part in syntax.children(right) if base]
    name = module_name(node, scope)
    return [name] if name else []


def _require(walk: Walk, node: Node) -> None:
    arguments = syntax.arguments(node)
    if len(arguments) > 1 and syntax.keyword(arguments[-1], "as") is not None:
        _alias(walk, node)


def _import(walk: Walk, node: Node) -> None:
    arguments = syntax.arguments(node)
    module = module_name(arguments[0], walk.scope) if arguments else ""
    if not module:
        return
    options = arguments[1] if len(arguments) > 1 else None
    only = _functions(syntax.keyword(options, "only"), walk.scope)
    excepted = _functions(syntax.keyword(options, "except"), walk.scope) or ()
    directive = Import(module, only, excepted, Span.of(node))
    walk.references.add(module)
    walk.scope = walk.scope.with_import(directive)
    if walk.module is not None:
        walk.module.imports.append(directive)


def _functions(node: Node | None, scope: Scope) -> tuple[str, ...] | None:
    """`[spawn: 1]` as `("spawn/1",)`; None when there is no list of names (`only: :macros`)."""
    if node is None:
        return None
    term = read_term(node, scope)
    if term.kind != "list":
        return None
    return tuple(f"{name.value}/{arity.value}" for name, arity in term.pairs)


def _use(walk: Walk, node: Node) -> None:
    use = read_use(node, walk.scope)
    if use is not None and walk.module is not None:
        walk.references.add(use.module)
        walk.module.uses.append(use)


def read_use(node: Node, scope: Scope) -> Use | None:
    arguments = syntax.arguments(node)
    module = module_name(arguments[0], scope) if arguments else ""
    if not module:
        return None
    options = read_term(arguments[1], scope) if len(arguments) > 1 else None
    return Use(module, options, Span.of(node))


_OF_TIMES = frozenset(
    {("operator", "*"), ("call", ":timer.seconds"), ("call", ":timer.minutes"), ("call", ":timer.hours")}
)


def attribute(walk: Walk, node: Node) -> None:
    """What stands behind `@`: a definition on the module's level, else a use of the attribute."""
    arguments = syntax.arguments(node)
    module = walk.module
    if not arguments or module is None or walk.clause is not module.body:
        for argument in arguments:
            walk.visit(argument, "argument")
        return
    name = syntax.local_name(node)
    if name == "impl":
        module.impl_next = True
    elif name == "behaviour":
        module.behaviours.append(module_name(arguments[0], walk.scope))
    elif name not in _DOCUMENTATION:
        value = read_term(arguments[0], walk.scope)
        module.attributes.append(Attribute(name, value, Span.of(node)))
        walk.scope = walk.scope.with_attribute(name, value if _constant(value) else Term("attribute", name))
        walk.visit(arguments[0], "stored")


_DOCUMENTATION = frozenset({"moduledoc", "doc", "typedoc", "type", "typep", "opaque", "spec", "callback"})


def _constant(term: Term) -> bool:
    """A literal, or a time like `:timer.seconds(10)` and `5 * 60_000`."""
    return all(
        part.kind in ("atom", "int", "float", "string", "module", "tuple", "list", "map", "pair")
        or (part.kind, part.value) in _OF_TIMES
        for part in term.walk()
    )


FORMS: dict[str, Callable[[Walk, Node], None]] = {
    **dict.fromkeys(syntax.MODULE_DEFINITIONS, _module),
    **dict.fromkeys(syntax.DEFINITIONS, _function),
    "alias": _alias,
    "require": _require,
    "import": _import,
    "use": _use,
}
