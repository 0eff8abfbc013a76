"""From files to findings. The command line, the language server and the pipelines call these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from otp_genesis_analyzers.config import Config, ConfigProblem, load_config
from otp_genesis_analyzers.discovery import elixir_files, find_apps
from otp_genesis_analyzers.facts.model import FileFacts, Suppression
from otp_genesis_analyzers.facts.processes.kinds import with_wrapped
from otp_genesis_analyzers.facts.remembered_tests import remembered
from otp_genesis_analyzers.findings import Finding, Severity
from otp_genesis_analyzers.gate import Opened, opened_for
from otp_genesis_analyzers.last_good import unfinished
from otp_genesis_analyzers.name_index import names_in
from otp_genesis_analyzers.project import FileAnalysis, FileSettings, Project
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.rules.cards import Card, all_cards, find_card
from otp_genesis_analyzers.rules.contract import FileView
from otp_genesis_analyzers.source import LineIndex, Source
from otp_genesis_analyzers.suppressions import keeping_quiet


@dataclass(frozen=True)
class Loaded:
    """A workspace read from disk. `unparsed` are the files that are not UTF-8 text or can't be read."""

    root: Path
    project: Project
    unparsed: tuple[str, ...]
    config_problems: tuple[ConfigProblem, ...] = ()
    broken: tuple[str, ...] = ()
    """Files of whose syntax only a part can be read."""


AnalyzeAll = Callable[[Project, Sequence[str]], Iterator[tuple[str, FileAnalysis | None]]]
"""Gives each path with the file's analysis, None when it is no text, in any order.

The project has no files yet: it gives their content, roles and settings.
"""


def load(
    root: Path,
    *,
    paths: Sequence[str] | None = None,
    read: Callable[[str], bytes] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    analyze_all: AnalyzeAll | None = None,
    chosen: Callable[[Config], Config] | None = None,
) -> Loaded:
    """Read and analyse every Elixir file below `root` (see `discovery.elixir_files`), as it is configured.

    `paths`, relative to `root`, are read in their place. `read` gives a file's content by its path
    relative to `root` (an editor's buffers over the disk). `on_progress(done, total)` is called after
    each file; what it raises ends the load. `analyze_all` may know of a quicker way than one by one.
    `chosen` makes of the project's configuration the one that `check` will be given, and no other: what
    the rules need that don't run under it is not read.
    """
    read = read or (lambda path: (root / path).read_bytes())
    paths = list(elixir_files(root)) if paths is None else paths
    apps = find_apps(paths, read)
    config, problems = load_config(root, [app.folder for app in apps], read)
    project = Project(apps, {}, read, config, rules_run(chosen(config)) if chosen else None)
    found: dict[str, FileAnalysis | None] = {}
    for path, analysis in (analyze_all or analyze_in_turn)(project, paths):
        found[path] = analysis
        if on_progress is not None:
            on_progress(len(found), len(paths))
    files = {path: analysis for path in paths if (analysis := found[path]) is not None}
    broken = tuple(path for path, analysis in files.items() if analysis.facts.broken)
    unparsed = tuple(path for path in paths if found[path] is None)
    return Loaded(root, with_wrappers(project.with_files(files)), unparsed, problems, broken)


def rules_run(config: Config) -> frozenset[str] | None:
    """The codes of the rules that a configuration selects; None when it leaves some out at most."""
    if config.bans or not config.is_selective:
        return None
    return frozenset(card.code for card in all_cards() if config.runs(card))


def analyze_in_turn(project: Project, paths: Iterable[str]) -> Iterator[tuple[str, FileAnalysis | None]]:
    """The `AnalyzeAll` of one process."""
    for path in paths:
        source = read_source(path, project.read)
        yield path, source and analyze(source, project.role_of(path), project.settings_of(path))


def read_source(path: str, read: Callable[[str], bytes]) -> Source | None:
    """The file as a source; None when it can't be read or is not UTF-8."""
    try:
        content = read(path)
        content.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return Source(path, content)


def with_wrappers(project: Project) -> Project:
    """The project with those files analysed anew that use a wrapper which now makes something else of them.

    The same project when there are none. A file that can't be read stays as it is.
    """
    anew: dict[str, FileAnalysis] = {}
    for path, analysis in project.files.items():
        settings = project.settings_of(path)
        if (
            not analysis.carried_over
            and with_wrapped(analysis.facts, settings.wrappers) is not analysis.facts
        ):
            source = read_source(path, project.read)
            if source is not None:
                anew[path] = analyze(source, project.role_of(path), settings)
    return project.with_files({**project.files, **anew}) if anew else project


def analyze(
    source: Source, role: Role, settings: FileSettings | None = None, *, gated: bool = True
) -> FileAnalysis:
    """Facts and file findings of one file. Never raises on odd input.

    `settings` are `Project.settings_of` the file; without them the rules' own thresholds hold, and
    no wrapper is known. What the gate keeps out is not read, which changes no finding; `gated=False`
    reads all of it. Of a file that is nested deeper than Python's stack reaches nothing is read: it
    counts as broken.
    """
    from otp_genesis_analyzers.facts.reading.walk import unread_facts

    settings = settings or FileSettings()
    opened = opened_for(role, source.content, settings.thresholds, settings.rules)
    if opened is None and gated:
        return FileAnalysis(unread_facts(source), names=names_in(source.content))
    try:
        return _read(source, role, settings, opened, gated=gated)
    except RecursionError:
        return FileAnalysis(
            structs.replace(unread_facts(source), broken=True), names=names_in(source.content)
        )


def _read(
    source: Source, role: Role, settings: FileSettings, opened: Opened | None, *, gated: bool
) -> FileAnalysis:
    from otp_genesis_analyzers.facts.reading.walk import read_facts

    hits = opened.hits if opened is not None and gated else None
    facts = with_wrapped(read_facts(source, hits), settings.wrappers)
    view = FileView(source, facts, role, settings.thresholds)
    findings = [finding for card in (opened.rules if opened else ()) for finding in card.rule.check(view)]
    found = tuple(sorted(findings, key=lambda finding: finding.sort_key))
    if role.is_test:
        facts = remembered(facts, [finding.span for finding in found])
    return FileAnalysis(facts, found, names=names_in(source.content))


def reanalyze(
    source: Source,
    role: Role,
    before: Source,
    last_good: FileAnalysis,
    settings: FileSettings | None = None,
) -> FileAnalysis | None:
    """Like `analyze`, for a file whose text `before` had the healthy analysis `last_good`.

    None while `source` is unfinished: then the last good one stands, as `last_good.carried_over` gives
    it. What the gate keeps out now and did before is not even parsed.
    """
    settings, was_read = settings or FileSettings(), bool(last_good.facts.modules)
    if not was_read and not any(
        opened_for(role, each.content, settings.thresholds, settings.rules) for each in (source, before)
    ):
        return analyze(source, role, settings)
    if not last_good.facts.broken and not before.broken and unfinished(source, before):
        return None
    return analyze(source, role, settings)


def check(project: Project, config: Config) -> tuple[Finding, ...]:
    """All findings that the configuration selects, refined by the project, suppressions applied.

    Sorted by path, place and code, with ordinals set: two runs give the same.
    """
    cards = {card.code: card for card in all_cards()}
    found = [
        *_refined(project, config, cards, project.files),
        *_project_wide(project, config, cards.values()),
    ]
    found += _banned(project, config, cards, project.files, found)
    kept, used = _unsuppressed(project, found)
    unused, _ = _unsuppressed(project, _unused_suppressions(project, config, used))
    return _settled([*kept, *unused])


def check_file(project: Project, config: Config, path: str) -> tuple[Finding, ...]:
    """What `check` says of one file, but for the project-wide rules: its cost is that of one file."""
    cards = {card.code: card for card in all_cards()}
    paths = [path] if path in project.files else []
    found = list(_refined(project, config, cards, paths))
    found += _banned(project, config, cards, paths, found)
    kept, _ = _unsuppressed(project, found)
    return _settled(kept)


def conclusive(project: Project, config: Config) -> Callable[[str, str], bool]:
    """Whether silence means that nothing is wrong: asked with a rule, by code or name, and a path.

    It doesn't where the rule is not wanted, or while a file of the same mix project is broken.
    """
    out_of_sight = {project.app_of(path) for path, analysis in project.files.items() if analysis.facts.broken}

    def is_conclusive(code_or_name: str, path: str) -> bool:
        card = find_card(code_or_name)
        if card is None or not config.selects(card, path) or not config.shows(card, Severity.HINT, path):
            return False
        return project.app_of(path) not in out_of_sight

    return is_conclusive


def _settled(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(_numbered(sorted(findings, key=lambda finding: finding.sort_key)))


def _refined(
    project: Project, config: Config, cards: Mapping[str, Card], paths: Iterable[str]
) -> Iterator[Finding]:
    for path in paths:
        for finding in project.files[path].findings:
            card = cards[finding.code]
            if config.selects(card, path):
                refined = card.rule.refine(finding, project)
                if refined is not None and config.shows(card, refined.severity, path):
                    yield refined


def _project_wide(project: Project, config: Config, cards: Iterable[Card]) -> Iterator[Finding]:
    for card in cards:
        if card.project_wide and config.runs(card):
            yield from (
                f
                for f in card.rule.check_project(project)
                if config.selects(card, f.path) and config.shows(card, f.severity, f.path)
            )


def _banned(
    project: Project, config: Config, cards: Mapping[str, Card], paths: Iterable[str], found: list[Finding]
) -> list[Finding]:
    """What preset `seed` says besides; nothing is imported or read for the others."""
    if not config.bans:
        return []
    from otp_genesis_analyzers.bans import banned

    return [finding for path in paths for finding in banned(project, config, cards, path, found)]


def _unsuppressed(
    project: Project, findings: Iterable[Finding]
) -> tuple[list[Finding], set[tuple[str, Suppression]]]:
    """The findings that no comment keeps quiet, and the comments that keep one quiet, with their paths."""
    kept: list[Finding] = []
    used: set[tuple[str, Suppression]] = set()
    lines: dict[str, LineIndex] = {}
    for finding in findings:
        facts = project.files[finding.path].facts
        comments = facts.suppressions and keeping_quiet(
            finding, facts.suppressions, _line(project, finding, facts, lines)
        )
        if comments:
            used.update((finding.path, comment) for comment in comments)
        else:
            kept.append(finding)
    return kept, used


def _unused_suppressions(
    project: Project, config: Config, used: set[tuple[str, Suppression]]
) -> Iterator[Finding]:
    from otp_genesis_analyzers.rules.phase0.unused_suppression import UnusedSuppression

    rule, is_conclusive = UnusedSuppression(), conclusive(project, config)
    for path, analysis in project.files.items():
        comments = [comment for comment in analysis.facts.suppressions if (path, comment) not in used]
        if comments and not analysis.carried_over and is_conclusive(rule.code, path):
            for comment in comments:
                yield from rule.check_comment(path, comment, is_conclusive)


def _line(project: Project, finding: Finding, facts: FileFacts, lines: dict[str, LineIndex]) -> int:
    if facts.path not in lines:
        try:
            lines[facts.path] = LineIndex(project.read(facts.path))
        except OSError:  # deleted since it was read
            lines[facts.path] = LineIndex(b"")
    return lines[facts.path].line_of(finding.span.start)


def _numbered(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings that nothing else tells apart get their number, so that fingerprints are unique."""
    seen: Counter[tuple[str, str, str, str]] = Counter()
    for finding in findings:
        key = (finding.code, finding.path, finding.scope, finding.snippet)
        yield structs.replace(finding, ordinal=seen[key]) if seen[key] else finding
        seen[key] += 1
