"""Sleeps of application code that stand for a wait: for another process, or for something to change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.clause_results import results, statements
from otp_genesis_analyzers.facts.calls.comments import comments_at
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes
from otp_genesis_analyzers.facts.calls.results import kept_variables
from otp_genesis_analyzers.facts.calls.sites import Site, sites
from otp_genesis_analyzers.facts.messages.client_api import requests
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.state.state_shapes import names_in
from otp_genesis_analyzers.facts.testing.sleeps import is_sleep, slept_milliseconds
from otp_genesis_analyzers.source import Source

Sign = Literal["told", "commented", "repeated", "held", "polled"]
"""Told: a process is told something before, and asked behind. Commented: the comment says what for.
Repeated: the function calls itself behind it, with nothing that would ever end it. Held: so does the clause
for one value, `wait(:start)`. Polled: it does so up to a limit, and looks for a process each time."""

SHORTEST_MS = 5
"""A shorter sleep only lets other processes run."""
LONGEST_MS = 5_000
"""A longer one is a delay by design: nobody guesses how long another process takes in such steps."""

_TELLS = frozenset(
    {("GenServer", "cast"), ("GenStage", "cast"), (":gen_server", "cast"), (":gen_statem", "cast")}
    | {("Kernel", "send"), ("Process", "send"), (":erlang", "send"), ("Process", "exit"), ("Agent", "cast")}
)
_ASKS = frozenset(
    {("GenServer", "call"), (":gen_server", "call"), (":gen_statem", "call"), (":sys", "get_state")}
    | {("Process", "alive?"), ("Process", "info"), ("Process", "whereis"), ("Agent", "get")}
    | {("GenServer", "whereis"), (":erlang", "whereis")}
)
_LOOKUPS = frozenset(
    {("Process", "alive?"), ("Process", "whereis"), ("GenServer", "whereis"), ("Registry", "lookup")}
    | {(":erlang", "whereis"), (":global", "whereis_name")}
)
_LIBRARY = frozenset(
    {"Kernel", "Process", "Logger", "IO", "Enum", "Map", "List", "String", "System", "Application", "File"}
    | {"GenServer", "Task", "Task.Supervisor", "Supervisor", "DynamicSupervisor", "Registry", "Agent", "Node"}
    | {"Stream", "Keyword", "Integer", "DateTime", "NaiveDateTime", "Range", "Path", "Regex", "Base", "Code"}
)
_PROCESSES = ("pid", "server", "worker", "process", "agent")
"""Ends of the names of variables that hold a process."""
_LIMITS = (
    *("attempt", "retr", "tries", "deadline", "timeout", "remaining", "count", "left", "limit"),
    *("elapsed", "monotonic", "started_at", "until", "times", "round", "expir"),
)
"""Parts of names in a function that ends its waiting some time."""
_REASONS = (
    *(("give", "time"), ("give", "chance"), ("let ", "finish"), ("let ", "complete"), ("let ", "settle")),
    *(("let ", "start"), ("let ", "process"), ("let ", "propagate"), ("race",), ("allow", "time")),
    *(("wait for", "start"), ("wait for", "finish"), ("wait for", "complete"), ("wait for", "process")),
    *(("wait", "to be ready"), ("ensure", "started"), ("wait until",), ("allow", "to settle")),
    *(("delay", "ensure", "clean"), ("need", "time for"), ("allow", "to finish"), ("allow", "to complete")),
    *(
        ("buffer time",),
        ("wait for", "to settle"),
        ("wait for", "to be saved"),
        ("waiting for", "to come up"),
        ("hope that",),
    ),
    *(
        ("give", "moment"),
        ("give", "a bit"),
        ("give", "a second"),
        ("let ", "initiali"),
        ("allow", "initiali"),
    ),
    *(("wait for", "initiali"), ("wait a moment", "for "), ("wait a bit", "for ")),
)
"""Words, all of one group, that say in a comment that somebody else is waited for."""
_OTHER_REASONS = (
    "rate limit",
    "restart intensity",
    "backoff",
    "back off",
    "retry",
    "throttle",
    "simulat",
    "trace",
    "a break",
    "breath",
)


class SleepWait(NamedTuple):
    """`site` sleeps for `slept_ms`, None where only run time knows it.

    `before` is what tells and `behind` what asks, for a sleep between the two.
    """

    site: Site
    sign: Sign
    slept_ms: int | None
    before: Call | None = None
    behind: Call | None = None


def sleep_waits(source: Source, graph: CallGraph) -> Iterator[SleepWait]:
    for site in sites(graph.module):
        if is_sleep(site.call) and site.call.args and not site.call.args[0].is_atom("infinity"):
            found = _told(source, graph, site)
            if found is None or not tells_process(source, found):
                found = _commented(source, graph, site) or found or _repeated(source, graph, site)
            if found is not None:
                yield found


def tells_process(source: Source, wait: SleepWait) -> bool:
    """What stands before the sleep surely tells a process: it is OTP's, or is given one by its name."""
    told = wait.before
    if told is None or not told.module or told.module in _LIBRARY or told.module.startswith(":"):
        return True
    return _first(source, told).endswith(_PROCESSES)


def waits_for_level(source: Source, wait: SleepWait) -> bool:
    """It goes on while a share is too high or too low, `used / total > limit`: of that nobody tells."""
    node = source.node_at(wait.site.call.span)
    while node.parent is not None and node.start_byte > wait.site.clause.span.start:
        node = node.parent
        condition = next(iter(syntax.arguments(node)), None)
        if condition is not None and syntax.local_name(node) in ("if", "unless", "case"):
            return any(map(_compares_share, syntax.below(condition)))
    return False


def _compares_share(node: Node) -> bool:
    if node.type != "binary_operator" or syntax.operator(node) not in ("<", "<=", ">", ">="):
        return False
    return any(
        inner.type == "binary_operator" and syntax.operator(inner) == "/" for inner in syntax.below(node)
    )


def _is_guess(site: Site) -> int | None:
    slept_ms = slept_milliseconds(site.call)
    return slept_ms if slept_ms is not None and SHORTEST_MS <= slept_ms <= LONGEST_MS else None


def _told(source: Source, graph: CallGraph, site: Site) -> SleepWait | None:
    slept_ms = _is_guess(site)
    if slept_ms is None or site.call.result != "discarded":
        return None
    beside = [
        call
        for call in site.clause.calls
        if call.closure == site.call.closure and call.form == "call" and not is_sleep(call)
    ]
    before = [call for call in beside if call.span.end <= site.call.head.start and _same_way(call, site.call)]
    behind = [call for call in beside if call.head.start >= site.call.span.end]
    for told in reversed(before):
        for asked in behind:
            if _tells_and_asks(source, graph, told, asked):
                return SleepWait(site, "told", slept_ms, told, asked)
    return None


def _same_way(before: Call, sleep: Call) -> bool:
    """Whoever comes to the sleep has come through the call before it."""
    return sleep.branch[: len(before.branch)] == before.branch


def _tells_and_asks(source: Source, graph: CallGraph, told: Call, asked: Call) -> bool:
    """The two calls are to one process: of its module with the same first argument, or of its name."""
    if told.name in ("start", "start_link") and kept_variables(told):
        return (asked.module, asked.name) in _ASKS and _first(source, asked) in kept_variables(told)
    if (told.module, told.name) in _TELLS:
        return (asked.module, asked.name) in _ASKS and _first(source, told) == _first(source, asked)
    if told.module != asked.module or told.name == asked.name or told.module in _LIBRARY:
        return False
    if told.module.startswith((":", "?")) or told.result not in ("discarded", "bound", "subject"):
        return False
    if asked.result == "discarded" or _first(source, told) != _first(source, asked):
        return False
    return bool(told.module) or (_sends(graph, told, "cast", "info") and _sends(graph, asked, "call"))


def _first(source: Source, call: Call) -> str:
    arguments = argument_nodes(source, call)
    return syntax.text(arguments[0]) if arguments else ""


def _sends(graph: CallGraph, call: Call, *ways: str) -> bool:
    target = graph.target(call)
    return target is not None and any(request.way in ways for request in requests(graph, target))


def _repeated(source: Source, graph: CallGraph, site: Site) -> SleepWait | None:
    """The function comes back to itself behind the sleep, in some cases only, with what it was given."""
    again = _way_back(graph, site) if site.call.closure < 0 else None
    if again is None or _only_comes_back(source, site) or _is_told_how_long(source, site):
        return None
    if _also_goes_on_awake(graph, site, again):
        return None
    if _is_awaited(graph, site) or _works_first(site):
        return None
    if any(call.is_to("System", "cmd", "shell") or call.is_to(":os", "cmd") for call in site.clause.calls):
        return None  # a program of the operating system sends no message
    slept_ms = slept_milliseconds(site.call)
    if not _has_limit(source, site) and not _is_limited_between(source, graph, site, again):
        parameters = {name for parameter in site.clause.head for name in names_in(parameter)}
        given = {syntax.text(node) for node in argument_nodes(source, again)}
        if given <= parameters:
            return SleepWait(site, "repeated", slept_ms)
        own = parameters | (
            _given_shapes(source, site) if graph.target(again) is site.function else set[str]()
        )
        return SleepWait(site, "held", slept_ms) if given <= own else None
    looks = any((call.module, call.name) in _LOOKUPS for call in site.clause.calls)
    return SleepWait(site, "polled", slept_ms) if looks else None


def _given_shapes(source: Source, site: Site) -> set[str]:
    """The parameters as they are written: `:start` of `def wait(:start)`, `{:ok, id}` as well."""
    head = source.node_at(site.clause.name_span).parent
    return {syntax.text(node) for node in syntax.arguments(head)} if head is not None else set()


def _way_back(graph: CallGraph, site: Site) -> Call | None:
    """The call behind the sleep by which the function calls itself, perhaps through another one."""
    for call in site.clause.calls:
        target = graph.target(call) if call.closure < 0 and call.form == "call" else None
        if target is None or call.head.start < site.call.span.end or not _may_follow(site.call, call):
            continue
        if target is site.function and call.branch:
            return call
        back = (edge for edge, to in graph.edges(target) if to is site.function)
        if target is not site.function and any(edge.branch for edge in back):
            return call
    return None


def _may_follow(sleep: Call, later: Call) -> bool:
    """The two are not in different branches of one choice."""
    return all(first == second for first, second in zip(sleep.branch, later.branch, strict=False))


def _also_goes_on_awake(graph: CallGraph, site: Site, again: Call) -> bool:
    """In another branch it comes back without the sleep, having done its work: a loop that idles at times."""
    return any(
        graph.target(call) is site.function and call is not again and not _may_follow(site.call, call)
        for call in site.clause.calls
        if call.form == "call" and call.closure < 0
    )


def _only_comes_back(source: Source, site: Site) -> bool:
    """Each end of the clause is a call of the function itself: the loop of a worker, not a wait."""
    body = statements(source, site.clause)
    if not body or (syntax.local_name(body[-1]) in ("if", "unless") and not _has_else(body[-1])):
        return False
    return all(syntax.local_name(end) == site.function.name for end in results(source, site.clause))


def _is_awaited(graph: CallGraph, site: Site) -> bool:
    """It is the work of tasks, and whoever starts them waits for a limited time."""
    starts = [
        (clause, call) for caller, clause, call in graph.callers(site.function) if caller is not site.function
    ]
    return bool(starts) and all(
        call.runs != "here" and any(other.is_to("Task", "await", "yield") for other in clause.calls)
        for clause, call in starts
    )


def _works_first(site: Site) -> bool:
    """Before the sleep something of the project is done for its own sake: a worker that takes breaks."""
    return any(
        call.result == "discarded"
        and call.branch == site.call.branch
        and call.closure == site.call.closure
        and call.head.start < site.call.head.start
        and call.module not in _LIBRARY | {"?"}
        and not call.module.startswith(":")
        and not call.name.startswith(("log", "debug", "print", "warn", "report", "trace"))
        for call in site.clause.calls
    )


def _is_told_how_long(source: Source, site: Site) -> bool:
    """The answer that a `case` takes apart says how long to sleep, as that of a rate limit does."""
    slept = {syntax.text(name) for node in argument_nodes(source, site.call) for name in _identifiers(node)}
    node = source.node_at(site.call.span)
    while slept and node.parent is not None and node.start_byte > site.clause.span.start:
        node = node.parent
        answer = node.child_by_field_name("left") if node.type == "stab_clause" else None
        if answer is not None and slept & {syntax.text(name) for name in _identifiers(answer)}:
            return True
    return False


def _has_else(choice: Node) -> bool:
    block = syntax.do_block(choice)
    return "else" in (syntax.sections(block)[1] if block is not None else syntax.body_keywords(choice))


def _has_limit(source: Source, site: Site) -> bool:
    """Something in the function counts, or looks at a clock. How long it sleeps each time is no limit."""
    slept = source.node_at(site.call.span)
    length = {syntax.text(node) for node in _identifiers(slept)}
    texts = {syntax.text(node) for node in _identifiers(source.node_at(site.clause.span))} - length
    return any(limit in text.lower() for text in texts for limit in _LIMITS)


def _is_limited_between(source: Source, graph: CallGraph, site: Site, again: Call) -> bool:
    """The function by way of which it comes back counts, or looks at a clock."""
    through = graph.target(again)
    if through is None or through is site.function:
        return False
    names = (
        name.lower()
        for clause in through.clauses
        for name in (syntax.text(node) for node in _identifiers(source.node_at(clause.span)))
    )
    return any(limit in name for name in names for limit in _LIMITS)


def _identifiers(node: Node) -> Iterator[Node]:
    stack = [node]
    while stack:
        inner = stack.pop()
        if inner.type == "identifier":
            yield inner
        stack += inner.named_children


def _commented(source: Source, graph: CallGraph, site: Site) -> SleepWait | None:
    if _way_back(graph, site) is not None and _has_limit(source, site):
        return None  # looks again, so many times
    slept_ms = _is_guess(site)
    if slept_ms is None or any(word in site.function.name for word in ("retry", "backoff", "simulate")):
        return None
    comment = " ".join(comments_at(source, site.call.head.start)).lower()
    if any(word in comment for word in _OTHER_REASONS):
        return None
    if any(all(word in comment for word in words) for words in _REASONS):
        return SleepWait(site, "commented", slept_ms)
    return None
