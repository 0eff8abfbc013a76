"""Finding lines, by text or by a regular expression that can't run away.

Expressions are run by the engine that pydantic has: its time grows with the text, never with the expression's
ambiguity, so that one from anywhere can be taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic

from pydantic_core import SchemaError, SchemaValidator, core_schema

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase.values import Match, Matches

MAX_SECONDS = 5.0
MAX_PATTERN_CHARACTERS = 1000
LONGEST_LINE_CHARACTERS = 2000
"""What stands further right is not looked at: no source has such lines, and time has a limit."""
SHOWN_CHARACTERS = 300

IsMatch = Callable[[str], bool]


def matcher(pattern: str, *, regex: bool) -> IsMatch | Refused:
    """Says of a line whether it matches."""
    if not pattern:
        return Refused("there is nothing to search for: the pattern is empty")
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        return Refused(f"a pattern may have {MAX_PATTERN_CHARACTERS} characters, this one has {len(pattern)}")
    if not regex:
        return lambda line: pattern in line
    try:
        schema = core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")
        return SchemaValidator(schema).isinstance_python
    except SchemaError as error:
        return Refused(f"the pattern is no regular expression that can be run: {_gist(error)}")


def search(files: Iterable[tuple[str, bytes]], is_match: IsMatch, limit: int) -> Matches:
    """The first `limit` lines that match, in the order of the files; those that are no text are left out."""
    until = monotonic() + MAX_SECONDS
    found: list[Match] = []
    for path, content in files:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if not is_match(line[:LONGEST_LINE_CHARACTERS].removesuffix("\r")):
                if monotonic() > until:
                    return Matches(tuple(found), more=True)
                continue
            if len(found) == limit:
                return Matches(tuple(found), more=True)
            found.append(Match(path, number, line[:SHOWN_CHARACTERS].removesuffix("\r")))
    return Matches(tuple(found))


def _gist(error: SchemaError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith("error:")), lines[-1] if lines else "no reason")
    return told.removeprefix("error: ")
