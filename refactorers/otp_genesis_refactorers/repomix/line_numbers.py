"""What `--output-show-line-numbers` puts before every line: ` 9: `, as wide as the last number."""

from __future__ import annotations

from collections.abc import Iterable

from otp_genesis_refactorers.repomix.packed import File


def without_line_numbers(files: Iterable[File]) -> tuple[File, ...] | None:
    """The files as they were; None when there is one whose lines are not numbered."""
    plain: list[File] = []
    for path, code in files:
        lines = code.split("\n")
        width = len(str(len(lines)))
        numbers = [f"{number:>{width}}: " for number in range(1, len(lines) + 1)]
        if not all(map(str.startswith, lines, numbers)):
            return None
        plain.append((path, "\n".join(line[width + 2 :] for line in lines)))
    return tuple(plain)
