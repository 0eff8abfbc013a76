"""No code comes to stand in a module outside of its functions: it would run whenever its file is compiled.

Definitions, directives, attributes and the macros of a DSL are what a module's body is for, and so is a loop
that makes definitions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.gates.trial import Failed, Passed, Trial

RANK = 29
_RUNNING = frozenset({"for", "if", "unless", "case", "cond", "with", "try", "receive", "then", "tap"}) | {
    *("apply", "spawn", "spawn_link", "spawn_monitor", "send", "exit", "raise", "throw"),
}
_DEFINING = ("def", "test", "describe", "property", "quote")


def check(trial: Trial) -> Passed | Failed:
    for file in trial.change.files:
        path = file.path
        if not path.endswith((".ex", ".exs")) or path in trial.removed:
            continue
        before = Source(path, trial.before.read(path) if file.original_hash else b"")
        new = Counter(_running(Source(path, trial.after.read(path)))) - Counter(_running(before))
        if new:
            first = next(iter(new)).split("\n", 1)[0]
            return Failed(
                f"it puts {first!r} into the body of a module, where it runs when {path} is compiled"
            )
    return Passed()


def _running(source: Source) -> Iterator[str]:
    """What stands in the bodies of modules and does something there."""
    for node in syntax.below(source.root):
        block = syntax.do_block(node) if syntax.local_name(node) in syntax.MODULE_DEFINITIONS else None
        if block is not None:
            yield from (syntax.text(each) for each in syntax.children(block) if _does_something(each))


def _does_something(node: Node) -> bool:
    if node.type == "unary_operator":  # an attribute
        return any(each.type == "anonymous_function" for each in syntax.below(node))
    if node.type == "call":
        name = syntax.local_name(node)
        return (not name or name in _RUNNING) and not _defines(node)
    return node.type == "binary_operator"


def _defines(node: Node) -> bool:
    return any(syntax.local_name(each).startswith(_DEFINING) for each in syntax.below(node))
