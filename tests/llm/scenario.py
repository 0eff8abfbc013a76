"""Scripted answers of models to real findings: one TOML file a rule, all in one small mix project.

finding = "OTP101 lib/demo/signup.ex"          the first finding of this code in this file
[files]                                        what the scenario adds to the project
[accepted]                                     an answer that is proven; title, test, way
[[accepted.edits]]                             path (the finding's file), function or old, new
[rejected]                                     one that is not: why, for the reader
gate = "finding_gone"                          the gate that rejects it, empty when it does not come so far
reason = "OTP101"                              part of what the user and the model are told
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.llm.mending.answer import ProposedFix

FOLDER = Path(__file__).parent / "scenarios"
_PROJECT = FOLDER / "project.toml"


@dataclass(frozen=True)
class Answer:
    """What the model says, and what must come of it."""

    fix: ProposedFix
    way: str
    gate: str
    reason: str

    @property
    def reply(self) -> str:
        return json.dumps(self.fix.model_dump())


@dataclass(frozen=True)
class Scenario:
    name: str
    finding: str
    files: Mapping[str, str]
    accepted: Answer
    rejected: Answer

    @property
    def code(self) -> str:
        return self.finding.partition(" ")[0]

    def found_in(self, project: Project) -> tuple[Finding, Config]:
        code, _, path = self.finding.partition(" ")
        config = project.config.merged(also=(code,))
        there = [found for found in engine.check(project, config) if (found.code, found.path) == (code, path)]
        assert there, f"{self.name}: there is no {code} in {path}"
        return there[0], config


def scenarios() -> tuple[Scenario, ...]:
    return tuple(_scenario(file) for file in sorted(FOLDER.glob("otp*.toml")))


def write_project(folder: Path, named: tuple[Scenario, ...]) -> Path:
    """The mix project with the files of these scenarios."""
    root = folder / "demo"
    files: dict[str, str] = dict(tomllib.loads(_PROJECT.read_text())["files"])
    for scenario in named:
        clash = files.keys() & scenario.files.keys()
        assert not clash, f"{scenario.name}: {clash} is another scenario's"
        files |= scenario.files
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def _scenario(file: Path) -> Scenario:
    data = tomllib.loads(file.read_text())
    path = data["finding"].partition(" ")[2]
    return Scenario(
        file.stem,
        data["finding"],
        data["files"],
        _answer(data["accepted"], path),
        _answer(data["rejected"], path),
    )


def _answer(given: Mapping[str, Any], path: str) -> Answer:
    fix = ProposedFix.model_validate(
        {
            "title": given.get("title", "Mend it"),
            "explanation": given.get("why", "It does the same, and is supervised."),
            "edits": [{"path": path, **edit} for edit in given.get("edits", ())],
            "test": given.get("test", ""),
            "cannot": given.get("cannot", ""),
        }
    )
    return Answer(fix, given.get("way", ""), given.get("gate", ""), given.get("reason", ""))
