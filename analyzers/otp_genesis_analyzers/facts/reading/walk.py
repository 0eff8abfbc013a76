"""The one walk over a tree that gives a file's facts.

It goes down once, with the scope, the process, the branch and the fate of each value kept on
the way: asking a node for its parent would search from the root each time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Closure, FileFacts, Module, Result, Runs
from otp_genesis_analyzers.facts.reading import call_sites, definitions
from otp_genesis_analyzers.facts.reading.builders import ClauseBuilder, ModuleBuilder
from otp_genesis_analyzers.facts.reading.process_boundaries import combined
from otp_genesis_analyzers.facts.reading.quoted import defined_by
from otp_genesis_analyzers.facts.reading.read_terms import module_name, read_term
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_analyzers.suppressions import suppressions_in
from otp_genesis_analyzers.terms import Term


def read_facts(source: Source, hits: Sequence[int] | None = None) -> FileFacts:
    """The facts of one file. Broken code gives the facts of its healthy part; nothing is raised.

    With `hits`, sorted byte offsets, only the bodies of definitions that hold one are read, and
    of those that are connected to them by calls; the others keep their heads.
    """
    walk = Walk(source, None if source.broken else hits)
    walk.sequence(_statements(source.root), "discarded", None)
    return FileFacts(
        path=source.path,
        modules=tuple(sorted(walk.modules, key=lambda module: module.span)),
        suppressions=suppressions_in(source),
        broken=walk.broken,
        references=tuple(sorted(walk.references)),
        mentions=tuple(sorted(walk.mentions)),
        whole=walk.whole,
    )


def unread_facts(source: Source) -> FileFacts:
    """What is said of a file that is not worth parsing: which modules it seems to define."""
    names = tuple(name.decode() for name in _MODULE_NAMES.findall(source.content))
    return FileFacts(path=source.path, modules=(), suppressions=(), broken=False, unread=names)


_MODULE_NAMES = re.compile(rb"defmodule +([A-Z][\w.]*)")


def _statements(root: Node) -> list[Node]:
    if root.type == "ERROR":
        return [root]
    return syntax.children(root)


class _Within:
    """`with` this, the walk is somewhere inside; behind it, it is where it was."""

    __slots__ = ("_outer", "_walk")

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._outer = (
            walk.clause,
            walk.scope,
            walk.closure,
            walk.runs,
            walk.branches,
            walk.guarded_by_rescue,
        )

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        walk = self._walk
        (
            walk.clause,
            walk.scope,
            walk.closure,
            walk.runs,
            walk.branches,
            walk.guarded_by_rescue,
        ) = self._outer


class Walk:
    """Where the walk is. The handlers of calls and special forms work on this."""

    def __init__(self, source: Source, hits: Sequence[int] | None) -> None:
        self.source = source
        self._hits = hits
        self.broken = source.broken
        self.trusted_until = len(source.content) if source.first_error is None else source.first_error
        self.whole = True
        self.modules: list[Module] = []
        self.references: set[str] = set()
        self.mentions: set[str] = set()
        self.scope = Scope()
        self.open_modules: list[ModuleBuilder] = []
        self.clause = definitions.body_of_file()
        self.closure: int = -1
        self.runs: Runs = "here"
        self.branches: tuple[int, ...] = ()
        self.guarded_by_rescue = False
        self._depth = 0

    @property
    def module(self) -> ModuleBuilder | None:
        return self.open_modules[-1] if self.open_modules else None

    def can_matter(self, span: Span) -> bool:
        """Whether a definition holds a hit, or everything is to be read."""
        return self._hits is None or definitions.holds_offset(self._hits, span)

    def name(self, node: Node) -> str:
        """`syntax.name`, for which a slice of the text takes a fourth of the time that the node takes."""
        written = self.source.content[node.start_byte : node.end_byte]
        return syntax.written_name(written.decode("utf-8", "replace"))

    # -- the way down -----------------------------------------------------------------

    def visit(self, node: Node, result: Result, bound_to: Term | None = None) -> None:
        """Visit an expression whose value has the given fate."""
        handler = _HANDLERS.get(node.type, _parts)
        if handler is None or self._depth >= syntax.MAX_DEPTH:
            return
        self._depth += 1
        handler(self, node, result, bound_to)
        self._depth -= 1

    def sequence(self, nodes: list[Node], result: Result, bound_to: Term | None) -> None:
        """Statements one after another: the value of the last is the value of all."""
        if not nodes:
            return
        scope = self.scope
        before = None
        for node in nodes[:-1]:
            self._statement(node, before, "discarded", None)
            before = node
        self._statement(nodes[-1], before, result, bound_to)
        self.scope = scope

    def _statement(self, node: Node, before: Node | None, result: Result, bound_to: Term | None) -> None:
        if self.broken and node.type == "ERROR":
            self._error(node, before)
        else:
            self.visit(node, result, bound_to)

    def _error(self, node: Node, before: Node | None) -> None:
        """The inside of an error node; `defmodule X` left without its block opens one."""
        opened = before is not None and syntax.local_name(before) in syntax.MODULE_DEFINITIONS
        if opened and before is not None and syntax.do_block(before) is None:
            definitions.torn_module(self, before, node)
        else:
            self.sequence(syntax.children(node), "discarded", None)

    def branch(self, node: Node | None) -> _Within:
        """A part that runs only in some cases, with a lexical scope of its own."""
        within = _Within(self)
        if node is not None:
            self.branches = (*self.branches, node.start_byte)
        return within

    def rescued(self, rescued: bool) -> _Within:
        within = _Within(self)
        self.guarded_by_rescue = self.guarded_by_rescue or rescued
        return within

    def definition(self, clause: ClauseBuilder, scope: Scope) -> _Within:
        """Everything inside belongs to `clause`, which starts in the process that calls it."""
        within = _Within(self)
        self.clause, self.scope = clause, scope
        self.closure, self.runs, self.branches, self.guarded_by_rescue = -1, "here", (), False
        return within

    def handed_over(self, runs: Runs) -> _Within:
        """What is recorded inside runs where the receiver of a function runs it."""
        within = _Within(self)
        self.runs = combined(self.runs, runs)
        return within

    def _inside_closure(self, node: Node, runs: Runs, receiver: str) -> _Within:
        within = _Within(self)
        params = ()
        first = next((child for child in node.named_children if child.type == "stab_clause"), None)
        if first is not None:
            params = tuple(read_term(pattern, self.scope) for pattern in syntax.stab_parts(first)[0])
        self.runs = combined(self.runs, runs)
        self.clause.closures.append(Closure(Span.of(node), self.runs, receiver, self.closure, params))
        self.closure = len(self.clause.closures) - 1
        self.guarded_by_rescue = False
        return within

    def function_value(self, node: Node, runs: Runs, receiver: str) -> bool:
        """Visit a `fn` or `&(...)` that `receiver` is handed; false when `node` is neither."""
        if node.type == "anonymous_function":
            with self._inside_closure(node, runs, receiver):
                for clause in syntax.children(node):
                    self._fn_clause(clause)
            return True
        if node.type == "unary_operator" and syntax.operator(node) == "&":
            if syntax.captured_function(node) is not None:
                call_sites.capture(self, node, runs)
                return True
            inner = syntax.operand(node)
            if inner is not None and inner.type != "integer":
                with self._inside_closure(node, runs, receiver):
                    self.visit(inner, "yielded")
            return True
        return False

    def _fn_clause(self, clause: Node) -> None:
        if clause.type != "stab_clause":
            self.visit(clause, "yielded")
            return
        scope = self.scope
        _, guard, body = syntax.stab_parts(clause)
        if guard is not None:
            self.visit(guard, "tested")
        self.sequence(body, "yielded", None)
        self.scope = scope

    def generator(self, node: Node) -> None:
        """One argument of `with` or `for`: the right side of `<-` is matched, other values are dropped."""
        if node.type == "binary_operator" and syntax.operator(node) == "<-":
            source = syntax.right(node)
            if source is not None:
                self.visit(source, "subject")
            return
        self.visit(node, "discarded")

    def injected_use(self, node: Node) -> None:
        use = definitions.read_use(node, self.scope)
        if use is not None and self.module is not None:
            self.module.injects.append((self.clause.name, use))

    def quoted_statement(self, node: Node) -> None:
        """One statement of what `use` of the module adds to another."""
        if self.module is not None and self.clause.name == "__using__":
            defined = defined_by(node)
            if defined:
                self.module.quoted.append(defined)


def _parts(walk: Walk, node: Node, _result: Result, _: Term | None) -> None:
    fate: Result = "stored" if node.type in _BUILT else "argument"
    for child in node.named_children:
        walk.visit(child, fate)


_BUILT = frozenset({"tuple", "list", "map", "map_content", "keywords", "pair", "struct", "bitstring"})


def _alias(walk: Walk, node: Node, _result: Result, _: Term | None) -> None:
    name = module_name(node, walk.scope)
    walk.references.add(name)
    walk.mentions.add(name)


def _struct(walk: Walk, node: Node, _result: Result, _: Term | None) -> None:
    walk.references.update(module_name(name, walk.scope) for name in syntax.children(node))


def _fn(walk: Walk, node: Node, _result: Result, _: Term | None) -> None:
    walk.function_value(node, "unknown", "")


def _block(walk: Walk, node: Node, result: Result, bound_to: Term | None) -> None:
    walk.sequence(syntax.children(node), result, bound_to)


def _error(walk: Walk, node: Node, _result: Result, _: Term | None) -> None:
    walk.sequence(syntax.children(node), "discarded", None)


def _unary(walk: Walk, node: Node, _result: Result, _: Term | None) -> None:
    if walk.function_value(node, "unknown", ""):
        return
    inner = syntax.operand(node)
    if inner is None:
        return
    if syntax.operator(node) == "@":
        definitions.attribute(walk, inner)
    else:
        walk.visit(inner, "tested" if syntax.operator(node) in ("!", "not") else "argument")


def _binary(walk: Walk, node: Node, result: Result, bound_to: Term | None) -> None:
    before, name, after = syntax.operation(node)
    if before is None or after is None:
        return
    if name == "|>":
        call_sites.pipe(walk, before, after, result, bound_to)
    elif name == "=":
        if before.type == "identifier":
            walk.clause.bindings.setdefault(syntax.text(before), []).append(after)
        walk.visit(after, "bound", read_term(before, walk.scope))
    elif name in ("&&", "||", "and", "or"):
        walk.visit(before, "tested")
        with walk.branch(after):
            walk.visit(after, result, bound_to)
    else:
        walk.visit(before, "stored" if name == "|" else "argument")
        walk.visit(after, "stored" if name == "|" else "argument")


def _call(walk: Walk, node: Node, result: Result, bound_to: Term | None) -> None:
    call_sites.call(walk, node, result, bound_to, piped=None)


_Handler = Callable[[Walk, Node, Result, Term | None], None]

_LEAVES = (
    "identifier",
    "atom",
    "integer",
    "float",
    "boolean",
    "nil",
    "char",
    "keyword",
    "comment",
    "quoted_content",
    "escape_sequence",
    "sigil_name",
)

_HANDLERS: dict[str, _Handler | None] = {
    **dict.fromkeys(_LEAVES),
    "call": _call,
    "binary_operator": _binary,
    "unary_operator": _unary,
    "anonymous_function": _fn,
    "block": _block,
    "body": _block,
    "alias": _alias,
    "struct": _struct,
    "ERROR": _error,
}
