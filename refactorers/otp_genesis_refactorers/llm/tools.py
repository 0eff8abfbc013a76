"""What a model may do by itself: read the project. It can't write, run, or reach anything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase import Codebase, Matches
from otp_genesis_refactorers.llm.conversation import Tool, ToolRefused
from otp_genesis_refactorers.llm.privacy.fencing import Fence
from otp_genesis_refactorers.llm.privacy.withholding import Withholding

_MOST_LINES = 400
_MOST_MATCHES = 60
_MOST_CHARACTERS = 40_000
_MOST_CHARACTERS_OF_LINE = 300
_Arguments = TypeVar("_Arguments", bound=msgspec.Struct)


class _Read(msgspec.Struct, forbid_unknown_fields=True):
    path: str
    first_line: int = 1
    last_line: int | None = None


class _Search(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    files: str = ""


def reading_tools(codebase: Codebase, withholding: Withholding, fence: Fence) -> tuple[Tool, ...]:
    """`read` and `search`, confined to the project, without what is withheld, their results fenced."""
    reading = _Reading(codebase, withholding, fence)
    return (
        Tool(
            "read",
            f"Lines of a file of the project, at most {_MOST_LINES} at once.",
            _parameters(
                {
                    "path": {"type": "string", "description": "Relative to the project's root, with /."},
                    "first_line": {"type": "integer", "description": "Counted from 1."},
                    "last_line": {"type": "integer"},
                },
                required=["path"],
            ),
            reading.read,
        ),
        Tool(
            "search",
            f"Which lines of the project's files hold a text, at most {_MOST_MATCHES}.",
            _parameters(
                {
                    "text": {"type": "string", "description": "Found literally."},
                    "files": {"type": "string", "description": "A pattern as in .gitignore: lib/**/*.ex"},
                },
                required=["text"],
            ),
            reading.search,
        ),
    )


@dataclass(frozen=True)
class _Reading:
    codebase: Codebase
    withholding: Withholding
    fence: Fence

    def read(self, arguments: Mapping[str, object]) -> str:
        asked = _as(arguments, _Read)
        lines = self._lines(asked.path)
        first = max(1, asked.first_line)
        last = min(asked.last_line or len(lines), first + _MOST_LINES - 1, len(lines))
        if first > last:
            raise ToolRefused(
                f"{asked.path} has {len(lines)} lines, none from {first} to {asked.last_line or first}"
            )
        text = "\n".join(lines[first - 1 : last])[:_MOST_CHARACTERS]
        return self.fence.around(f"{asked.path}, lines {first} to {last} of {len(lines)}", text)

    def search(self, arguments: Mapping[str, object]) -> str:
        asked = _as(arguments, _Search)
        found = self.codebase.search(asked.text, asked.files)
        if isinstance(found, Refused):
            raise ToolRefused(found.reason)
        shown = list(self._shown(asked.text, found))
        more = found.more or len(shown) > _MOST_MATCHES
        lines = "\n".join(shown[:_MOST_MATCHES]) or "no line"
        return self.fence.around(
            f"lines that hold {asked.text}{', and there are more' if more else ''}", lines
        )

    def _shown(self, text: str, matches: Matches) -> Iterator[str]:
        for path, found in groupby(matches.found, lambda match: match.path):
            if self.withholding.reason(path) is not None:
                continue
            lines = self._lines(path)
            for match in found:
                # A secret may stand over several lines, so the whole file was masked.
                line = lines[match.line - 1]
                if text in line:
                    yield f"{path}:{match.line}: {line.strip()[:_MOST_CHARACTERS_OF_LINE]}"

    def _lines(self, path: str) -> list[str]:
        """The lines of a file as they may be sent. Raises ToolRefused."""
        withheld = self.withholding.reason(path)
        if withheld is not None:
            raise ToolRefused(f"{path} is not for models: {withheld}")
        content = self.codebase.content(path)
        if isinstance(content, Refused):
            raise ToolRefused(content.reason)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ToolRefused(f"{path} is no UTF-8 text") from None
        lines = self.withholding.masked(path, text).text.split("\n")
        return lines if lines[-1] else lines[:-1]


def _parameters(properties: Mapping[str, Any], required: list[str]) -> Mapping[str, object]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _as(arguments: Mapping[str, object], schema: type[_Arguments]) -> _Arguments:
    try:
        return msgspec.convert(arguments, readable(schema), strict=False)
    except msgspec.ValidationError as error:
        raise ToolRefused(f"the arguments don't fit: {error}") from None
