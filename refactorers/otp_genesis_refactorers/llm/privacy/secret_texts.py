"""Secrets in texts, found by the detectors of detect-secrets and by what the environment holds."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from inspect import isabstract, isclass
from typing import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    from detect_secrets.plugins.base import BasePlugin
    from detect_secrets.plugins.high_entropy_strings import HighEntropyStringsPlugin

HIDDEN = "«hidden»"
_BEGINNINGS = ("sk-ant-", "sk-proj-", "AIza", "glpat-", "github_pat_")
"""Of keys that no detector knows unless they are quoted."""
_KEY_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_NAMED_LIKE_SECRETS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASS")
_SHORTEST_RANDOM = 16
_SHORTEST_NAMED = 6
_SHORTEST_OF_ENVIRONMENT = 12
_NO_SECRETS = frozenset({"ip_public", "keyword", "high_entropy_strings"})
"""Detectors that are asked in a way of their own, or not at all."""

_Analyze: TypeAlias = Callable[[str], Iterable[str]]


@dataclass(frozen=True)
class SecretTexts:
    known: tuple[str, ...] = field(repr=False)
    """The longest first."""
    by_form: tuple[BasePlugin, ...]
    by_entropy: tuple[HighEntropyStringsPlugin, ...]
    by_name: _Analyze
    names: Callable[[str], bool]
    """Whether a line has a word that `by_name` looks for: asked first, it takes a hundredth of the time."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> SecretTexts:
        """Loads the detectors, a tenth of a second."""
        from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString, HexHighEntropyString
        from detect_secrets.plugins.keyword import DENYLIST, KeywordDetector
        from pydantic_core import SchemaValidator, core_schema

        known = {
            value
            for name, value in environment.items()
            if len(value) >= _SHORTEST_OF_ENVIRONMENT and name.upper().endswith(_NAMED_LIKE_SECRETS)
        }
        entropy = (Base64HighEntropyString(), HexHighEntropyString())
        longest_first = tuple(sorted(known, key=lambda secret: (-len(secret), secret)))
        by_name = cast("_Analyze", KeywordDetector().analyze_string)  # pyright: ignore[reportUnknownMemberType]
        names = core_schema.str_schema(pattern=f"(?i){'|'.join(DENYLIST)}", regex_engine="rust-regex")
        is_named = SchemaValidator(names).isinstance_python
        return cls(longest_first, tuple(_detectors()), entropy, by_name, is_named)

    def hidden_in(self, text: str) -> tuple[str, int]:
        """The text with its secrets hidden, line by line, and how many there were."""
        lines: list[str] = []
        total = 0
        is_in_key = False
        for line in text.splitlines(keepends=True):
            begins, ends = _has_armor(line, "BEGIN"), _has_armor(line, "END")
            if begins or is_in_key:
                total += begins
                is_in_key = not ends
                lines.append(HIDDEN + line[len(line.rstrip("\r\n")) :])
                continue
            for secret in sorted(self._in_line(line), key=len, reverse=True):
                total += secret in line
                line = line.replace(secret, HIDDEN)
            lines.append(line)
        return "".join(lines), total

    def _in_line(self, line: str) -> set[str]:
        found = {secret for secret in self.known if secret in line}
        for detector in self.by_form:
            found.update(str(secret) for secret in detector.analyze_string(line))
        for detector in self.by_entropy:
            found.update(
                secret
                for secret in map(str, detector.analyze_string(line))
                if len(secret) >= _SHORTEST_RANDOM
                and detector.calculate_shannon_entropy(secret) > detector.entropy_limit
            )
        named = self._named(line) if self.names(line) else ()
        return {secret for secret in (*found, *named, *_begun(line)) if secret.strip()}

    def _named(self, line: str) -> Iterator[str]:
        """`password: "…"`, all on the line. What is put together at run time, or is a sentence, is none."""
        rest = line
        while found := [secret for secret in self.by_name(rest) if secret in rest]:
            yield from (
                secret
                for secret in found
                if len(secret) >= _SHORTEST_NAMED and "#{" not in secret and not any(map(str.isspace, secret))
            )
            rest = rest[max(rest.index(secret) + len(secret) for secret in found) :]


def _detectors() -> Iterator[BasePlugin]:
    from detect_secrets import plugins
    from detect_secrets.plugins.base import BasePlugin

    for module in pkgutil.iter_modules(plugins.__path__, f"{plugins.__name__}."):
        if module.name.rpartition(".")[2] in _NO_SECRETS:
            continue
        for value in vars(import_module(module.name)).values():
            is_its_own = isclass(value) and value.__module__ == module.name
            if is_its_own and issubclass(value, BasePlugin) and not isabstract(value):
                yield value()


def _has_armor(line: str, edge: str) -> bool:
    return f"-----{edge} " in line and "PRIVATE KEY" in line


def _begun(line: str) -> Iterator[str]:
    for beginning in _BEGINNINGS:
        start = line.find(beginning)
        while start >= 0:
            end = start
            while end < len(line) and line[end] in _KEY_CHARACTERS:
                end += 1
            if end - start >= _SHORTEST_RANDOM:
                yield line[start:end]
            start = line.find(beginning, end)
