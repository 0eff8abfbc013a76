"""The change keeps to what it is for: it touches no file that decides how it is judged, and no stranger's.

Where a finding is named, its own file may change and those it points to, the supervision trees of its
application, whoever calls its module or is called by it, whoever emits the telemetry events that it handles,
and files that are new.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from otp_genesis_analyzers.across_modules.telemetry_events import emitters, handled_events
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.supervision import forest
from otp_genesis_refactorers.change import FileChange
from otp_genesis_refactorers.gates.trial import Failed, Passed, Trial

RANK = 0
MAX_FILES, MAX_BYTES = 30, 200_000
_JUDGES = frozenset({"mix.exs", ".formatter.exs", ".credo.exs", ".dialyzer_ignore.exs", "test_helper.exs"})


def check(trial: Trial) -> Passed | Failed:
    files = trial.change.files
    size = sum(len(edit.text) for file in files for edit in file.edits if file.path not in trial.removed)
    if len(files) > MAX_FILES or size > MAX_BYTES:
        return Failed(f"it changes {len(files)} files and adds {size:,} bytes: too much to be proved at once")
    near = _near(trial.before, trial.finding) if trial.finding else None
    for file in files:
        objection = _objection(file, trial) or (_distance(file, trial, near) if near is not None else "")
        if objection:
            return Failed(f"it changes {file.path}, {objection}")
    new_tests = [file.path for file in files if not file.original_hash and _is_test(trial, file.path)]
    if len(new_tests) > 1:
        return Failed(f"it brings several tests, {' and '.join(new_tests)}: one is asked for")
    return Passed()


def _objection(file: FileChange, trial: Trial) -> str:
    pure = PurePosixPath(file.path)
    own = trial.finding is not None and file.path == trial.finding.path
    role = trial.before.role_of(file.path)
    if pure.name in _JUDGES or (role is Role.CONFIG and not own):
        return "which decides how the project is built and judged"
    if pure.suffix not in (".ex", ".exs"):
        return "which is no Elixir source: leave it to another patch"
    if file.path in trial.removed:
        return "which it removes" if role.is_test else ""
    if not role.is_test or own:
        return ""
    if file.original_hash:
        return "a test that was there before: what judges the change may not change with it"
    return "" if role is Role.TEST and pure.name.endswith("_test.exs") else "which all tests share"


def _distance(file: FileChange, trial: Trial, near: frozenset[str]) -> str:
    if file.path in near or not file.original_hash:
        return ""
    assert trial.finding is not None
    return f"which has nothing to do with {trial.finding.code} in {trial.finding.path}"


def _is_test(trial: Trial, path: str) -> bool:
    return trial.before.role_of(path).is_test


def _near(project: Project, finding: Finding) -> frozenset[str]:
    return frozenset(_paths_near(project, finding))


def _paths_near(project: Project, finding: Finding) -> Iterator[str]:
    yield finding.path
    yield from (related.path for related in finding.related)
    app = project.app_of(finding.path)
    if app is not None:
        yield from (node.path for node in forest(project).of_app(app))
    facts = project.all_facts(finding.path)
    for module in facts.modules:
        yield from (caller.path for caller in project.naming(module.name) if module.name in caller.references)
    for name in facts.references:
        entry = project.module(name)
        if entry is not None:
            yield entry.path
    yield from emitters(project, handled_events(facts))
