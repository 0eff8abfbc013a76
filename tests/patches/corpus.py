"""Good and bad patches on small mix projects: one TOML file a project.

[files]              the project, by path
[tests]              ExUnit tests that show a flaw, by name
[[case]]
name = "supervised"
kind = "dropped work"                           what is wrong with it, of a bad one
finding = "OTP101 lib/parcel/notifier.ex"       what the patch is for: the first of this code in this file
test = "notified under a supervisor"
expect = ["verified"]                           or the gates of which one must reject it
change."lib/parcel/notifier.ex" = [["spawn(", "Task.Supervisor.start_child(Parcel.TaskSupervisor, "]]
add."test/parcel/a_test.exs" = "notified under a supervisor"
spoiled = ["syntax", "deleted test"]            more bad ones: this, or its test, spoilt (see `spoiling.py`)
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.applying.patch import PatchRefused, apply_patch
from otp_genesis_refactorers.proof.evidence import Evidence
from otp_genesis_refactorers.proof.verification import Request, given_test, refused, verify
from tests.patches.spoiling import SPOILS, SPOILT_TESTS, Draft, diff_of, kind_of

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    project: str
    name: str
    draft: Draft
    expect: tuple[str, ...]
    test: str | None
    kind: str = ""
    """What is wrong with it; empty of a good one."""

    @property
    def code(self) -> str:
        return self.draft.code

    @property
    def good(self) -> bool:
        return "verified" in self.expect

    @property
    def id(self) -> str:
        return f"{self.project}: {self.name}"

    def judged_rightly(self, evidence: Evidence) -> bool:
        """Accepted, or rejected by a gate that sees what is wrong with it."""
        if self.good:
            return evidence.verdict == "verified"
        return evidence.verdict == "rejected" and rejecting_gate(evidence) in self.expect


@dataclass(frozen=True)
class PatchedProject:
    name: str
    files: Mapping[str, str]
    cases: tuple[Case, ...]

    def write(self, folder: Path) -> Path:
        root = folder / self.name
        for path, text in self.files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return root


def projects() -> tuple[PatchedProject, ...]:
    return tuple(_project(file) for file in sorted(FOLDER.glob("*.toml")))


def rejecting_gate(evidence: Evidence) -> str:
    return next((gate.name for gate in evidence.gates if gate.status == "fail"), "")


def prove(case: Case, root: Path, project: Project, *, trusted: bool = True) -> Evidence:
    """What the gates say of a case; `project` is the one in `root`, where mix may run or not."""
    with case.draft.prepared(root):
        request = request_for(case, root, project, trusted=trusted)
        return refused(*request) if isinstance(request, tuple) else verify(request)


def request_for(
    case: Case, root: Path, project: Project, *, trusted: bool = True
) -> Request | tuple[Request, PatchRefused]:
    """What the gates are asked; a patch that can't be applied with why."""
    config = Config().merged(also=(case.code,) if case.code else ())
    finding = _finding(case, project, config) if case.code else None
    request = Request(root, project, config, {}, finding, trusted_for_this_run=trusted)
    if case.test is not None:
        request = replace(request, test=given_test(request, "/elsewhere/a_test.exs", case.test.encode()))
    contents = apply_patch(case.draft.diff, root, project.read)
    return (request, contents) if isinstance(contents, PatchRefused) else replace(request, contents=contents)


def _finding(case: Case, project: Project, config: Config) -> Finding:
    found = [f for f in engine.check(project, config) if (f.code, f.path) == (case.code, case.draft.path)]
    assert found, f"{case.id}: there is no {case.code} in {case.draft.path}"
    return found[0]


def _project(file: Path) -> PatchedProject:
    data = tomllib.loads(file.read_text())
    cases = tuple(case for given in data["case"] for case in _cases(file.stem, given, data))
    names = [case.name for case in cases]
    assert len(names) == len(set(names)), f"{file.name}: two cases have one name"
    return PatchedProject(file.stem, data["files"], cases)


def _cases(project: str, given: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[Case]:
    files: dict[str, str] = data["files"]
    code, _, path = given.get("finding", "").partition(" ")
    new: dict[str, str | None] = {}
    for changed, edits in given.get("change", {}).items():
        text = files[changed]
        for old, replacement in edits:
            assert text.count(old) == 1, f"{project}: {given['name']}: {old!r} is not there once"
            text = text.replace(old, replacement)
        new[changed] = text
    new |= {added: data["tests"].get(text, text) for added, text in given.get("add", {}).items()}
    new |= dict.fromkeys(given.get("remove", ()))
    test = data["tests"][given["test"]] if "test" in given else None
    draft = Draft(files, new, code, path, given["diff"].encode() if "diff" in given else diff_of(files, new))
    case = Case(project, given["name"], draft, tuple(given["expect"]), test, given.get("kind", ""))
    yield case
    for kind in given.get("spoiled", ()):
        if kind in SPOILT_TESTS:
            spoilt_test, expect = SPOILT_TESTS[kind]
            yield replace(
                case, name=f"{case.name}, {kind}", test=spoilt_test, expect=expect, kind=kind_of(kind)
            )
            continue
        spoilt, expect = SPOILS[kind]
        yield replace(
            case, name=f"{case.name}, {kind}", draft=spoilt(draft), expect=expect, kind=kind_of(kind)
        )
