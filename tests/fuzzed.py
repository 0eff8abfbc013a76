"""What must hold of a project whatever text one of its files has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from time import process_time

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.forest.grow import process_forest
from otp_genesis_analyzers.forest.whole import read_whole
from otp_genesis_analyzers.gate import gate_of
from otp_genesis_analyzers.last_good import carried_over, retyped
from otp_genesis_analyzers.project import FileAnalysis, Project
from otp_genesis_analyzers.source import LineIndex, Source
from otp_genesis_refactorers.change import Change
from otp_genesis_refactorers.fixes import fix
from otp_genesis_refactorers.gates import first_failure
from otp_genesis_refactorers.gates.trial import try_out
from otp_genesis_refactorers.plan.documents import plan_texts
from otp_genesis_refactorers.plan.markdown import parse
from otp_genesis_refactorers.plan.merge import Earlier

CONFIG = Config(preset="strict")


@dataclass(frozen=True)
class Stage:
    """A project and its findings with a healthy text at `path`, to be asked again with another text there."""

    project: Project
    path: str
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> Source:
        return Source(self.path, self.project.read(self.path))

    def with_text(self, content: bytes, analysis: FileAnalysis) -> Project:
        def read(path: str) -> bytes:
            return content if path == self.path else self.project.read(path)

        files = {**self.project.files, self.path: analysis}
        return engine.with_wrappers(replace(self.project, files=files, read=read))


def with_file(project: Project, path: str, content: bytes) -> Project:
    analysis = engine.analyze(Source(path, content), project.role_of(path), project.settings_of(path))
    return Stage(project, path, ()).with_text(content, analysis)


def stage(project: Project, path: str) -> Stage:
    return Stage(project, path, engine.check(project, CONFIG))


def reading_seconds(stage: Stage, content: bytes) -> tuple[float, float]:
    """Processor time for reading all of a text, with what the gate would keep out: the parser's, and ours."""
    role, settings = stage.project.role_of(stage.path), stage.project.settings_of(stage.path)
    source = Source(stage.path, content)
    begun = process_time()
    assert source.tree
    parsed = process_time()
    engine.analyze(source, role, settings, gated=False)
    return parsed - begun, process_time() - parsed


def prove(stage: Stage, content: bytes, random: Random, *, thoroughly: bool) -> None:
    """Raises for what must not be; an AssertionError says what."""
    role, settings = stage.project.role_of(stage.path), stage.project.settings_of(stage.path)
    source = Source(stage.path, content)
    gated = engine.analyze(source, role, settings)
    whole = engine.analyze(source, role, settings, gated=False)
    if engine.read_source(stage.path, lambda _: content) is None:
        return
    _prove_typing(stage, source)
    project = stage.with_text(content, gated)
    found = engine.check(project, CONFIG)
    _prove_inside(found, project)
    if source.broken:
        # What holds no word of a rule is not parsed, so that nobody knows that it is broken.
        new = _elsewhere(found, stage) if gate_of(role).opened(content, {}) else []
        assert not new, f"a broken file makes findings elsewhere: {new}"
    elif gated != whole:
        in_full = engine.check(stage.with_text(content, whole), CONFIG)
        assert found == in_full, f"the gate matters: {_differing(found, in_full)}"
    _prove_fix(project, found, random)
    if thoroughly:
        assert found == engine.check(project, CONFIG), "two checks differ"
        _prove_plan(project, found)
        process_forest(read_whole(project))


def _elsewhere(findings: tuple[Finding, ...], stage: Stage) -> list[Finding]:
    """Those in other files that are worse than before the text, or were not there."""
    before = {(f.code, f.path, f.span): f.severity for f in stage.findings}
    return [
        f for f in findings if f.path != stage.path and f.severity > before.get((f.code, f.path, f.span), -1)
    ]


def _differing(some: tuple[Finding, ...], others: tuple[Finding, ...]) -> list[Finding]:
    return sorted({*some} ^ {*others}, key=lambda finding: finding.sort_key)


def _prove_inside(findings: tuple[Finding, ...], project: Project) -> None:
    for finding in findings:
        for path, span in ((finding.path, finding.span), *((r.path, r.span) for r in finding.related)):
            size = len(project.read(path))
            assert 0 <= span.start <= span.end <= size, f"{finding.code} at {span} of {size} bytes"
        lines = LineIndex(project.read(finding.path))
        text = project.read(finding.path)[finding.span.start : finding.span.end]
        assert text.decode() is not None
        assert lines.line_of(finding.span.start) == lines.line_of(finding.span.end), (
            f"{finding.code} {text!r}"
        )


def _prove_typing(stage: Stage, source: Source) -> None:
    """What an editor shows while this text is typed over the healthy one."""
    healthy = stage.healthy
    typed = retyped(healthy, source.content)
    if not source.broken:
        assert str(typed.root) == str(source.root), "typing gives another tree than reading"
    role, settings = stage.project.role_of(stage.path), stage.project.settings_of(stage.path)
    last_good = stage.project.files[stage.path]
    analysis = engine.reanalyze(typed, role, healthy, last_good, settings)
    if analysis is None:
        analysis = carried_over(typed, healthy, last_good)
        project = stage.with_text(source.content, analysis)
        found = engine.check(project, CONFIG)
        new = _elsewhere(found, stage)
        assert not new, f"half-typed code makes findings elsewhere: {new}"


def _prove_fix(project: Project, findings: tuple[Finding, ...], random: Random) -> None:
    """Of one finding."""
    fixable = [finding for finding in findings if finding.fix is not None]
    if not fixable:
        return
    finding = random.choice(fixable)
    change = fix(finding, project)
    if isinstance(change, Change):
        for file in change.files:
            before = project.read(file.path) if file.original_hash else b""
            assert all(edit.span.end <= len(before) for edit in file.edits), f"{finding.code} edits outside"
        first_failure(try_out(finding, change, project, findings, CONFIG))


def _prove_plan(project: Project, findings: tuple[Finding, ...]) -> None:
    texts = plan_texts(project, findings, "", Earlier({}), fix)
    earlier = Earlier({file: parse(text) for file, text in texts.items()})
    again = plan_texts(project, findings, "", earlier, fix)
    assert again == texts, "a plan that was just written is not up to date"


def shrunk(content: bytes, fails: Callable[[bytes], bool], tries: int = 400) -> bytes:
    """A smaller text that still fails: without as many of its lines, then of its bytes, as can be."""
    for split in (lambda text: text.splitlines(keepends=True), lambda text: [bytes([byte]) for byte in text]):
        pieces: list[bytes] = split(content)
        step = max(1, len(pieces) // 2)
        while tries > 0:
            at, before = 0, len(pieces)
            while at < len(pieces) and tries > 0:
                fewer = pieces[:at] + pieces[at + step :]
                tries -= 1
                if fails(b"".join(fewer)):
                    pieces = fewer
                else:
                    at += step
            if step == 1 and len(pieces) == before:
                break
            step = max(1, step // 2)
        content = b"".join(pieces)
    return content
