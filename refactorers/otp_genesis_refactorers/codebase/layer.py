"""What is changed of a code base: contents laid over its base, and what follows from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from threading import RLock

from pathspec import GitIgnoreSpec

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.applying.overlay import with_files
from otp_genesis_refactorers.applying.patch import NewContents
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase.base import NO_PART, Base
from otp_genesis_refactorers.codebase.beneath import Missing
from otp_genesis_refactorers.shadow.project_files import is_copied


@dataclass(frozen=True)
class Scope:
    """Paths that may be changed, or patterns of them as in `.gitignore`."""

    paths: frozenset[str]
    patterns: GitIgnoreSpec

    @classmethod
    def of(cls, paths: Collection[str]) -> Scope:
        patterns = GitIgnoreSpec.from_lines(sorted(f"/{path.lstrip('/')}" for path in paths))
        return cls(frozenset(paths), patterns)

    def allows(self, path: str) -> bool:
        return path in self.paths or self.patterns.match_file(path)


class Layer:
    """Any thread may use it; `lock` makes several steps one."""

    def __init__(self, base: Base, base_project: Project, contents: NewContents | None = None) -> None:
        self.base = base
        self.base_project = base_project
        self.lock = RLock()
        self._contents: dict[str, bytes | None] = dict(contents or {})
        self._project: Project | None = None
        self._found: dict[str, tuple[Finding, ...]] = {}
        """What is found, by the code that was asked for."""

    @property
    def contents(self) -> Mapping[str, bytes | None]:
        """What is not as it is in the base; None is removed. A change makes a new one."""
        return self._contents

    def content(self, path: str) -> bytes | Refused:
        contents = self._contents
        if path not in contents:
            return self.base.content(path)
        content = contents[path]
        return Missing(f"{path} was removed") if content is None else content

    def paths(self) -> frozenset[str]:
        contents = self._contents
        removed = {path for path, content in contents.items() if content is None}
        return frozenset({*self.base.paths, *contents} - removed)

    @property
    def project(self) -> Project:
        with self.lock:
            if self._project is None:
                base = self.base_project
                changed = self._contents
                self._project = engine.with_wrappers(with_files(base, changed)) if changed else base
            return self._project

    def found(self, code: str) -> tuple[Finding, ...]:
        """The findings of the base's configuration, or of the rule with this code."""
        with self.lock:
            if code not in self._found:
                config = self.base_project.config
                found = engine.check(self.project, config.merged(also=(code,)) if code else config)
                self._found[code] = tuple(each for each in found if code in ("", each.code))
            return self._found[code]

    def lay(self, contents: NewContents, scopes: Collection[Scope]) -> Refused | None:
        """All of it or nothing; None when it is done."""
        with self.lock:
            for path, new in contents.items():
                refusal = self.objection_to(path, scopes)
                if refusal is None and new is None:
                    there = self.content(path)
                    refusal = there if isinstance(there, Refused) else None
                if refusal is not None:
                    return refusal
            self.replace_with({**self._contents, **contents})
        return None

    def replace_with(self, contents: NewContents) -> None:
        with self.lock:
            self._contents = {path: new for path, new in contents.items() if new != self._in_base(path)}
            self._project = None
            self._found = {}

    def objection_to(self, path: str, scopes: Collection[Scope]) -> Refused | None:
        """Why this file may not be changed or made."""
        there = self.base.content(path, for_change=True)
        if isinstance(there, Refused) and not isinstance(there, Missing):
            return there
        if not all(scope.allows(path) for scope in scopes):
            return Refused(f"{path} is not among the files that this step may change")
        if not is_copied(path, frozenset(self.base.paths), with_dependencies=False):
            return Refused(f"{path} {NO_PART}: it can't be changed")
        return self._objection_to_new(path) if isinstance(there, Missing) else None

    def _objection_to_new(self, path: str) -> Refused | None:
        folded = path.casefold()
        for other in (*self.base.paths, *self._contents):
            if other.casefold() == folded and other != path:
                return Refused(f"{path} can't be made: there is {other}, the same file on some systems")
            if path.startswith(f"{other}/") or other.startswith(f"{path}/"):
                return Refused(f"{path} can't be made: there is {other}")
        return None

    def _in_base(self, path: str) -> bytes | None:
        content = self.base.content(path)
        return None if isinstance(content, Refused) else content
