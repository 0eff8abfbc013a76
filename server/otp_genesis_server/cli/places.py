"""Places and numbers as people read them: paths from where they stand, lines and columns from 1."""

from __future__ import annotations

from pathlib import Path

from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import LineIndex


def from_here(path: Path) -> str:
    """A path as it can be opened from the current folder: relative below it, else absolute."""
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)


def counted(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def printable(text: str) -> str:
    """A file must not be able to steer the terminal that it is shown on."""
    kept = "\t\N{ZERO WIDTH JOINER}"  # the latter joins emoji
    return "".join(c if c.isprintable() or c in kept else "\N{REPLACEMENT CHARACTER}" for c in text)


class Places:
    """Turns the byte offsets of a project's findings into lines and columns, a file read once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._files: dict[str, tuple[bytes, LineIndex]] = {}

    def of(self, path: str, byte_offset: int) -> tuple[int, int]:
        """Line and column, both from 1, the column in code points."""
        line, column = self._file(path)[1].position(byte_offset, "utf-32")
        return line + 1, column + 1

    def line_text(self, path: str, line: int) -> str:
        """A line, counted from 1, without its line break."""
        content, lines = self._file(path)
        return content[lines.starts[line - 1] : lines.line_end(line - 1)].decode("utf-8", "replace")

    def _file(self, path: str) -> tuple[bytes, LineIndex]:
        if path not in self._files:
            try:
                content = self._project.read(path)
            except OSError:  # removed since it was checked: what was found there is shown without its place
                content = b""
            self._files[path] = content, LineIndex(content)
        return self._files[path]
