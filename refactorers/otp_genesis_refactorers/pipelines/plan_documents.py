"""A model's answer that is a plan in several documents, as files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from otp_genesis_refactorers.plan.documents import FOLDER
from otp_genesis_refactorers.plan.model import OVERVIEW, PHASES

if TYPE_CHECKING:
    from otp_genesis_refactorers.pipelines.here import Here

_HEADING = re.compile(r"#{1,2} +(?P<title>.+)")
_NUMBER = re.compile(r"\b(?:phase|stage|document|part|step)?\s*0?(?P<number>[1-5])\b", re.IGNORECASE)
_FENCE = re.compile(r"\s*(```+|~~~+)")
_WORDS = {
    1: ("critical", "bleeding"),
    2: ("persistence", "state"),
    3: ("decomposition", "architectural", "god"),
    4: ("testing", "communication"),
    5: ("integration", "rollout", "deployment"),
}
_FEWEST = 3


def keep_documents(here: Here, text: str, data: Any) -> list[str]:
    """Write the documents that an answer holds, and give their paths; none for any other answer.

    They go to the plan's folder. Where a plan lies there already they go to the run's own folder: what a
    person may have changed is not written over.
    """
    documents = _given(data) or split_documents(text)
    if not documents:
        return []
    folder = here.code.root / FOLDER
    if any(_differs(folder / name, content) for name, content in documents.items()):
        folder = here.engine.output_folder / "plan"
        here.engine.on_note(
            f"{here.path}: there is a plan already, which is kept; the new one is in {folder}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in documents.items():
        (folder / name).write_text(content, encoding="utf-8", errors="surrogateescape")
    return [str(folder / name) for name in documents]


def split_documents(text: str) -> dict[str, str]:
    """The documents of a plan by file name, when an answer is one: most of the five phases have a heading."""
    for level in (1, 2):
        parts = _sections(_unfenced(text), level)
        found: dict[str, str] = {}
        for title, body in parts:
            number = _phase_of(title)
            if number is not None:
                file = PHASES[number - 1].file
                found[file] = f"{found[file]}\n{body}" if file in found else body
        if len(found) >= _FEWEST:
            opening = parts[0][1].strip() if parts and _phase_of(parts[0][0]) is None else ""
            return {**({OVERVIEW.file: opening + "\n"} if opening else {}), **found}
    return {}


def _given(data: Any) -> dict[str, str]:
    """Those of `otp.PlanDocuments`."""
    if not isinstance(data, Mapping) or not isinstance(cast(Mapping[str, Any], data).get("documents"), list):
        return {}
    documents: dict[str, str] = {}
    for each in cast(Mapping[str, Any], data)["documents"]:
        if not isinstance(each, Mapping):
            return {}
        phase, markdown = (cast(Mapping[str, Any], each).get(key) for key in ("phase", "markdown"))
        if not isinstance(phase, int) or not 1 <= phase <= len(PHASES) or not isinstance(markdown, str):
            return {}
        documents[PHASES[phase - 1].file] = markdown.rstrip() + "\n"
    return documents


def _unfenced(text: str) -> str:
    """Without the code fences that whole documents are wrapped in."""
    lines = text.splitlines()
    kept: list[str] = []
    inside = False
    for line in lines:
        stripped = line.strip()
        if not inside and re.fullmatch(r"```+\s*(markdown|md)\b.*", stripped):
            inside = True
        elif inside and re.fullmatch(r"```+", stripped) and _is_balanced(kept):
            inside = False
        else:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _is_balanced(lines: list[str]) -> bool:
    return sum(1 for line in lines if _FENCE.match(line)) % 2 == 0


def _sections(text: str, level: int) -> list[tuple[str, str]]:
    """Titles and texts, headings included, of the parts under headings of a level; first what is before."""
    mark = "#" * level + " "
    parts: list[tuple[str, list[str]]] = [("", [])]
    in_code = False
    for line in text.splitlines():
        if _FENCE.match(line):
            in_code = not in_code
        if not in_code and line.startswith(mark):
            parts.append((line.removeprefix(mark).strip(), []))
        parts[-1][1].append(line)
    return [
        (title, "\n".join(lines).strip("\n") + "\n") for title, lines in parts if any(map(str.strip, lines))
    ]


def _phase_of(title: str) -> int | None:
    words = title.lower()
    number = _NUMBER.search(words)
    if number and number.start() < len("documents 0"):
        return int(number["number"])
    return next((phase for phase, known in _WORDS.items() if any(word in words for word in known)), None)


def _differs(file: Path, content: str) -> bool:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape") != content
    except OSError:
        return file.exists()
