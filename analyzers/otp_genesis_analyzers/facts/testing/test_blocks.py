"""Tests and their setups: which blocks run as a test, whether beside others, and what follows what in one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import structs
from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.model import Call, Clause, Closure, FileFacts, Function, Module, Use
from otp_genesis_analyzers.source import Source, Span

_CAPTURES = ("capture_log", "capture_io", "with_log", "with_io")
_HELPER_WORDS = ("Helper", "Util", "Support", "Case")
_NEGATED = frozenset({"refute", "refute_receive", "refute_received"})


class TestBlock(NamedTuple):
    """One `test`, `setup` or `setup_all` block, or one clause of a function of the same module."""

    module: Module
    function: Function
    clause: Clause

    @property
    def is_test(self) -> bool:
        """A block of ExUnit, and no function."""
        return self.function.kind == "test"

    @property
    def is_setup(self) -> bool:
        return self.is_test and self.function.name.split(" ", 1)[0] in ("setup", "setup_all")

    def site(self, call: Call) -> Site:
        return Site(self.module, self.function, self.clause, call)


def is_test_case(module: Module) -> bool:
    """Holds tests or setups, by whatever case template."""
    return any(function.kind == "test" for function in module.functions) or any(
        use.module == "ExUnit.Case" for use in module.uses
    )


def is_test_helper(module: Module) -> bool:
    """Holds what several test cases use, by its name or as a case template; and is no process of its own."""
    last_part = module.name.rpartition(".")[2]
    is_named_so = any(word in last_part for word in _HELPER_WORDS)
    return is_named_so and all(use.module.startswith("ExUnit.") for use in module.uses)


def async_use(module: Module) -> Use | None:
    """The `use` that lets a module's tests run beside those of others; the last with `async:` decides."""
    for use in reversed(module.uses):
        wanted = use.options.get("async") if use.options is not None else None
        if wanted is not None:
            return use if wanted.is_atom("true") else None
    return None


def test_blocks(module: Module) -> Iterator[TestBlock]:
    """The tests and setups of a module, in their order."""
    for function in module.functions:
        if function.kind == "test":
            for clause in function.clauses:
                yield TestBlock(module, function, clause)


def blocks_and_functions(module: Module) -> Iterator[TestBlock]:
    """The tests, setups and functions of a test case; what its macros do is left out."""
    for function in module.functions:
        if function.kind in ("test", "def", "defp"):
            for clause in function.clauses:
                yield TestBlock(module, function, clause)


def one_line_tests(module: Module) -> Iterator[TestBlock]:
    """`test "adds", do: ...` on the module's level: each as a block with the calls that are part of it."""
    for function in module.functions:
        if function.kind == "body":
            body = function.clauses[0]
            for call in body.calls:
                if not call.module and call.name in ("test", "setup", "setup_all"):
                    inside = tuple(c for c in body.calls if c is not call and call.span.contains(c.span))
                    clause = structs.replace(body, span=call.span, body=None, calls=inside)
                    yield TestBlock(module, function, clause)


def test_call_at(facts: FileFacts, head: Span) -> Site | None:
    """The call of a test, a setup or a function of a test case whose head is at `head`."""
    for module in facts.modules:
        if module.span.contains(head):
            for block in blocks_and_functions(module):
                for call in block.clause.calls:
                    if call.head == head:
                        return block.site(call)
    return None


def statements(source: Source, clause: Clause) -> list[Node]:
    """The statements of a block, in order; those of its `rescue` and `after` parts are left out."""
    if clause.body is None:
        return []
    body = source.node_at(clause.body)
    return syntax.sections(body)[0] if body.type == "do_block" else [body]


def statement_of(source: Source, clause: Clause, call: Call) -> Node | None:
    """The statement of the block that is the call, or a match or assertion of its whole value."""
    return next((node for node in statements(source, clause) if _holds(node, call.span)), None)


def following(source: Source, clause: Clause, call: Call) -> list[Node]:
    """The statements that run after the statement that `call` is alone, or whose whole right side it is.

    Inside `try` and `with_mock ... do` those of its body come first. Inside `capture_log(fn -> ... end)` and
    its kin, those of the `fn` come first, then the statement with the capture itself. The statements behind
    it are last. Empty where the call is no statement of the block.
    """
    if call.closure < 0:
        return _behind_in_body(statements(source, clause), call.span)
    closure = clause.closures[call.closure]
    if closure.parent >= 0 or not is_capture(closure):
        return []
    inner = _statements_of_fn(source.node_at(closure.span))
    if not any(_holds(node, call.span) for node in inner):
        return []
    outer = statements(source, clause)
    around = [index for index, node in enumerate(outer) if _covers(node, closure.span)]
    return [*_behind(inner, call.span), *outer[around[0] :]] if around else []


def following_in_task(source: Source, block: TestBlock, call: Call) -> list[Node]:
    """The statements behind the one that is the call, in the `fn` of `Task.async(fn -> ... end)`."""
    closure = block.clause.closures[call.closure] if call.closure >= 0 else None
    if closure is None or closure.receiver.partition("/")[0] != "Task.async":
        return []
    return _behind(_statements_of_fn(source.node_at(closure.span)), call.span)


def ends_capture(source: Source, block: TestBlock, call: Call) -> bool:
    """The call is the last of several statements in `capture_log(fn -> ... end)` or its kin."""
    closure = block.clause.closures[call.closure] if call.closure >= 0 else None
    if closure is None or closure.parent >= 0 or not is_capture(closure):
        return False
    inner = _statements_of_fn(source.node_at(closure.span))
    return len(inner) > 1 and _holds(inner[-1], call.span)


def is_refuted_next(source: Source, clause: Clause, call: Call) -> bool:
    """The next statement of the block, and not of a closure, is `refute_received ...`."""
    behind = following(source, clause, call) if call.closure < 0 else []
    return bool(behind) and syntax.local_name(behind[0]) == "refute_received"


def is_capture(closure: Closure) -> bool:
    """A closure that runs at once in the test, for what it prints or logs."""
    return closure.receiver.rpartition(".")[2].partition("/")[0] in _CAPTURES


def asserts(node: Node) -> bool:
    """`assert ...` or any other macro named so, with whatever it asserts."""
    return syntax.local_name(node).startswith("assert")


def refutes(node: Node) -> bool:
    return syntax.local_name(node) in _NEGATED


def describe_of(source: Source, clause: Clause) -> str:
    """The words of the `describe` around a test; empty without one."""
    node = source.node_at(clause.span).parent
    while node is not None:
        if syntax.local_name(node) == "describe":
            words = syntax.arguments(node)
            return syntax.text(words[0]).strip('"') if words else ""
        node = node.parent
    return ""


def _behind(nodes: list[Node], span: Span) -> list[Node]:
    """The statements behind the one that is the call."""
    for index, node in enumerate(nodes):
        if _holds(node, span):
            return nodes[index + 1 :]
    return []


def _behind_in_body(nodes: list[Node], span: Span) -> list[Node]:
    """The same, also behind a statement in the body of a `try`, or of a macro as `with_mock`."""
    for index, node in enumerate(nodes):
        if _holds(node, span):
            return nodes[index + 1 :]
        block = syntax.do_block(node) if _covers(node, span) and _is_run_through(node) else None
        inner = _behind_in_body(syntax.sections(block)[0], span) if block is not None else []
        if inner:
            return [*inner, *nodes[index + 1 :]]
    return []


def _is_run_through(node: Node) -> bool:
    """What stands in its `do` runs once, from the first statement to the last."""
    name = syntax.local_name(node)
    return name == "try" or name.startswith("with_")


def _holds(statement: Node, span: Span) -> bool:
    """The statement is the call, `x |> call`, `pattern = call` or `assert pattern = call`."""
    node: Node | None = statement
    while node is not None:
        if Span.of(node) == span:
            return True
        if node.type == "binary_operator" and syntax.operator(node) in ("=", "|>"):
            node = syntax.right(node)
        elif asserts(node):
            node = next(iter(syntax.arguments(node)), None)
        else:
            return False
    return False


def _covers(statement: Node, span: Span) -> bool:
    return statement.start_byte <= span.start and span.end <= statement.end_byte


def _statements_of_fn(node: Node) -> list[Node]:
    clauses = [child for child in syntax.children(node) if child.type == "stab_clause"]
    return syntax.stab_parts(clauses[0])[2] if len(clauses) == 1 else []
