"""An `init/1` that sends itself a message, and what it takes to go on with `{:continue, message}`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.clause_results import results, statements
from otp_genesis_analyzers.facts.messages.self_sends import SelfSend, self_sends
from otp_genesis_analyzers.facts.messages.shapes import (
    Taken,
    has_shape_of,
    may_match,
    sent,
    taken,
    unwrapped,
)
from otp_genesis_analyzers.facts.model import Clause, Module
from otp_genesis_analyzers.facts.processes.registered_names import is_self
from otp_genesis_analyzers.facts.state.server_returns import tag_of
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_HANDLERS = frozenset({"handle_info/2", "handle_cast/2"})
_CONTAINERS = frozenset({"tuple", "list", "pair", "map"})
_CONSTANTS = frozenset({"atom", "int", "float", "string", "module", "attribute", "variable"})


class ContinuedInit(NamedTuple):
    """`sends` are the statements that send the message, `returned` the tuples `{:ok, state}` behind them.

    `taken` is the clause that takes the message. `alone` says that nothing else in the module sends it
    one or calls it, so that it can become a clause of `handle_continue/2`; `plain` that it
    gives `{:noreply, ...}` and nothing else.
    """

    sends: tuple[Node, ...]
    returned: tuple[Node, ...]
    taken: Taken
    alone: bool
    plain: bool


def continued_init(source: Source, module: Module, message: Term) -> ContinuedInit | str:
    """The shape of a server's start; where it has another, the reason in words."""
    in_init = [send for send in self_sends(module) if send.site.function.id == "init/1"]
    sends = [send for send in in_init if send.message == message]
    if not sends:
        return "the message is sent by a function that `init/1` calls"
    clauses = {send.site.clause.span for send in sends}
    if len(clauses) < sum(send.site.clause.span in clauses and send.at_once for send in in_init):
        return "`init/1` sends itself several messages, and can go on to one only"
    found: list[Node] = []
    returned: list[Node] = []
    for send in sends:
        shape = _shape_of(source, send)
        if isinstance(shape, str):
            return shape
        found.append(shape[0])
        returned += shape[1]
    fitting = (t for t in taken(module) if t.way == sends[0].way and may_match(t.pattern, message))
    handler = next(fitting, None)
    if handler is None or handler.function.id not in _HANDLERS or message.tag is None:
        return "no clause can be seen to take the message"
    if any(take.way == "continue" and may_match(take.pattern, message) for take in taken(module)):
        return "a clause of `handle_continue/2` takes such a message already"
    alone = _is_alone(module, handler, sends)
    return ContinuedInit(tuple(found), tuple(returned), handler, alone, _is_plain(source, handler.clause))


def _shape_of(source: Source, send: SelfSend) -> tuple[Node, list[Node]] | str:
    """The statement that sends the message, and the tuples that its clause of `init/1` gives."""
    statement, ends = _statement(source, send), _ends(source, send.site.clause)
    if statement is None or not send.at_once:
        return "the message is not always sent: the call is no statement of its own in `init/1`"
    if isinstance(ends, str):
        return ends
    if _is_left_over(source, send):
        return "the variable that holds `self()` is there for the message alone: send it to `self()` first"
    if not _is_same_at_the_end(send, statement):
        return "the message is made of what may have another value at the end of `init/1`"
    return statement, ends


def _statement(source: Source, send: SelfSend) -> Node | None:
    """The statement on the top level of its clause that the send is, with what is piped into it."""
    call = send.site.call
    top = statements(source, send.site.clause) if call.form == "call" else []
    if len(top) == 1 and top[0].type == "block":
        top = syntax.children(top[0])
    for statement in top[:-1]:
        starts = call.span.start if not call.piped else statement.start_byte
        if (statement.start_byte, statement.end_byte) == (starts, call.span.end):
            return statement
    return None


def _is_left_over(source: Source, send: SelfSend) -> bool:
    """The addressee is a variable that is bound and used for nothing else: without the send it is unused."""
    addressee = send.site.call.args[0]
    if addressee.kind != "variable" or send.site.clause.body is None:
        return False
    body = source.node_at(send.site.clause.body)
    uses = sum(
        node.type == "identifier" and syntax.text(node) == addressee.value for node in syntax.below(body)
    )
    return uses <= 2


def _ends(source: Source, clause: Clause) -> list[Node] | str:
    """The tuples `{:ok, state}` that a clause gives; those by which it does not start are left out."""
    block = syntax.do_block(source.node_at(clause.span))
    if block is not None and syntax.sections(block)[1]:
        return "`init/1` rescues errors of its own"
    found: list[Node] = []
    for node in results(source, clause):
        if syntax.text(node) == ":ignore" or tag_of(node) in ("stop", "error"):
            continue
        if node.type != "tuple" or tag_of(node) != "ok" or len(syntax.children(node)) != 2:
            return "`init/1` gives more than `{:ok, state}`"
        found.append(node)
    return found or "`init/1` gives no `{:ok, state}` itself"


def _is_same_at_the_end(send: SelfSend, statement: Node) -> bool:
    """The message is made of constants, and of variables that are not bound anew behind the send."""
    if not all(part.kind in _CONSTANTS or is_self(part) for part in _parts(send.message)):
        return False
    names = {part.value for part in _parts(send.message) if part.kind == "variable"}
    rest = statement.next_named_sibling
    while names and rest is not None:
        if any(syntax.text(name) in names for name in _bound_in(rest)):
            return False
        rest = rest.next_named_sibling
    return True


def _parts(message: Term) -> Iterator[Term]:
    """What a message is made of, its tuples, lists and maps taken apart."""
    if message.kind not in _CONTAINERS:
        yield message
        return
    for item in message.items:
        yield from _parts(item)


def _bound_in(statement: Node) -> Iterator[Node]:
    for node in syntax.below(statement):
        patterns: list[Node | None] = []
        if node.type == "stab_clause":
            patterns = [*syntax.stab_parts(node)[0]]
        elif node.type == "binary_operator" and syntax.operator(node) in ("=", "<-"):
            patterns = [syntax.left(node)]
        for pattern in patterns:
            if pattern is not None:
                yield from (inner for inner in syntax.below(pattern) if inner.type == "identifier")


def _is_alone(module: Module, handler: Taken, sends: list[SelfSend]) -> bool:
    pattern = unwrapped(handler.pattern)
    if pattern.tag is None or handler.clause.guard is not None:
        return False
    if any(_is_call_of(handler, name, arity) for name, arity in _local_calls(module)):
        return False
    others = (take.pattern for take in taken(module) if take.way == handler.way and take != handler)
    if any(has_shape_of(other, pattern) for other in others):
        return False
    own = {send.site.call.head for send in sends}
    return not any(
        other.way == handler.way
        and other.site.call.head not in own
        and (other.message.tag is not None or is_self(other.server))
        and may_match(pattern, other.message)
        for other in sent(module)
    )


def _is_call_of(handler: Taken, name: str, arity: int) -> bool:
    return (name, arity) == (handler.function.name, handler.function.arity)


def _local_calls(module: Module) -> Iterator[tuple[str, int]]:
    for function in module.functions:
        for clause in function.clauses:
            yield from ((call.name, call.arity) for call in clause.calls if call.module in ("", module.name))


def _is_plain(source: Source, clause: Clause) -> bool:
    given = list(results(source, clause))
    return bool(given) and all(node.type == "tuple" and tag_of(node) == "noreply" for node in given)
