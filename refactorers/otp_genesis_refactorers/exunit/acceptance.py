"""What a test must be before it is run: it parses, asserts something in every test, never sleeps, reaches
for nothing but the code that it is for, and has none of the flaws that the rules know.
"""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers import engine, syntax
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.model import Call, Clause, FileFacts, Function, Module
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.facts.testing.sleeps import is_sleep
from otp_genesis_analyzers.findings import FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.applying.overlay import with_files
from otp_genesis_refactorers.change import Change, Edit, FileChange
from otp_genesis_refactorers.gates import first_failure
from otp_genesis_refactorers.gates.effects import reach_of
from otp_genesis_refactorers.gates.running.experiment import GivenTest
from otp_genesis_refactorers.gates.running.generated_test import reads_sources
from otp_genesis_refactorers.gates.trial import Trial

_ASSERTING = ("assert", "refute", "catch_exit", "flunk")
_LITERALS = frozenset({"boolean", "atom", "integer", "string", "nil"})


def objection(project: Project, config: Config, test: GivenTest) -> str:
    """Why a new test file is not good enough, in words for a person or a model; empty when it is."""
    source = Source(test.path, test.source)
    if syntax.first_error(source.root) is not None:
        return "the test does not parse"
    facts = read_facts(source)
    own = _of_file(source, facts)
    if own:
        return own
    peeking = reads_sources(test)
    if peeking:
        return f"the test looks at the source with {peeking}, not at what the code does"
    reach = reach_of(facts)
    if reach:
        return f"the test calls {reach}: it may only use the code that it tests"
    failure = first_failure(_trial(project, config, test))
    return f"as a test {failure.reason}" if failure is not None else ""


def _trial(project: Project, config: Config, test: GivenTest) -> Trial:
    """The project with the test; only what is found in the test is looked for."""
    after = with_files(project, {test.path: test.source})
    new = FileChange(test.path, "", (Edit(Span(0, 0), test.source.decode("utf-8", "replace")),))
    change = Change("Add a test", FixKind.SAFE, (new,))
    return Trial(None, change, project, after, (), engine.check_file(after, config, test.path), config)


def _of_file(source: Source, facts: FileFacts) -> str:
    tests = list(_tests(facts))
    if not tests:
        return "the file holds no test"
    for module in facts.modules:
        for function in module.functions:
            for clause in function.clauses:
                said = _of_clause(clause)
                if said:
                    return said
    for module, function, clause in tests:
        if not _asserts(call_graph(module), clause):
            return f"the test {_title(function)!r} asserts nothing"
        if _asserts_what_is_written(source, clause):
            return f"the test {_title(function)!r} asserts something that is always so"
    return ""


def _of_clause(clause: Clause) -> str:
    for call in clause.calls:
        if is_sleep(call):
            return f"the test sleeps ({call.target}): let it wait for a message or ask the process"
    if any(not waiting.patterns for waiting in clause.receives):
        return "the test sleeps in a receive: let it wait for a message or ask the process"
    return ""


def _tests(facts: FileFacts) -> Iterator[tuple[Module, Function, Clause]]:
    for module in facts.modules:
        for function in module.functions:
            if function.kind == "test" and not function.name.startswith("setup"):
                for clause in function.clauses:
                    yield module, function, clause


def _asserts(graph: CallGraph, clause: Clause) -> bool:
    """Itself, or through a function of its module."""
    targets = [target for call in clause.calls if (target := graph.target(call)) is not None]
    reached = [inner for name in graph.reached(targets) for inner in graph.functions[name].clauses]
    return any(_is_assertion(call) for inner in (clause, *reached) for call in inner.calls)


def _is_assertion(call: Call) -> bool:
    return call.name.startswith(_ASSERTING)


def _asserts_what_is_written(source: Source, clause: Clause) -> bool:
    """All that is asserted stands there as a literal: `assert true`."""
    asserted = [
        syntax.arguments(node)
        for node in syntax.below(source.node_at(clause.span))
        if syntax.local_name(node).startswith(("assert", "refute"))
    ]
    return bool(asserted) and all(
        len(arguments) == 1 and arguments[0].type in _LITERALS for arguments in asserted
    )


def _title(function: Function) -> str:
    return function.name.removeprefix("test ")
