"""Putting a change through the gates, and what came of it as evidence.

The project is only read. What runs is run in an isolated copy of it, if the user lets mix run there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from threading import Event
from time import monotonic

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import LineIndex
from otp_genesis_refactorers.applying.diff import unified
from otp_genesis_refactorers.applying.patch import NewContents, PatchRefused
from otp_genesis_refactorers.change import content_hash
from otp_genesis_refactorers.gates import static_gates
from otp_genesis_refactorers.gates.running import running_gates
from otp_genesis_refactorers.gates.running.experiment import Experiment, GivenTest
from otp_genesis_refactorers.gates.trial import Failed, Goal, NotRun, Trial, Verdict, try_contents
from otp_genesis_refactorers.git.changed_lines import checked_out
from otp_genesis_refactorers.git.tree import Tree
from otp_genesis_refactorers.machine import trust
from otp_genesis_refactorers.machine.toolchain import Toolchain, find_toolchain
from otp_genesis_refactorers.mix.results import MixResult
from otp_genesis_refactorers.proof.evidence import (
    CommandRecord,
    Evidence,
    FileRecord,
    FindingRecord,
    GateRecord,
    OverallVerdict,
    TestRecord,
)
from otp_genesis_refactorers.shadow.originals import of_commit, on_disk
from otp_genesis_refactorers.shadow.workspace import ShadowError, open_shadow

OnGate = Callable[[str], None]
"""Is told the name of each gate before it is asked."""

_NO_TRUST = (
    "mix runs a project's own code, and has not been allowed to for this folder: allow it for this once with"
    " --trust, or for good with 'otp-genesis trust'"
)


@dataclass(frozen=True)
class Request:
    """A change to be proved: the new contents of files of the project in `root`.

    `finding` is what it is to remove. `test` is to fail without the change and to pass with it; a single new
    test among `contents` is taken for it. `unsaved` is what `project` has of open editors: the change is made
    on it. `goal` is what a step must reach that need not remove the finding yet.
    """

    root: Path
    project: Project
    config: Config
    contents: NewContents
    finding: Finding | None = None
    test: GivenTest | None = None
    unsaved: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    trusted_for_this_run: bool = False
    goal: Goal | None = None
    base: Tree | None = None
    """The commit that `project` is the tree of, and the copy too; without one they are those of the disk."""
    ours: bool = False
    """Made by this tool: a part that nothing needs is left out, where another's patch is rejected for it."""


@dataclass(frozen=True)
class Proved:
    evidence: Evidence
    contents: NewContents
    """What the evidence is of: of a change of ours perhaps less than was asked for."""


def verify(request: Request, *, cancel: Event | None = None, on_gate: OnGate | None = None) -> Evidence:
    """Ask the gates, cheap ones first, up to the first that fails."""
    return prove(request, cancel=cancel, on_gate=on_gate).evidence


def prove(request: Request, *, cancel: Event | None = None, on_gate: OnGate | None = None) -> Proved:
    """The same. What is left of a change of ours is proved anew, as a whole."""
    request = _held(_with_test_found(request))
    while True:
        evidence, needed = _asked(request, cancel, on_gate)
        if needed is None:
            return Proved(evidence, request.contents)
        left = {path: new for path, new in needed.items() if new != _read(request.project, path)}
        test = {path: new for path, new in request.contents.items() if _is_the_test(request, path)}
        request = replace(request, contents={**left, **test})


def _held(request: Request) -> Request:
    """The request with the files that it is about as they are now, whatever becomes of them meanwhile."""
    paths = {*request.contents, *([request.finding.path] if request.finding else ())}
    now = {path: content for path in paths if (content := _read(request.project, path)) is not None}

    def read(path: str) -> bytes:
        return now[path] if path in now else request.project.read(path)

    return replace(request, project=replace(request.project, read=read))


def _asked(
    request: Request, cancel: Event | None, on_gate: OnGate | None
) -> tuple[Evidence, NewContents | None]:
    """The evidence, and what is needed of the change where that is less than all of it."""
    begin = monotonic()
    found = engine.check(request.project, request.config)
    trial = try_contents(
        request.finding, request.contents, request.project, found, request.config, request.goal
    )
    records = list(_static_records(trial, on_gate))
    log: list[MixResult] = []
    needed: NewContents | None = None
    if _failed(records):
        records += _left_out(_not_reached(records))
    elif not (request.trusted_for_this_run or trust.is_trusted(request.root)):
        records += _left_out(_NO_TRUST)
    else:
        ran, needed = _running_records(request, trial, log, cancel, on_gate)
        records += ran
    return _evidence(request, records, log, monotonic() - begin), needed


def refused(request: Request, refusal: PatchRefused) -> Evidence:
    """The evidence of a patch that does not even fit the project."""
    names = [gate.name for gate in static_gates()]
    first = GateRecord(name=refusal.gate, status="fail", reason=refusal.reason)
    rest = [
        GateRecord(name=name, status="not_run", reason=_not_reached([first]))
        for name in names
        if name != refusal.gate
    ]
    records = [first, *rest, *_left_out(_not_reached([first]))]
    return _evidence(replace(request, contents={}), records, [], 0.0)


def overall(gates: list[GateRecord]) -> tuple[OverallVerdict, str]:
    """The verdict and the reason of one that is not `verified`."""
    for gate in gates:
        if gate.status == "fail":
            return "rejected", gate.reason
    for gate in gates:
        if gate.status == "not_run" and gate.applies:
            return "not_verified", gate.reason
    return "verified", ""


def given_test(request: Request, name: str, source: bytes) -> GivenTest:
    """A test from anywhere, with a place in the project: its own when that is in a test folder."""
    pure = PurePosixPath(name)
    if not pure.is_absolute() and ".." not in pure.parts and request.project.role_of(name).is_test:
        return GivenTest(name, source)
    paths = [request.finding.path] if request.finding else sorted(request.contents)
    app = request.project.app_of(paths[0]) if paths else None
    folder = f"{app.folder}/" if app is not None and app.folder else ""
    return GivenTest(f"{folder}test/otp_genesis_given_test.exs", source)


def _with_test_found(request: Request) -> Request:
    """The request with the new test of the change taken out of it and for the given one."""
    if request.test is not None:
        return request
    new = {
        path: content
        for path, content in request.contents.items()
        if content is not None and path.endswith("_test.exs") and path not in request.project.files
    }
    if len(new) != 1:
        return request
    (path, source), *_ = new.items()
    return replace(request, test=GivenTest(path, source))


def _static_records(trial: Trial, on_gate: OnGate | None) -> Iterator[GateRecord]:
    failed = ""
    for gate in static_gates():
        if failed:
            yield GateRecord(name=gate.name, status="not_run", reason=failed)
            continue
        if on_gate is not None:
            on_gate(gate.name)
        begin = monotonic()
        record = _record(gate.name, gate.check(trial), monotonic() - begin, [])
        failed = _not_reached([record]) if record.status == "fail" else ""
        yield record


def _running_records(
    request: Request, trial: Trial, log: list[MixResult], cancel: Event | None, on_gate: OnGate | None
) -> tuple[list[GateRecord], NewContents | None]:
    contents = {path: new for path, new in request.contents.items() if not _is_the_test(request, path)}
    records: list[GateRecord] = []
    needed: NewContents | None = None
    try:
        with open_shadow(
            request.root,
            trusted_for_this_run=request.trusted_for_this_run,
            cancel=cancel,
            originals=of_commit(request.base) if request.base else on_disk,
        ) as shadow:
            experiment = Experiment(
                trial, contents, shadow, request.test, request.unsaved, cancel, log, request.ours
            )
            for gate in running_gates():
                if _failed(records):
                    break
                if on_gate is not None:
                    on_gate(gate.name)
                begin, ran = monotonic(), len(log)
                verdict = gate.check(experiment)
                records.append(_record(gate.name, verdict, monotonic() - begin, log[ran:]))
            needed = experiment.needed
    except ShadowError as error:
        return [*records, *_left_out(str(error), len(records))], None
    return [*records, *_left_out(_not_reached(records), len(records))], needed


def _is_the_test(request: Request, path: str) -> bool:
    return request.test is not None and path == request.test.path


def _left_out(reason: str, asked: int = 0) -> list[GateRecord]:
    """The records of the running gates that were not asked."""
    return [GateRecord(name=gate.name, status="not_run", reason=reason) for gate in running_gates()[asked:]]


def _failed(records: list[GateRecord]) -> bool:
    return any(record.status == "fail" for record in records)


def _not_reached(records: list[GateRecord]) -> str:
    failed = next((record.name for record in records if record.status == "fail"), "")
    return f"not reached, since {failed} failed" if failed else ""


def _record(name: str, verdict: Verdict, seconds: float, runs: list[MixResult]) -> GateRecord:
    commands = tuple(
        CommandRecord(
            command=run.command,
            status=run.status,
            exit_code=run.exit_code,
            seconds=round(run.seconds, 3),
            isolation=run.isolation,
            output_hash=blake2b(
                (run.stdout + run.stderr).encode("utf-8", "replace"), digest_size=16
            ).hexdigest(),
        )
        for run in runs
    )
    seconds = round(seconds, 3)
    match verdict:
        case Failed(reason, details):
            details = details.encode("utf-8", "replace").decode()
            return GateRecord(
                name=name,
                status="fail",
                reason=_line(reason),
                details=details,
                seconds=seconds,
                commands=commands,
            )
        case NotRun(reason, applies):
            return GateRecord(
                name=name,
                status="not_run",
                reason=_line(reason),
                applies=applies,
                seconds=seconds,
                commands=commands,
            )
        case _:
            return GateRecord(name=name, status="pass", seconds=seconds, commands=commands)


def _line(reason: str) -> str:
    return " ".join(reason.encode("utf-8", "replace").decode().split())


def _evidence(request: Request, records: list[GateRecord], log: list[MixResult], seconds: float) -> Evidence:
    verdict, reason = overall(records)
    contents = dict(request.contents)
    before = {path: _read(request.project, path) for path in contents}
    test = request.test
    return Evidence(
        made_at=datetime.now(UTC),
        verdict=verdict,
        reason=reason,
        finding=_finding_record(request) if request.finding else None,
        gates=tuple(records),
        seconds=round(seconds, 3),
        isolation=next((run.isolation for run in log if run.status != "not_run"), ""),
        tools=_tools(request.root),
        base_commit=request.base.commit if request.base else checked_out(request.root),
        files=tuple(
            FileRecord(path=_text(path), before=_hash(before[path]), after=_hash(content))
            for path, content in sorted(contents.items())
        ),
        patch="".join(
            _text(unified(path, before[path], content or b"")) for path, content in sorted(contents.items())
        ),
        test=TestRecord(path=test.path, source=test.source.decode("utf-8", "replace")) if test else None,
    )


def _finding_record(request: Request) -> FindingRecord:
    finding = request.finding
    assert finding is not None
    line = LineIndex(request.project.read(finding.path)).line_of(finding.span.start) + 1
    return FindingRecord(
        code=finding.code,
        name=finding.name,
        path=_text(finding.path),
        line=line,
        message=finding.message,
        fingerprint=finding.fingerprint,
    )


def _tools(root: Path) -> Mapping[str, str]:
    tools = {"otp-genesis": version("otp-genesis")}
    toolchain = find_toolchain(root, os.environ)
    if isinstance(toolchain, Toolchain):
        tools |= {"Elixir": toolchain.elixir_version, "OTP": toolchain.otp_version}
    return tools


def _read(project: Project, path: str) -> bytes | None:
    try:
        return project.read(path)
    except OSError:
        return None


def _hash(content: bytes | None) -> str:
    return "" if content is None else content_hash(content)


def _text(text: str) -> str:
    """What has bytes that are no text, as text."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
