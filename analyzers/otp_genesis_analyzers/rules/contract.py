"""The rule contract: one class in one file, found by its place, documented by itself.

The class docstring is the rule's page. Its first line is the summary; after it stand the
headings of `HEADINGS`, in that order. `INVALID` and `VALID` are its tests, the examples of
`otp-genesis explain` and of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import TYPE_CHECKING, ClassVar

from otp_genesis_analyzers.facts.model import FileFacts, Function, Module
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.roles import IN_PRODUCTION, Role
from otp_genesis_analyzers.source import Source, Span

if TYPE_CHECKING:
    from otp_genesis_analyzers.project import Project

HEADINGS = (
    "What it does",
    "Why it matters on the BEAM",
    "When it is legitimate",
    "Use instead",
    "Fix safety",
    "References",
)


@dataclass(frozen=True, slots=True)
class Example:
    """Elixir text, one file or several under `# file: lib/a.ex` headers.

    A line `#   ^^^ warning: part of the message` marks a finding on the line above it. A file
    with no header is `lib/example.ex`. Where there is no `mix.exs`, the project is an
    application `:shop` whose `Shop.Application` starts an empty list of children.
    `fixed` is what the deterministic fix makes of it: the changed files, in the same form.
    """

    code: str
    fixed: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "code", cleandoc(self.code) + "\n")
        if self.fixed is not None:
            object.__setattr__(self, "fixed", cleandoc(self.fixed) + "\n")


@dataclass(frozen=True)
class FileView:
    """What a rule sees of one file while it is analysed."""

    source: Source
    facts: FileFacts
    role: Role
    thresholds: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    """Those that the configuration sets, by code."""

    def threshold(self, rule: Rule, name: str) -> int:
        """A threshold of `rule`: what `[rules.CODE]` says of it, else the rule's own."""
        return self.thresholds.get(rule.code, {}).get(name, rule.thresholds[name])


class Rule:
    """Base of all rules. A rule has no state; its methods are called from several threads.

    `anchors` are literal words without which the rule can't fire in a file, and without which another
    file has nothing that it asks of `Project.modules` and the like. An anchor may be several
    words, all of which must be there ("Task start_link"); the last must stand, as a whole name, in the
    definition that matters, so it is a function's name, which no alias changes. One that ends in `_`
    or `(` may go on, and `async:~true` is two words of which one follows the other. See `gate.py`.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    """The level in the catalogue; a finding may have another."""
    default: ClassVar[bool] = True
    default_from: ClassVar[Severity] = Severity.HINT
    """The lowest level that preset `default` shows; what is below is for `strict`."""
    project_wide: ClassVar[bool] = False
    """Some findings come from `check_project`, perhaps all: see `needs_project`."""
    refined_by_app: ClassVar[bool] = False
    """`refine` asks for nothing but the file and its mix project: an editor need not wait for other files."""
    anchors: ClassVar[tuple[str, ...]]
    roles: ClassVar[frozenset[Role]] = IN_PRODUCTION
    """The files that the rule is shown, and in which its anchors count."""
    most_lines: ClassVar[str] = ""
    """The threshold that a file must exceed in lines to be shown to the rule, if there is one."""
    most_functions: ClassVar[str] = ""
    """Or that which it must exceed in functions."""
    fixes: ClassVar[tuple[FixKind, ...]] = ()
    thresholds: ClassVar[Mapping[str, int]] = {}
    """What `[rules.CODE]` of the configuration can set, with the values that hold without it."""
    INVALID: ClassVar[list[Example]]
    VALID: ClassVar[list[Example]]

    def check(self, file: FileView) -> Iterable[Finding]:
        """Findings that one file shows by itself."""
        return ()

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """The finding in the light of the whole project: kept, changed, or None to drop it."""
        return finding

    def check_project(self, project: Project) -> Iterable[Finding]:
        """Findings that only the whole project shows. Sees facts, never syntax."""
        return ()

    def report(
        self,
        path: str,
        span: Span,
        message: str,
        *,
        snippet: str,
        scope: str,
        severity: Severity | None = None,
        confidence: Confidence = Confidence.EXACT,
        fix: FixKind | None = None,
        related: tuple[Related, ...] = (),
    ) -> Finding:
        return Finding(
            code=self.code,
            name=self.name,
            severity=self.severity if severity is None else severity,
            confidence=confidence,
            path=path,
            span=span,
            message=message,
            fix=fix,
            related=related,
            scope=scope,
            snippet=" ".join(snippet.split()),
        )

    @classmethod
    def needs_project(cls) -> bool:
        """One file alone shows nothing to the rule: all that it finds comes from `check_project`."""
        return cls.project_wide and cls.check is Rule.check

    @classmethod
    def summary(cls) -> str:
        return cleandoc(cls.__doc__ or "").split("\n", 1)[0]

    @classmethod
    def phase(cls) -> int:
        return int(cls.code[3])


def scope_of(module: Module, function: Function | None) -> str:
    """`Shop.Mailer.notify/1`, or the module alone for what stands outside functions."""
    if function is None or function.kind == "body":
        return module.name
    return f"{module.name}.{function.id}"
