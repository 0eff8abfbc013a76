"""What a test sleeps for, by what it does next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.testing.kept_values import gave_the_same, wants_same
from otp_genesis_analyzers.facts.testing.sleeps import is_sleep, slept_milliseconds
from otp_genesis_analyzers.facts.testing.test_blocks import (
    TestBlock,
    asserts,
    describe_of,
    ends_capture,
    following,
    following_in_task,
    refutes,
    statement_of,
    statements,
)
from otp_genesis_analyzers.source import Source, Span

Purpose = Literal[
    "state", "progress", "time", "silence", "start", "end", "capture", "task", "helper", "match"
]
"""State: the next statement asserts on it. Progress: something else comes before the assertion.
Time: it has to pass, for its own sake. Silence: nothing should happen. Start: a setup lets what it has
started get ready. End: nothing comes behind it in the test. Capture: nothing comes behind it in what is
captured. Task: the test goes on in a task, and asserts there. Helper: a function sleeps for tests.
Match: a pattern behind it takes what has to be there by then, and nothing is asserted."""

_NOTHING = frozenset({"[]", "%{}", "0", "nil", "false", '""', "{:error, :timeout}"})
_NEXT_SECOND_MS = range(1001, 1101)
"""So long sleeps who wants a timestamp in whole seconds to differ."""

_SECOND_MS = 1000
_STORING = frozenset({"insert", "create", "fixture", "build", "add", "put", "update"})
"""Words in the names of functions that store something with the time of now."""
_TIME_KEYS = (
    *("ttl", "expir", "window", "interval", "timeout", "cooldown", "debounc", "refill", "max_age"),
    *("period", "tick", "idle", "delay", "_after"),
)
"""Parts of names whose number says how long something lasts."""
_EXPIRY_KEYS = ("ttl", "expir", "max_age")
"""Those that nobody gives without meaning the end of it."""
_TIME_WORDS = (
    *("ttl", "expir", "timeout", "time out", "timed out", "window", "throttl", "rate limit", "rate_limit"),
    *("interval", "debounc", "cooldown", "stale", "elapsed", "duration", "uptime", "refill", "idle"),
    *("timestamp", "modification time"),
)
"""Parts of the names of tests that time itself is the subject of."""
_COMMENT_WORDS = ("expire", "elapse", "interval", "timeout", "ttl", " window", " timer", " ms)", " ms after")
"""Parts of comments above a sleep that wants time to pass."""
_STILLNESS_WORDS = (
    *("does not ", "do not ", "is not ", "are not ", "will not ", "should not ", "must not ", "n't "),
    *("never ", "nothing ", "ignores ", "ignored ", "suppress", "unchanged ", "still "),
)
"""Parts of the names of tests that want to see that something stays as it is."""
_COMMENTED_STILLNESS = (
    *("should not ", "shouldn't ", "must not ", "mustn't ", "should remain ", "should stay ", "must remain "),
    *("unchanged", "remains "),
)
"""Parts of comments above an assertion that wants to see so."""
_NOT_STILLNESS = (
    *(
        "anymore",
        "any more",
        "any longer",
        "no longer",
        "no more",
        "not fail",
        "not crash",
        "not raise",
        "not error",
        "not block",
    ),
    *("n't fail", "n't crash", "n't raise", "n't error", "n't block"),
)
_CONDITIONS = (" when ", " if ", " unless ", " while ", " until ", " because ", " after ", " for ")
"""What comes behind them in the name of a test is not what it wants to see."""
_SHORTEST_KEYED_MS = 5
_SHORTEST_GIVEN_MS = 20
_CAPTURES = frozenset({"capture", "with"})
"""First words of `capture_log` and `with_log`."""

_WAITING_ASSERTIONS = frozenset(
    {"assert_receive", "assert_push", "assert_reply", "assert_broadcast", "assert_redirect", "assert_patch"}
)
_ACTING = frozenset(
    {"start", "stop", "create", "insert", "update", "delete", "put", "add", "push", "send", "register", "run"}
    | {"remove", "cancel", "kill", "close", "perform", "execute", "enqueue", "connect", "restart"}
    | {"write", "await", "wait"}
    | {"reset", "acquire", "release", "checkout", "checkin", "cast", "emit", "publish", "post", "patch"}
    | {"unregister"}
)
_READING = frozenset(
    {"get", "fetch", "list", "count", "lookup", "find", "read", "reload", "all", "one", "state", "info"}
    | {"status", "stats", "exists", "whereis", "which", "tab2list", "size", "metrics", "member"}
    | {"aggregate", "preload", "check", "summary", "value", "current", "history"}
)


def purpose_of_sleep(source: Source, block: TestBlock, sleep: Call, slept_ms: int) -> Purpose | None:
    """None where the sleep is no statement of the block, or nothing is asserted behind it in a test."""
    if block.is_test and any(
        asserts(node) or refutes(node) for node in following_in_task(source, block, sleep)
    ):
        return "task"
    if not _asserted_later(block, sleep):
        return _without_assertion(source, block, sleep)
    behind = [
        node
        for node in following(source, block.clause, sleep)
        if not _is_sleep(node) and not _asserts_type(node)
        if asserts(node) or not Span.of(node).contains(sleep.span)
    ]
    if not behind:
        return None
    if refutes(behind[0]) and _asks_whether_alive(behind[0]):
        return "progress"
    if refutes(behind[0]) or _is_still_alive(behind[0]):
        return "silence"
    if _about_time(source, block, sleep, slept_ms) or _is_longer_than_given(source, block, sleep):
        return "time"
    if _is_of_given_attribute(source, block, sleep):
        return "time"
    has_read = _reads(behind[0]) and len(behind) > 1
    looks = behind[1] if has_read else behind[0]
    if _is_still_alive(looks):
        return "silence"
    is_state = _asserts_something(looks) if has_read else _looks_at_state(looks)
    is_still = asserts(looks) and _is_about_stillness(source, block, looks, sleep)
    if not is_state or _captures_anew(looks, sleep):
        return "silence" if is_still and not _asserts_something(looks) else "progress"
    return "silence" if is_still else "state"


def acts_before(source: Source, block: TestBlock, sleep: Call) -> bool:
    """The sleep is a statement of the block, and the one before it starts, stops or changes something."""
    steps = statements(source, block.clause)
    step = statement_of(source, block.clause, sleep)
    if step is None or step not in steps[1:]:
        return False
    return _called(steps[steps.index(step) - 1]) in _ACTING


def _without_assertion(source: Source, block: TestBlock, sleep: Call) -> Purpose | None:
    if block.is_test and ends_capture(source, block, sleep):
        return "capture"
    in_helper = not block.is_test and block.function.kind == "defp"
    may_stand = sleep.closure < 0 and (block.is_test or in_helper)
    step = statement_of(source, block.clause, sleep) if may_stand else None
    if step is None:
        return None
    if in_helper:
        return "helper"
    if block.is_setup:
        return "start"
    behind = following(source, block.clause, sleep)
    if not behind:
        return "end"
    return "match" if any(map(_demands, behind)) else None


def _demands(node: Node) -> bool:
    """`{:ok, [_]} = Orders.list()`: fails the test where something else comes."""
    if node.type != "binary_operator" or syntax.operator(node) != "=":
        return False
    pattern, value = syntax.left(node), syntax.right(node)
    return pattern is not None and pattern.type != "identifier" and _called(value) not in _ACTING


def _asserts_type(node: Node) -> bool:
    """`assert is_pid(pid)`: of what was there before."""
    asserted = next(iter(syntax.arguments(node)), None) if asserts(node) else None
    if asserted is None or not syntax.local_name(asserted).startswith("is_") or _is_of_nothing(asserted):
        return False
    return all(argument.type == "identifier" for argument in syntax.arguments(asserted))


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
    if asserted is None or not _asserts_something(node):
        return False
    if asserted.type == "binary_operator" and syntax.operator(asserted) == "=":
        value = syntax.right(asserted)
        return value is not None and (value.type == "identifier" or _called(value) in _READING)
    return _called(asserted) not in _ACTING


def _asserts_something(node: Node) -> bool:
    asserted = next(iter(syntax.arguments(node)), None)
    return asserts(node) and asserted is not None and not _is_of_nothing(asserted)


def _captures_anew(node: Node, sleep: Call) -> bool:
    """`assert capture_log(fn -> ... end) =~ text`: what it asserts on happens behind the sleep."""
    asserted = next(iter(syntax.arguments(node)), None)
    return _called(asserted) in _CAPTURES and not Span.of(node).contains(sleep.span)


def _is_about_stillness(source: Source, block: TestBlock, looks: Node, sleep: Call) -> bool:
    """The name of the test says so, or what was there before the sleep is asserted to be there still."""
    comment = f"{_comment_above(looks)} {_comment_above_reading(looks)}".lower()
    if any(word in comment for word in _COMMENTED_STILLNESS):
        return True
    wanted = f"{block.function.name.removeprefix('test ')} ".lower()
    for condition in _CONDITIONS:
        wanted = f"{wanted.partition(condition)[0]} "
    says_so = wanted.startswith("no ") or any(word in wanted for word in _STILLNESS_WORDS)
    if says_so and not any(word in wanted for word in _NOT_STILLNESS):
        return True
    before = [node for node in statements(source, block.clause) if node.end_byte <= sleep.head.start]
    checks = [node for node in before if asserts(node) or refutes(node)]
    is_kept = syntax.local_name(looks) not in ("assert_received", "assert_receive")
    if (
        checks
        and is_kept
        and (syntax.text(checks[-1]) == syntax.text(looks) or wants_same(checks[-1], looks))
    ):
        return True
    return any(gave_the_same(node, looks) for node in before)


def _is_of_nothing(asserted: Node) -> bool:
    """`[] = x`, `x == 0`, `is_nil(x)`, `not x`: true before anything has happened, and perhaps after."""
    if asserted.type == "unary_operator":
        return syntax.operator(asserted) in ("not", "!")
    if asserted.type == "binary_operator" and syntax.operator(asserted) in ("=", "==", "==="):
        sides = (syntax.left(asserted), syntax.right(asserted))
        return any(side is not None and syntax.text(side) in _NOTHING for side in sides)
    if _called(asserted) == "match":
        pattern = next(iter(syntax.arguments(asserted)), None)
        return pattern is not None and syntax.text(pattern) in _NOTHING
    return syntax.local_name(asserted) == "is_nil"


def _is_still_alive(node: Node) -> bool:
    return asserts(node) and _asks_whether_alive(node)


def _asks_whether_alive(assertion: Node) -> bool:
    asserted = next(iter(syntax.arguments(assertion)), None)
    target = syntax.call_target(asserted) if asserted is not None and asserted.type == "call" else None
    return target is not None and syntax.text(target).endswith(".alive?")


def _reads(node: Node) -> bool:
    """`user = Repo.get(User, id)`: binds what is there, to be asserted on."""
    return node.type == "binary_operator" and syntax.operator(node) == "=" and _called(node) in _READING


def _called(node: Node | None) -> str:
    """The first word of the function that an expression calls last: `start` of `x = Log.start_state(y)`."""
    return _called_name(node).split("_", 1)[0]


def _called_name(node: Node | None) -> str:
    if node is None:
        return ""
    if node.type == "binary_operator":
        left, right = syntax.left(node), syntax.right(node)
        if syntax.operator(node) in ("=", "|>"):
            return _called_name(right)
        return _called_name(left) or _called_name(right)
    target = syntax.call_target(node) if node.type == "call" else None
    if target is not None and target.type == "dot":
        target = syntax.right(target)
    return syntax.text(target).rstrip("!?") if target is not None else ""


def _is_longer_than_given(source: Source, block: TestBlock, sleep: Call) -> bool:
    """The test sleeps, in all, a little longer than a number that it gave to a function before.

    Just as long, where that is a second or more: smaller numbers may mean anything.
    """
    sleeps = (call for call in block.clause.calls if is_sleep(call) and call.closure in (-1, sleep.closure))
    slept_ms = sum(slept_milliseconds(call) or 0 for call in sleeps if call.head.start <= sleep.head.start)
    body = block.clause.body
    if body is None:
        return False
    given = (
        int(syntax.text(argument).replace("_", ""))
        for node in syntax.below(source.node_at(body))
        if node.type == "call" and node.start_byte < sleep.head.start and not _is_sleep(node)
        for argument in syntax.arguments(node)
        if argument.type == "integer" and syntax.text(argument).replace("_", "").isdigit()
    )
    return any(
        _SHORTEST_GIVEN_MS <= time_ms < slept_ms <= 1.5 * time_ms or _SECOND_MS <= time_ms == slept_ms
        for time_ms in given
    )


def _is_of_given_attribute(source: Source, block: TestBlock, sleep: Call) -> bool:
    """`run_in(job, @delay_ms)`, and then `Process.sleep(2 * @delay_ms)`: the delay is the test's own."""
    body = block.clause.body
    slept = _attributes_in(source.node_at(sleep.span))
    if body is None or not slept:
        return False
    return any(
        not slept.isdisjoint(_attributes_in(argument))
        for node in syntax.below(source.node_at(body))
        if node.type == "call" and node.end_byte <= sleep.head.start and not _is_sleep(node)
        if not syntax.local_name(node).startswith(("assert", "refute"))
        for argument in syntax.arguments(node)
    )


def _attributes_in(node: Node) -> set[str]:
    """`@delay_ms`, as it is written."""
    found = (inner for inner in syntax.below(node) if inner.type == "unary_operator")
    return {syntax.text(inner) for inner in found if syntax.operator(inner) == "@"}


def _is_said_to_be_about_time(source: Source, sleep: Call) -> bool:
    """In the comment above: `# wait for the watchdog timer to expire`, `# (100 ms after the start)`."""
    statement = source.node_at(sleep.span)
    if statement.parent is not None and statement.parent.type == "binary_operator":
        statement = statement.parent
    words = _comment_above(statement).lower()
    return any(word in words for word in _COMMENT_WORDS)


def _comment_above_reading(looks: Node) -> str:
    """The comment above `order = Orders.get(id)`, which stands right above the assertion."""
    node = looks.prev_named_sibling
    return _comment_above(node) if node is not None and _reads(node) else ""


def _comment_above(statement: Node) -> str:
    node = statement.prev_named_sibling
    comment = ""
    while node is not None and node.type == "comment":
        comment = f"{syntax.text(node)} {comment}"
        node = node.prev_named_sibling
    return comment


def _about_time(source: Source, block: TestBlock, sleep: Call, slept_ms: int) -> bool:
    whole_seconds = slept_ms >= _SECOND_MS and slept_ms % _SECOND_MS == 0
    if slept_ms in _NEXT_SECOND_MS or (whole_seconds and _is_between_inserts(source, block, sleep)):
        return True
    about = f"{describe_of(source, block.clause)} {block.function.name}".lower()
    if any(word in about for word in _TIME_WORDS) or _is_said_to_be_about_time(source, sleep):
        return True
    body = block.clause.body
    return body is not None and any(
        any(word in key.lower() for word in _EXPIRY_KEYS)
        or (any(word in key.lower() for word in _TIME_KEYS) and _SHORTEST_KEYED_MS <= value <= slept_ms)
        for key, value in _named_numbers(source.node_at(body))
    )


def _is_between_inserts(source: Source, block: TestBlock, sleep: Call) -> bool:
    """What is stored before and soon behind it gets different times."""
    steps = statements(source, block.clause)
    step = statement_of(source, block.clause, sleep)
    if step is None or step not in steps[1:]:
        return False
    index = steps.index(step)
    return _stores(steps[index - 1]) and any(map(_stores, steps[index + 1 : index + 4]))


def _stores(step: Node) -> bool:
    return not asserts(step) and not _STORING.isdisjoint(_called_name(step).split("_"))


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
