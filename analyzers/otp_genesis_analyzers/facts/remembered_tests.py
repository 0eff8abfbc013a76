"""What is kept of a file of tests when its rules have run: nearly nobody asks for more."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec import structs

from otp_genesis_analyzers.facts.model import Clause, FileFacts, Function
from otp_genesis_analyzers.source import Span


def remembered(facts: FileFacts, findings: Collection[Span]) -> FileFacts:
    """The facts less the tests that hold no finding, and less the bodies of all other definitions without.

    `Project.all_facts` reads them again.
    """
    modules = (
        structs.replace(module, functions=tuple(_functions(module.functions, findings)))
        for module in facts.modules
    )
    return structs.replace(facts, modules=tuple(modules), whole=False)


def _functions(functions: tuple[Function, ...], findings: Collection[Span]) -> Iterator[Function]:
    for function in functions:
        if any(clause.span.contains(span) for clause in function.clauses for span in findings):
            yield function
        elif function.kind not in ("test", "block", "body"):
            yield structs.replace(function, clauses=tuple(map(_without_body, function.clauses)))


def _without_body(clause: Clause) -> Clause:
    return structs.replace(clause, calls=(), closures=(), receives=())
