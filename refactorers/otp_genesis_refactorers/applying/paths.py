"""Which paths may name a file of a project, told from the path alone."""

from __future__ import annotations

from pathlib import PurePosixPath

MAX_PATH_CHARACTERS, MAX_NAME_BYTES = 1024, 255
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(10))}
)


def objection_to(path: str) -> str:
    """Why nobody may name a file so, as the rest of a sentence; empty when there is no reason."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or path[1:2] == ":":
        return "which is outside the project"
    if not path.isprintable() or path != str(pure) or path in (".", "") or _is_too_long(pure):
        return "which is no plain path"
    if any(_is_reserved(part.rstrip(" .").lower()) for part in pure.parts):
        return "which belongs to git or is a reserved name"
    return ""


def _is_reserved(name: str) -> bool:
    # Some file systems know `.git` as `git~1` too.
    return name.startswith((".git", "git~")) or name.split(".", maxsplit=1)[0] in _RESERVED


def _is_too_long(path: PurePosixPath) -> bool:
    if len(str(path)) > MAX_PATH_CHARACTERS:
        return True
    return any(len(part.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES for part in path.parts)
