"""Precision and recall of the rules on labelled places in public repositories.

    .venv/bin/python bench/precision.py REPOSITORIES_DIR [--labels DIR] [--misses]

REPOSITORIES_DIR holds one folder a repository, as `owner/name`, `owner+name` or `name`: a checkout, or a
bare git repository (there, or in a folder `repo` inside), of which the labelled commit is read.

A label is hit when a finding of one of the rules that answer its kind lies within two lines of it. A warning
on a place that is labelled acceptable or not at all a flaw is a false one; a flaw that no finding of any
level hits is missed. Labels whose kind has no rule here yet are left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Finding, Severity
from otp_genesis_analyzers.rules import all_rules
from otp_genesis_analyzers.source import LineIndex

NEAR_LINES = 2
DEFAULT_LABELS = Path(__file__).parents[2] / "shared" / "labels"


@dataclass(frozen=True)
class Label:
    repository: str
    commit: str
    path: str
    first_line: int
    last_line: int
    kind: str
    verdict: str
    """`anti-pattern`, `acceptable` or `not`."""
    reason: str


@dataclass(frozen=True)
class Placed:
    """A finding with its 1-based line."""

    finding: Finding
    line: int


def read_labels(folder: Path) -> Iterator[Label]:
    for file in sorted(folder.glob("*.jsonl")):
        for text in file.read_text().splitlines():
            row = json.loads(text)
            verified = {True: "anti-pattern", False: "not"}.get(row.get("verified"), "")
            yield Label(
                row["repo"],
                row["commit"],
                row["file"],
                row["line"],
                row.get("end_line") or row["line"],
                row.get("candidate_kind") or row["category"],
                row.get("verdict") or verified,
                row.get("reason") or row.get("description", ""),
            )


def rules_by_kind(folder: Path) -> dict[str, frozenset[str]]:
    """The kind-to-rules table in the labels' README."""
    kinds: dict[str, frozenset[str]] = {}
    for line in (folder / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 2 and cells[1].startswith("OTP"):
            kinds[cells[0]] = frozenset(code.strip() for code in cells[1].split(","))
    return kinds


def checkout(repositories: Path, repository: str, commit: str, scratch: Path) -> Path | None:
    """A folder with the repository's Elixir files; the labelled commit's where git has it."""
    owner, _, name = repository.partition("/")
    for folder in (repositories / owner / name, repositories / f"{owner}+{name}", repositories / name):
        for git in (folder, folder / "repo", folder / ".git"):
            if (git / "HEAD").is_file() and (git / "objects").is_dir():
                return _extracted(git, commit, scratch / name)
        if folder.is_dir():
            return folder
    return None


def _extracted(git: Path, commit: str, target: Path) -> Path | None:
    def run(*arguments: str) -> bytes:
        return subprocess.run(["git", "-C", str(git), *arguments], check=True, capture_output=True).stdout

    try:
        listing = run("ls-tree", "-r", "-z", "--name-only", commit).decode("utf-8", "replace").split("\0")
    except subprocess.CalledProcessError:
        return None
    for path in listing:
        if path.endswith((".ex", ".exs")):
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(run("cat-file", "blob", f"{commit}:{path}"))
    return target


def findings_in(folder: Path) -> tuple[dict[str, list[Placed]], int]:
    """Findings by path, and how many lines of Elixir there are."""
    loaded = engine.load(folder)
    found: dict[str, list[Placed]] = defaultdict(list)
    lines = 0
    for path in loaded.project.files:
        lines += len(LineIndex(loaded.project.read(path)).starts)
    for finding in engine.check(loaded.project, Config()):
        index = LineIndex(loaded.project.read(finding.path))
        found[finding.path].append(Placed(finding, index.line_of(finding.span.start) + 1))
    return found, lines


def hits(label: Label, found: Iterable[Placed], codes: frozenset[str]) -> list[Finding]:
    first, last = label.first_line - NEAR_LINES, label.last_line + NEAR_LINES
    return [place.finding for place in found if place.finding.code in codes and first <= place.line <= last]


@dataclass
class Score:
    warned_right: int = 0
    warned_wrong: int = 0
    noted_right: int = 0
    noted_wrong: int = 0
    missed: int = 0

    def add(self, label: Label, worst: Severity | None) -> None:
        flaw = label.verdict == "anti-pattern"
        if worst is None:
            self.missed += flaw
        elif worst >= Severity.WARNING:
            self.warned_right += flaw
            self.warned_wrong += not flaw
        elif worst is Severity.INFORMATION:
            self.noted_right += flaw
            self.noted_wrong += not flaw
        else:
            self.noted_right += flaw

    def row(self, name: str) -> str:
        flaws = self.warned_right + self.noted_right + self.missed
        warnings = _share(self.warned_right, self.warned_right + self.warned_wrong)
        notes = _share(self.noted_right, self.noted_right + self.noted_wrong)
        recall = _share(flaws - self.missed, flaws)
        return f"| {name} | {warnings} | {notes} | {recall} |"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2f} ({part}/{whole})" if whole else "–"


def _worst(found: list[Finding]) -> Severity | None:
    return max((finding.severity for finding in found), default=None)


@click.command()
@click.argument("repositories", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--labels", type=click.Path(exists=True, path_type=Path), default=DEFAULT_LABELS)
@click.option("--misses", is_flag=True, help="List every false warning and every missed flaw.")
def main(repositories: Path, labels: Path, misses: bool) -> None:
    """Score the rules against the labels."""
    kinds, known = rules_by_kind(labels), {rule.code for rule in all_rules()}
    by_repository: dict[tuple[str, str], list[Label]] = defaultdict(list)
    for label in read_labels(labels):
        by_repository[label.repository, label.commit].append(label)
    total, by_rule, listed = Score(), defaultdict[str, Score](Score), list[str]()
    print("| repository | findings per 1,000 lines: warnings | notes |\n|---|--:|--:|")
    for (repository, commit), group in sorted(by_repository.items()):
        with tempfile.TemporaryDirectory() as scratch:
            folder = checkout(repositories, repository, commit, Path(scratch))
            if folder is None:
                print(f"| {repository} | not found below {repositories} | |")
                continue
            found, lines = findings_in(folder)
        _density(repository, found, lines)
        for label in group:
            codes = kinds.get(label.kind, frozenset()) & known
            if codes:
                hit = hits(label, found.get(label.path, []), codes)
                total.add(label, _worst(hit))
                for code in codes:
                    by_rule[code].add(label, _worst([finding for finding in hit if finding.code == code]))
                listed += _listing(label, hit)
    print(
        "\n| rule | precision of warnings | of notes | share of the flaws of its kinds |\n|---|--:|--:|--:|"
    )
    for code in sorted(by_rule):
        print(by_rule[code].row(code))
    print(total.row("**all**"))
    if misses:
        print("", *listed, sep="\n")
    sys.exit(0)


def _density(repository: str, found: dict[str, list[Placed]], lines: int) -> None:
    counts = Counter(place.finding.severity for places in found.values() for place in places)
    warnings = counts[Severity.WARNING] + counts[Severity.ERROR]
    notes = counts[Severity.INFORMATION]
    print(f"| {repository} | {1000 * warnings / lines:.2f} | {1000 * notes / lines:.2f} |")


def _listing(label: Label, hit: list[Finding]) -> Iterator[str]:
    worst, place = _worst(hit), f"{label.repository} {label.path}:{label.first_line} ({label.kind})"
    if label.verdict == "anti-pattern" and worst is None:
        yield f"missed        {place} {label.reason}"
    elif label.verdict != "anti-pattern" and worst is not None and worst >= Severity.WARNING:
        codes = ", ".join(sorted({finding.code for finding in hit}))
        yield f"false {codes} {place} labelled {label.verdict}: {label.reason}"


if __name__ == "__main__":
    main()
