from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.callbacks import callbacks
from otp_genesis_analyzers.facts.clause_results import followed_results
from otp_genesis_analyzers.facts.messages import unwrapped
from otp_genesis_analyzers.facts.model import Clause, Function, Module
from otp_genesis_analyzers.facts.sites import production_modules
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of
from otp_genesis_analyzers.source import Source, Span


class _Silence(NamedTuple):
    """The returns of a clause that leave its caller waiting."""

    places: tuple[Span, ...]
    always: bool


class MissingReply(Rule):
    """A `handle_call` returns `{:noreply, ...}` and nobody keeps `from`, so the caller is never answered.

    ## What it does
    Reports a clause of `handle_call/3` that can return `{:noreply, ...}`, itself or through a function of
    the module, and doesn't use its second argument. It is **information** for a last clause that takes any
    request, where the silence may be meant.

    ## Why it matters on the BEAM
    `GenServer.call/3` waits for a reply. Only `{:reply, ...}` or `GenServer.reply/2` with that `from` gives
    one. Without it the caller exits after its timeout, five seconds unless it says otherwise, and with
    `:infinity` it waits until the server ends.

    ## When it is legitimate
    When `from` is stored, handed on or replied to: a reply that is given later is the way to keep a server
    free. When the clause stops the server, since the caller learns of its end at once. Both are not
    reported, nor is anything in tests, where a server may be mute on purpose.

    ## Use instead
    ```elixir
    def handle_call(:job, from, state), do: {:noreply, enqueue(state, from)}
    ```
    Or `{:reply, :ok, enqueue(state)}` when the request is all that has to be known.

    ## Fix safety
    There is no deterministic fix: what the answer is, and when, is the server's business.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#c:handle_call/3
    - https://hexdocs.pm/elixir/GenServer.html#reply/2
    """

    code = "OTP404"
    name = "missing-reply"
    severity = Severity.WARNING
    anchors = ("handle_call",)
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = []
    VALID: ClassVar = []

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            graph = call_graph(module)
            for function in callbacks(module):
                if function.id == "handle_call/3":
                    for clause in function.clauses:
                        silence = _silence(file.source, graph, clause)
                        if silence is not None:
                            yield self._finding(file, module, function, clause, silence)

    def _finding(
        self, file: FileView, module: Module, function: Function, clause: Clause, silence: _Silence
    ) -> Finding:
        path = file.facts.path
        takes_anything = unwrapped(clause.head[0]).kind == "variable"
        when = "returns" if silence.always else "can return"
        return self.report(
            path,
            clause.name_span,
            f"this clause {when} `:noreply` and drops `from`: its caller waits until the call times out",
            snippet=file.source.text(Span(clause.span.start, _end_of_head(file.source, clause))),
            scope=scope_of(module, function),
            severity=Severity.INFORMATION if takes_anything else Severity.WARNING,
            confidence=Confidence.EXACT if silence.always else Confidence.STRONG,
            fix=FixKind.LLM,
            related=tuple(Related(path, place, "no reply is given here") for place in silence.places),
        )


def _silence(source: Source, graph: CallGraph, clause: Clause) -> _Silence | None:
    caller = clause.head[1]
    if caller.kind != "variable" or _mentions(source.node_at(clause.span), caller.value) > 1:
        return None
    given = list(followed_results(source, graph, clause))
    silent = [node for node in given if _is_noreply(node)]
    if not silent:
        return None
    places = tuple(dict.fromkeys(_tag_span(node) for node in silent))
    return _Silence(places, always=len(silent) == len(given))


def _mentions(node: Node, variable: str) -> int:
    """How often a variable is named; `_` names nothing."""
    if variable == "_":
        return 0
    count = 0
    nodes = [node]
    while nodes:
        inner = nodes.pop()
        count += inner.type == "identifier" and syntax.text(inner) == variable
        nodes += inner.named_children
    return count


def _is_noreply(node: Node) -> bool:
    parts = syntax.children(node) if node.type == "tuple" else []
    return bool(parts) and syntax.text(parts[0]) == ":noreply"


def _tag_span(node: Node) -> Span:
    tag = syntax.children(node)[0]
    return Span(tag.start_byte, tag.end_byte)


def _end_of_head(source: Source, clause: Clause) -> int:
    head, _ = syntax.definition_head(source.node_at(clause.span))
    return head.end_byte if head is not None else clause.name_span.end
