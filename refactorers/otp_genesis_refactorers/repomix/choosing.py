"""Which files of a folder go into a pack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase.beneath import read_beneath
from otp_genesis_refactorers.llm.privacy.withholding import Withholding
from otp_genesis_refactorers.repomix.writing import can_be_named, can_be_told
from otp_genesis_refactorers.shadow.project_files import project_files

_IGNORE_FILE = ".gitignore"
_NO_SOURCES = GitIgnoreSpec.from_lines(
    ["mix.lock", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "repomix-output.*", ".otp-genesis/"]
)
"""Made by programs, and of no use to a reader."""


@dataclass
class Chosen:
    texts: dict[str, str] = field(default_factory=dict[str, str])
    """By path, sorted, secrets and all; without the line break at the end."""
    listed: list[str] = field(default_factory=list[str])
    """Files that are there, but no text."""
    withheld: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict[str, list[str]](list))
    """Files that may not be packed, by the reason."""


def choose(
    root: Path,
    withholding: Withholding,
    *,
    below: str = "",
    include: Sequence[str] = (),
    ignore: Sequence[str] = (),
    without: Sequence[str] = (),
) -> Chosen:
    """The files of the project in `root` that lie in its folder `below`, by paths relative to `root`.

    `include` and `ignore` are patterns as in `.gitignore`, relative to `below`; `without` are paths. Raises
    ValueError for a pattern that is none, OSError when the folder can't be read.
    """
    wanted = GitIgnoreSpec.from_lines(include) if include else None
    unwanted = GitIgnoreSpec.from_lines(ignore)
    inside = f"{below}/" if below else ""
    chosen = Chosen()
    for path in sorted(_unignored(root)):
        if not path.startswith(inside) or path in without or _NO_SOURCES.match_file(path):
            continue
        within = path.removeprefix(inside)
        if (wanted is None or wanted.match_file(within)) and not unwanted.match_file(within):
            _take(chosen, root, path, withholding)
    return chosen


def _take(chosen: Chosen, root: Path, path: str, withholding: Withholding) -> None:
    reason = withholding.reason(path) if can_be_named(path) else "its name can't be written in a pack"
    if reason is not None:
        chosen.withheld[reason].append(path)
        return
    text = _text(root, path)
    if text is None:
        chosen.listed.append(path)
    elif not can_be_told(text):
        chosen.withheld["its text can't be told from the pack's own marks"].append(path)
        chosen.listed.append(path)
    else:
        chosen.texts[path] = text.removesuffix("\n")


def _text(root: Path, path: str) -> str | None:
    content = read_beneath(root, path)
    if isinstance(content, Refused) or b"\0" in content:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _unignored(root: Path) -> Iterator[str]:
    """The project's files that no `.gitignore` in or above it lists."""
    files = [file.path for file in project_files(root, with_dependencies=False) if not file.link]
    specs = {path.removesuffix(_IGNORE_FILE): _spec(root / path) for path in files if _is_ignore_file(path)}
    above = list(_specs_above(root))
    for path in files:
        if not _is_ignore_file(path) and not _is_ignored(path, above, specs):
            yield path


def _is_ignore_file(path: str) -> bool:
    return path.rpartition("/")[2] == _IGNORE_FILE


def _is_ignored(
    path: str, above: Sequence[tuple[str, GitIgnoreSpec]], specs: dict[str, GitIgnoreSpec]
) -> bool:
    """By the deepest file that has something to say of it."""
    ignored = False
    for prefix, spec in above:
        ignored = _said(spec, prefix + path, ignored)
    folder = ""
    for part in path.split("/"):
        if folder in specs:
            ignored = _said(specs[folder], path.removeprefix(folder), ignored)
        folder += f"{part}/"
    return ignored


def _said(spec: GitIgnoreSpec, path: str, otherwise: bool) -> bool:
    said = spec.check_file(path).include
    return otherwise if said is None else said


def _specs_above(root: Path) -> Iterator[tuple[str, GitIgnoreSpec]]:
    """What the folders above say, the repository's first, with what stands before a path there."""
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    for folder in reversed([folder for folder in root.parents if folder.is_relative_to(top)]):
        if (folder / _IGNORE_FILE).is_file():
            yield f"{root.relative_to(folder).as_posix()}/", _spec(folder / _IGNORE_FILE)
    exclude = top / ".git/info/exclude"
    if exclude.is_file():
        at = root.relative_to(top).as_posix()
        yield "" if at == "." else f"{at}/", _spec(exclude)


def _spec(file: Path) -> GitIgnoreSpec:
    """Patterns that are none are passed over, as git does."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    return GitIgnoreSpec.from_lines(line for line in lines if _is_pattern(line))


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
