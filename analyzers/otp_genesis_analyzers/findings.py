"""What the analyzers say: plain frozen data, in bytes, with no word of any editor."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from hashlib import blake2b

from msgspec import Struct

from otp_genesis_analyzers.source import Span


class Severity(IntEnum):
    """Ordered: a greater value is worse."""

    HINT = 0
    INFORMATION = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        return self.name.lower()


class Confidence(StrEnum):
    """How sure a rule is: `exact` follows from the syntax, `heuristic` from a score."""

    EXACT = "exact"
    STRONG = "strong"
    HEURISTIC = "heuristic"


class FixKind(StrEnum):
    """`safe` keeps behaviour, `unsafe` changes it and is labelled so, `llm` needs judgement."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    LLM = "llm"


class Related(Struct, frozen=True, array_like=True):
    """Another place that belongs to a finding, perhaps in another file."""

    path: str
    span: Span
    message: str


class Finding(Struct, frozen=True, array_like=True):
    """One flaw at one place.

    `span` covers the head of the call (`spawn`, `Task.start`), never several lines.
    `scope` is the enclosing `Module.function/arity`, `Module`, or the empty string.
    `snippet` is the flagged code with its white space folded; with `scope` and `ordinal`
    it makes a fingerprint that survives moved lines.
    """

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    path: str
    span: Span
    message: str
    fix: FixKind | None = None
    related: tuple[Related, ...] = ()
    scope: str = ""
    snippet: str = ""
    ordinal: int = 0

    @property
    def phase(self) -> int:
        """The refactor phase, 1 to 5, that the code belongs to; 0 for the tool's own codes."""
        return int(self.code[3])

    @property
    def fingerprint(self) -> str:
        parts = (self.code, self.path, self.scope, self.snippet, str(self.ordinal))
        return blake2b("\0".join(parts).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()

    @property
    def sort_key(self) -> tuple[str, int, int, str]:
        return (self.path, self.span.start, self.span.end, self.code)
