"""Comments that keep a finding quiet, each with its reason.

    spawn(fn -> warm_up() end) # otp-genesis:ignore OTP101 -- ends with the VM
    # otp-genesis:ignore unsupervised-spawn, OTP103 -- read by the loader
    # otp-genesis:ignore-file OTP105 -- a script's entry point

Only comments of the syntax tree count: the same words in a string or heredoc are text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from otp_genesis_analyzers.facts.model import Suppression
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.source import Source, Span

if TYPE_CHECKING:
    from tree_sitter import Node

_MARK = b"otp-genesis:"
WHOLE_FILE = -1
"""The line of a comment that speaks about all of its file."""


def suppressions_in(source: Source) -> tuple[Suppression, ...]:
    """The suppression comments of a file, in their order.

    `line` is the line that a comment speaks about: its own when code stands before it, else
    the line below it and below the comments that follow it; -1 for the whole file.
    `rules` are the codes and names as written, `reason` is empty when none is given.
    """
    found: list[Suppression] = []
    at = source.content.find(_MARK)
    while at >= 0:
        node = source.root.descendant_for_byte_range(at, at + len(_MARK))
        if node is not None and node.type == "comment":
            suppression = _suppression(source, node, at)
            if suppression is not None:
                found.append(suppression)
        at = source.content.find(_MARK, at + len(_MARK))
    return tuple(found)


def keeping_quiet(
    finding: Finding, suppressions: Iterable[Suppression], line_of_finding: int
) -> list[Suppression]:
    """The comments that keep this finding quiet. `line_of_finding` is 0-based."""
    return [
        suppression
        for suppression in suppressions
        if suppression.line in (line_of_finding, WHOLE_FILE) and _names(suppression, finding)
    ]


def _names(suppression: Suppression, finding: Finding) -> bool:
    return any(rule.lower() in (finding.code.lower(), finding.name) for rule in suppression.rules)


def _suppression(source: Source, comment: Node, mark: int) -> Suppression | None:
    if not source.content[comment.start_byte : mark].rstrip().endswith(b"#"):
        return None  # a sentence about the comment, not the comment itself
    text = source.text(Span.between(mark + len(_MARK), comment.end_byte))
    directive, _, reason = text.partition("--")
    verb, *rules = directive.replace(",", " ").split() or [""]
    if verb not in ("ignore", "ignore-file"):
        return None
    return Suppression(
        rules=tuple(rules),
        reason=reason.strip(),
        line=WHOLE_FILE if verb == "ignore-file" else _line_spoken_of(source, comment.start_byte),
        span=Span.of(comment),
    )


def _line_spoken_of(source: Source, comment_start: int) -> int:
    lines = source.lines
    line = lines.line_of(comment_start)
    if source.content[lines.starts[line] : comment_start].strip():
        return line
    line += 1
    while line < len(lines.starts) and _is_comment(source.content[lines.starts[line] : lines.line_end(line)]):
        line += 1
    return line


def _is_comment(line: bytes) -> bool:
    return line.lstrip().startswith(b"#")
