"""Nothing is made silent instead of right: no comment or attribute that keeps a tool or a test quiet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.gates.trial import Failed, Passed, Trial

RANK = 20
_COMMENTS = (
    "otp-genesis:ignore",
    "credo:disable",
    "sobelow_skip",
    "coveralls-ignore",
    "elvis:disable",
    "dialyzer:",
)
_SILENCING = {
    "dialyzer": ("",),
    "sobelow_skip": ("",),
    "compile": ("nowarn", "no_warn", "ignore_module_conflict"),
    "tag": ("skip",),
    "moduletag": ("skip",),
    "describetag": ("skip",),
}
"""What silences something by the attribute that it stands in; the empty text always does."""


def check(trial: Trial) -> Passed | Failed:
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for file in trial.change.files:
        if not file.path.endswith((".ex", ".exs")):
            continue
        if file.original_hash:
            before.update(_silencers(trial.before.read(file.path)))
        if file.path not in trial.removed:
            after.update(_silencers(trial.after.read(file.path)))
    new = after - before
    if new:
        return Failed(f"it silences instead of mending: {next(iter(new))}")
    return Passed()


def _silencers(content: bytes) -> Iterator[str]:
    source = Source("", content)
    for mark in _COMMENTS:
        for node in _nodes_at(source, mark.encode(), "comment"):
            yield " ".join((node.text or b"").decode("utf-8", "replace").split())
    for name, words in _SILENCING.items():
        for node in _nodes_at(source, f"@{name}".encode(), "unary_operator"):
            text = " ".join((node.text or b"").decode("utf-8", "replace").split())
            if any(word in text for word in words):
                yield text


def _nodes_at(source: Source, text: bytes, kind: str) -> Iterator[Node]:
    """The nodes of this kind that hold the text; for attributes, those that start with it."""
    at = source.content.find(text)
    while at >= 0:
        node = source.root.descendant_for_byte_range(at, at + 1)
        while node is not None and node.type != kind and node.start_byte == at:
            node = node.parent
        if node is not None and node.type == kind and (kind == "comment" or node.start_byte == at):
            yield node
        at = source.content.find(text, at + len(text))
