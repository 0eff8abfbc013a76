"""What a test sleeps for, by what it does next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.testing.test_blocks import (
    TestBlock,
    asserts,
    describe_of,
    following,
    refutes,
    span_of,
)
from otp_genesis_analyzers.source import Source

Purpose = Literal["state", "progress", "time", "silence"]
"""State: the next statement asserts on it. Progress: something else comes before the assertion.
Time: it has to pass, for its own sake. Silence: nothing should happen."""

_NOTHING = frozenset({"[]", "%{}", "0", "nil", "false", '""'})
_NEXT_SECOND_MS = range(1001, 1101)
"""So long sleeps who wants a timestamp in whole seconds to differ."""

_TIME_KEYS = ("ttl", "expir", "window", "interval", "timeout", "cooldown", "debounc", "refill", "max_age")
"""Parts of names whose number says how long something lasts."""
_TIME_WORDS = (
    *("ttl", "expir", "timeout", "time out", "timed out", "window", "throttl", "rate limit", "rate_limit"),
    *("interval", "debounc", "cooldown", "stale", "elapsed", "duration", "uptime", "refill", "idle"),
)
"""Parts of the names of tests that time itself is the subject of."""

_WAITING_ASSERTIONS = frozenset(
    {"assert_receive", "assert_push", "assert_reply", "assert_broadcast", "assert_redirect", "assert_patch"}
)
_ACTING = frozenset(
    {"start", "stop", "create", "insert", "update", "delete", "put", "add", "push", "send", "register", "run"}
    | {"remove", "cancel", "kill", "close", "perform", "execute", "enqueue", "connect", "restart"}
    | {"reset", "acquire", "release", "checkout", "checkin", "cast", "emit", "publish", "post", "patch"}
    | {"unregister"}
)
_READING = frozenset(
    {"get", "fetch", "list", "count", "lookup", "find", "read", "reload", "all", "one", "state", "info"}
    | {"status", "stats", "exists", "whereis", "which", "tab2list", "size", "metrics", "member"}
    | {"aggregate", "preload", "check", "summary", "value", "current", "history"}
)


def purpose_of_sleep(source: Source, block: TestBlock, sleep: Call, slept_ms: int) -> Purpose | None:
    """None where the sleep is no statement of the block, or nothing is asserted behind it."""
    behind = [
        node
        for node in following(source, block.clause, sleep)
        if not _is_sleep(node) and (asserts(node) or not span_of(node).contains(sleep.span))
    ]
    if not behind or not _asserted_later(block, sleep):
        return None
    if refutes(behind[0]) or _is_still_alive(behind[0]):
        return "silence"
    if _about_time(source, block, slept_ms):
        return "time"
    looks = _looks_at_state(behind[0])
    if looks or (_reads(behind[0]) and len(behind) > 1 and asserts(behind[1])):
        return "state"
    return "progress"


def _is_sleep(node: Node) -> bool:
    target = syntax.call_target(node) if node.type == "call" else None
    return target is not None and syntax.text(target) in ("Process.sleep", ":timer.sleep")


def _asserted_later(block: TestBlock, sleep: Call) -> bool:
    return any(
        (call.head.start > sleep.span.end and call.name.startswith(("assert", "refute")))
        or (call.span.contains(sleep.span) and call.name.startswith("assert"))
        for call in block.clause.calls
    )


def _looks_at_state(node: Node) -> bool:
    """`assert` of something that is there by now; neither of what a further action gives nor of nothing."""
    if not asserts(node) or syntax.local_name(node) in _WAITING_ASSERTIONS | {"assert_raise"}:
        return False
    asserted = next(iter(syntax.arguments(node)), None)
    if asserted is None or _is_of_nothing(asserted):
        return False
    if asserted.type == "binary_operator" and syntax.operator(asserted) == "=":
        value = syntax.right(asserted)
        return value is not None and (value.type == "identifier" or _called(value) in _READING)
    return _called(asserted) not in _ACTING


def _is_of_nothing(asserted: Node) -> bool:
    """`[] = x`, `x == 0`, `is_nil(x)`, `not x`: true before anything has happened, and perhaps after."""
    if asserted.type == "unary_operator":
        return syntax.operator(asserted) in ("not", "!")
    if asserted.type == "binary_operator":
        sides = (syntax.left(asserted), syntax.right(asserted))
        return any(side is not None and syntax.text(side) in _NOTHING for side in sides)
    return syntax.local_name(asserted) == "is_nil"


def _is_still_alive(node: Node) -> bool:
    asserted = next(iter(syntax.arguments(node)), None) if asserts(node) else None
    target = syntax.call_target(asserted) if asserted is not None and asserted.type == "call" else None
    return target is not None and syntax.text(target) == "Process.alive?"


def _reads(node: Node) -> bool:
    """`user = Repo.get(User, id)`: binds what is there, to be asserted on."""
    return node.type == "binary_operator" and syntax.operator(node) == "=" and _called(node) in _READING


def _called(node: Node | None) -> str:
    """The first word of the function that an expression calls last: `start` of `x = Log.start_state(y)`."""
    if node is None:
        return ""
    if node.type == "binary_operator":
        return _called(syntax.right(node) if syntax.operator(node) in ("=", "|>") else syntax.left(node))
    target = syntax.call_target(node) if node.type == "call" else None
    if target is not None and target.type == "dot":
        target = syntax.right(target)
    return syntax.text(target).rstrip("!?").split("_", 1)[0] if target is not None else ""


def _about_time(source: Source, block: TestBlock, slept_ms: int) -> bool:
    if slept_ms in _NEXT_SECOND_MS:
        return True
    about = f"{describe_of(source, block.clause)} {block.function.name}".lower()
    if any(word in about for word in _TIME_WORDS):
        return True
    body = block.clause.body
    return body is not None and any(
        any(word in key.lower() for word in _TIME_KEYS) and value <= slept_ms
        for key, value in _named_numbers(source.node_at(body))
    )


def _named_numbers(node: Node) -> Iterator[tuple[str, int]]:
    """`ttl: 50` and `interval = 20`."""
    name: Node | None = None
    value: Node | None = None
    if node.type == "pair":
        name, value = node.child_by_field_name("key"), node.child_by_field_name("value")
    elif node.type == "binary_operator" and syntax.operator(node) == "=":
        name, value = syntax.left(node), syntax.right(node)
    if name is not None and value is not None and value.type == "integer":
        digits = syntax.text(value).replace("_", "")
        if digits.isdigit():
            yield syntax.keyword_name(name), int(digits)
    for child in node.named_children:
        yield from _named_numbers(child)
