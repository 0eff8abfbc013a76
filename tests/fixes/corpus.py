"""Every rule's examples that have a fix, in every spelling; what came of fixing them.

`bench/fixes.py` prints it as a table.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules import all_rules
from otp_genesis_refactorers.fixes import find_fix
from tests.example_project import DEFAULT_APPLICATION, parse
from tests.fixes.fixing import project_of
from tests.fixes.judging import DETERMINISTIC, STRICT, Outcome, judged
from tests.fixes.respelling import Base, Files
from tests.fixes.spellings import FORMATTED, ROUGH

ELIXIR = Path(__file__).parent / "elixir"
_LINE = re.compile(r"(?<=line )\d+|(?<=:)\d+|(?<=#)[\d.]+")


@dataclass(frozen=True)
class Spelled:
    """A project in one spelling. `formatted`: it is laid out as the formatter would."""

    name: str
    spelling: str
    files: Mapping[str, bytes]
    formatted: bool

    @property
    def project(self) -> Project:
        return project_of(self.files)


def examples(*, only_fixed: bool = False) -> Iterator[tuple[str, Files]]:
    """The examples of what is flawed, of every rule that has a fix; those whose fix is shown, or all."""
    for rule in all_rules():
        if find_fix(rule.name) is not None:
            for number, example in enumerate(rule.INVALID):
                if example.fixed is not None or not only_fixed:
                    yield f"{rule.code}-{number}", parse(example.code).files


def project_in(folder: Path) -> Files:
    """The Elixir files of a project on disk."""
    files = (path for path in folder.rglob("*.ex*") if path.suffix in (".ex", ".exs"))
    own = ((path.relative_to(folder), path) for path in files)
    return {
        name.as_posix(): path.read_text() for name, path in own if not {"_build", "deps"} & set(name.parts)
    }


def spelled(
    sources: Iterable[tuple[str, Files]],
    wanted: Callable[[str], bool] = lambda _spelling: True,
    one_in: int = 1,
) -> list[Spelled]:
    """Each project in each `wanted` spelling that makes a difference to it; one in `one_in` of them."""
    found: list[Spelled] = []
    for name, files in sources:
        project = project_of({path: text.encode() for path, text in files.items()})
        findings = tuple(f for f in engine.check(project, STRICT) if f.fix in DETERMINISTIC)
        base = Base(files, findings)
        for formatted, spellings in ((True, FORMATTED), (False, ROUGH)):
            for spelling, write in spellings.items():
                written = write(base) if wanted(spelling) else None
                if written is not None:
                    contents = {path: text.encode() for path, text in written.items()}
                    found.append(Spelled(name, spelling, contents, formatted))
    return _laid_out(list(_one_in(one_in, found)))


def _one_in(many: int, projects: list[Spelled]) -> Iterator[Spelled]:
    """Of each spelling at least one, and of different projects."""
    for turn, spelling in enumerate(sorted({project.spelling for project in projects})):
        alike = [project for project in projects if project.spelling == spelling]
        yield from alike[turn % many :: many] or alike[:1]


def _laid_out(projects: list[Spelled]) -> list[Spelled]:
    """Those that are to be formatted as the real formatter lays them out; what does not parse is left out."""
    texts = {text for project in projects if project.formatted for text in _elixir(project.files).values()}
    laid_out, broken = format_texts(texts)
    return [
        Spelled(
            project.name,
            project.spelling,
            {
                path: laid_out.get(text, text) if project.formatted else text
                for path, text in project.files.items()
            },
            project.formatted,
        )
        for project in projects
        if broken.isdisjoint(project.files.values())
    ]


def _elixir(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: text for path, text in files.items() if path.endswith((".ex", ".exs"))}


def format_texts(texts: Iterable[bytes]) -> tuple[dict[bytes, bytes], set[bytes]]:
    """Each text as the real formatter lays it out, and those that it can't parse."""
    with tempfile.TemporaryDirectory() as folder:
        files = {_digest(text): text for text in texts}
        for name, text in files.items():
            (Path(folder) / name).write_bytes(text)
        said = _elixir_script("format.exs", folder).splitlines()
        broken = {files[Path(line[1:]).name] for line in said if line.startswith("!")}
        return {text: (Path(folder) / name).read_bytes() for name, text in files.items()}, broken


def fixed(projects: Iterable[Spelled]) -> list[Outcome]:
    """Every finding of every project fixed, and the results put before the formatter and the compiler."""
    outcomes: list[tuple[Spelled, Outcome]] = []
    for project in projects:
        each, together = judged(f"{project.name} {project.spelling}", project.project)
        outcomes += [(project, outcome) for outcome in (*each, *([together] if together else []))]
    _judge_layout(outcomes)
    _judge_compilation(outcomes)
    return [outcome for _, outcome in outcomes]


def _offered(outcomes: Sequence[tuple[Spelled, Outcome]]) -> Iterator[tuple[Spelled, Outcome]]:
    return ((project, outcome) for project, outcome in outcomes if outcome.status == "offered")


def _judge_layout(outcomes: Sequence[tuple[Spelled, Outcome]]) -> None:
    asked = [
        (outcome, path, text)
        for project, outcome in _offered(outcomes)
        if project.formatted
        for path, text in _elixir(outcome.changed).items()
    ]
    laid_out, broken = format_texts({text for _, _, text in asked})
    for outcome, path, text in asked:
        if text in broken or laid_out[text] != text:
            outcome.status = "wrong"
            outcome.reason = f"{path} does not parse" if text in broken else f"{path} is no longer formatted"


def _judge_compilation(outcomes: Sequence[tuple[Spelled, Outcome]]) -> None:
    """What compiles before compiles after, and the compiler says nothing that it did not say before."""
    asked = [
        (outcome, _whole(project.files, {}), _whole(project.files, outcome.changed))
        for project, outcome in _offered(outcomes)
    ]
    said = compiled([files for _, before, after in asked for files in (before, after)])
    for outcome, before, after in asked:
        new = said[_key(after)] - said[_key(before)]
        if new and not any("does not compile" in line for line in said[_key(before)]):
            outcome.status, outcome.reason = "wrong", f"the compiler says anew: {sorted(new)[0]}"


def _whole(files: Mapping[str, bytes], changed: Mapping[str, bytes]) -> dict[str, bytes]:
    """The Elixir of a project, the defaults of one without `mix.exs` too."""
    mine = {"lib/shop/application.ex": DEFAULT_APPLICATION.encode()}
    whole = files if any(path.endswith("mix.exs") for path in files) else {**mine, **files}
    return {
        path: text for path, text in _elixir({**whole, **changed}).items() if not path.endswith("mix.exs")
    }


def compiled(projects: Iterable[Mapping[str, bytes]]) -> dict[str, set[str]]:
    """What the real compiler says of each project, by `_key`."""
    with tempfile.TemporaryDirectory() as folder:
        roots: dict[str, Path] = {}
        for files in projects:
            root = roots[_key(files)] = Path(folder) / _key(files)
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(text)
        if roots:
            _elixir_script("compile.exs", folder)
        return {
            key: set(map(_without_lines, (root / "said").read_text().splitlines()))
            for key, root in roots.items()
        }


def _without_lines(said: str) -> str:
    return _LINE.sub("N", said)


def _key(files: Mapping[str, bytes]) -> str:
    return _digest(b"\0".join(part for path in sorted(files) for part in (path.encode(), files[path])))


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=12).hexdigest()


def _elixir_script(name: str, folder: str) -> str:
    done = subprocess.run(
        ["elixir", "--erl", "+S 2:2", ELIXIR / name, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=900,
    )
    return done.stdout.decode()


def table(outcomes: Iterable[Outcome]) -> str:
    counts: Counter[tuple[str, str]] = Counter((outcome.code, outcome.status) for outcome in outcomes)
    names = {rule.code: rule.name for rule in all_rules()}
    rows = ["| rule | offered | refused | wrong |", "|---|--:|--:|--:|"]
    for code in sorted({code for code, _ in counts if code}):
        numbers = " | ".join(str(counts[code, status]) for status in ("offered", "refused", "wrong"))
        rows.append(f"| {code} {names[code]} | {numbers} |")
    for label, wanted in (("several at once", {""}), ("**all**", {code for code, _ in counts})):
        total = [sum(counts[code, status] for code in wanted) for status in ("offered", "refused", "wrong")]
        rows.append(f"| {label} | {' | '.join(map(str, total))} |")
    return "\n".join(rows)
