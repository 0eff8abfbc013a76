"""The changed files have no syntax error that they had not before."""

from __future__ import annotations

from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.gates.trial import Failed, Passed, Trial

RANK = 10


def check(trial: Trial) -> Passed | Failed:
    for file in trial.change.files:
        if not file.path.endswith((".ex", ".exs")):
            continue
        if not _is_text(trial, file.path):
            return Failed(f"{file.path} would be no UTF-8 text")
        before = _errors(trial.before.read(file.path)) if file.original_hash else 0
        if file.path not in trial.removed and _errors(trial.after.read(file.path)) > before:
            return Failed(f"{file.path} would no longer parse")
    return Passed()


def _is_text(trial: Trial, path: str) -> bool:
    try:
        trial.after.read(path).decode("utf-8")
    except FileNotFoundError:  # removed
        return True
    except UnicodeDecodeError:
        return False
    return True


def _errors(content: bytes) -> int:
    """A loop, since errors may lie deeper than Python's stack reaches."""
    waiting, errors = [Source("", content).root], 0
    while waiting:
        node = waiting.pop()
        if node.has_error:
            errors += node.is_error or node.is_missing
            waiting += node.children
    return errors
