"""From files to findings. The command line, the language server and the pipelines call these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.discovery import elixir_files, find_apps
from otp_genesis_analyzers.facts.model import FileFacts
from otp_genesis_analyzers.facts.walk import read_facts
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.last_good import carried_over, unfinished
from otp_genesis_analyzers.project import FileAnalysis, MixApp, Project
from otp_genesis_analyzers.roles import Role, role_of
from otp_genesis_analyzers.rules import all_rules
from otp_genesis_analyzers.rules.contract import FileView, Rule
from otp_genesis_analyzers.source import LineIndex, Source
from otp_genesis_analyzers.suppressions import suppressed


@dataclass(frozen=True)
class Loaded:
    """A workspace read from disk. `unparsed` are the files that are not UTF-8 text or can't be read."""

    root: Path
    project: Project
    unparsed: tuple[str, ...]


def load(
    root: Path,
    *,
    read: Callable[[str], bytes] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Loaded:
    """Read and analyse every Elixir file below `root` (see `discovery.elixir_files`).

    `read` gives a file's content by its path relative to `root` (an editor's buffers over the
    disk). `on_progress(done, total)` is called after each file; what it raises ends the load.
    """
    read = read or (lambda path: (root / path).read_bytes())
    paths = list(elixir_files(root))
    apps = find_apps(paths, read)
    files: dict[str, FileAnalysis] = {}
    unparsed: list[str] = []
    for done, path in enumerate(paths, start=1):
        source = read_source(path, read)
        if source is None:
            unparsed.append(path)
        else:
            files[path] = analyze(source, role_in(apps, path))
        if on_progress is not None:
            on_progress(done, len(paths))
    return Loaded(root, Project(apps, files, read), tuple(unparsed))


def read_source(path: str, read: Callable[[str], bytes]) -> Source | None:
    """The file as a source; None when it can't be read or is not UTF-8."""
    try:
        content = read(path)
        content.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return Source(path, content)


def role_in(apps: tuple[MixApp, ...], path: str) -> Role:
    owner = Project(apps, {}, lambda _: b"").app_of(path)
    return role_of(owner.path(path) if owner is not None else path)


def analyze(source: Source, role: Role) -> FileAnalysis:
    """Facts and file findings of one file. Never raises on odd input."""
    facts = read_facts(source)
    view = FileView(source, facts, role)
    findings = [
        finding
        for rule in all_rules()
        if any(anchor.encode() in source.content for anchor in rule.anchors)
        for finding in rule.check(view)
    ]
    return FileAnalysis(facts, tuple(sorted(findings, key=lambda finding: finding.sort_key)))


def reanalyze(source: Source, role: Role, before: Source, last_good: FileAnalysis) -> FileAnalysis:
    """Like `analyze`, for a file whose text `before` had the healthy analysis `last_good`.

    While `source` is unfinished, the last good facts stand, and so do the findings that the typing
    did not touch, moved to where their text is now.
    """
    if unfinished(source, before) and not last_good.facts.broken:
        return carried_over(source, before, last_good)
    return analyze(source, role)


def check(project: Project, config: Config) -> tuple[Finding, ...]:
    """All findings that the configuration selects, refined by the project, suppressions applied.

    Sorted by path, place and code, with ordinals set: two runs give the same.
    """
    rules = {rule.code: rule for rule in all_rules()}
    found = [
        *_refined(project, config, rules, project.files),
        *_project_wide(project, config, rules.values()),
    ]
    return _settled(project, found)


def check_file(project: Project, config: Config, path: str) -> tuple[Finding, ...]:
    """What `check` says of one file, but for the project-wide rules: its cost is that of one file."""
    rules = {rule.code: rule for rule in all_rules()}
    return _settled(project, _refined(project, config, rules, [path] if path in project.files else []))


def _settled(project: Project, found: Iterable[Finding]) -> tuple[Finding, ...]:
    kept = _unsuppressed(project, found)
    return tuple(_numbered(sorted(kept, key=lambda finding: finding.sort_key)))


def _refined(
    project: Project, config: Config, rules: Mapping[str, Rule], paths: Iterable[str]
) -> Iterator[Finding]:
    for path in paths:
        for finding in project.files[path].findings:
            rule = rules[finding.code]
            if config.selects(rule, path):
                refined = rule.refine(finding, project)
                if refined is not None:
                    yield refined


def _project_wide(project: Project, config: Config, rules: Iterable[Rule]) -> Iterator[Finding]:
    for rule in rules:
        if rule.project_wide:
            yield from (f for f in rule.check_project(project) if config.selects(rule, f.path))


def _unsuppressed(project: Project, findings: Iterable[Finding]) -> Iterator[Finding]:
    lines: dict[str, LineIndex] = {}
    for finding in findings:
        facts = project.files[finding.path].facts
        if facts.suppressions and suppressed(
            finding, facts.suppressions, _line(project, finding, facts, lines)
        ):
            continue
        yield finding


def _line(project: Project, finding: Finding, facts: FileFacts, lines: dict[str, LineIndex]) -> int:
    if facts.path not in lines:
        lines[facts.path] = LineIndex(project.read(facts.path))
    return lines[facts.path].line_of(finding.span.start)


def _numbered(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings that nothing else tells apart get their number, so that fingerprints are unique."""
    seen: Counter[tuple[str, str, str, str]] = Counter()
    for finding in findings:
        key = (finding.code, finding.path, finding.scope, finding.snippet)
        yield structs.replace(finding, ordinal=seen[key]) if seen[key] else finding
        seen[key] += 1
