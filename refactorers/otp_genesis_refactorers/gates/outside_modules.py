"""No code comes to stand outside of every module: it would run whenever its file is compiled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.gates.trial import Failed, Passed, Trial

RANK = 28
_DEFINING = frozenset({"defmodule", "defimpl", "defprotocol", "alias", "import", "require", "use"})


def check(trial: Trial) -> Passed | Failed:
    for file in trial.change.files:
        path = file.path
        if not path.endswith((".ex", ".exs")) or path in trial.removed:
            continue
        before = Counter[str]()
        if file.original_hash:
            before.update(_statements(Source(path, trial.before.read(path))))
        after = Counter(_statements(Source(path, trial.after.read(path))))
        new = after - before
        if new:
            return Failed(f"it puts {next(iter(new))!r} outside of every module of {path}")
    return Passed()


def _statements(source: Source) -> Iterator[str]:
    """The first line of each top-level expression that defines nothing."""
    for node in syntax.children(source.root):
        if node.type != "comment" and syntax.local_name(node) not in _DEFINING:
            yield syntax.text(node).split("\n", 1)[0]
