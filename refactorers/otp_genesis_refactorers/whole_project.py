"""What the facts of a project leave out, read from its files when a fix asks.

The facts in a `Project` are what its rules can need: definitions in which no rule could find
anything may have been left unread. Who calls a function, or which module leads to another, must
not depend on that.
"""

from __future__ import annotations

import re
from functools import cached_property

from otp_genesis_analyzers.facts.model import FileFacts
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.supervision import Forest, forest


class WholeProject:
    """Reads files and facts once; made for one question and thrown away."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._facts: dict[str, FileFacts] = {}
        self._modules: dict[str, ModuleEntry | None] = {}

    @cached_property
    def _texts(self) -> dict[str, bytes]:
        texts: dict[str, bytes] = {}
        for path in self.project.files:
            try:
                texts[path] = self.project.read(path)
            except OSError:  # removed meanwhile: it calls nothing any more
                continue
        return texts

    def facts(self, path: str) -> FileFacts:
        """All facts of a file. Raises OSError."""
        if path not in self._facts:
            self._facts[path] = read_facts(Source(path, self.project.read(path)))
        return self._facts[path]

    def naming(self, function: str, module: str) -> tuple[FileFacts, ...]:
        """The files that name both, with the facts of the definitions that name the function."""
        word = re.compile(rb"(?<!\w)" + re.escape(function.encode()) + rb"(?![\w?!])")
        last_name = module.rpartition(".")[2].encode()
        found: list[FileFacts] = []
        for path, text in self._texts.items():
            if last_name in text and function.encode() in text:
                hits = [match.start() for match in word.finditer(text)]
                found += [read_facts(Source(path, text), hits)] if hits else []
        return tuple(found)

    @cached_property
    def forest(self) -> Forest:
        return forest(self.project)

    def module(self, name: str) -> ModuleEntry | None:
        """The module of this name and its file, with all facts; None for one of Erlang or of a dependency."""
        if not name[:1].isupper():
            return None
        if name not in self._modules:
            self._modules[name] = self._find_module(name)
        return self._modules[name]

    def _find_module(self, name: str) -> ModuleEntry | None:
        known = self.project.modules.get(name)
        if known is not None:
            return self._defined_in(known.path, name)
        opening = f"{name.rpartition('.')[2]} do".encode()
        candidates = (path for path, text in self._texts.items() if opening in text)
        return next((found for path in candidates if (found := self._defined_in(path, name))), None)

    def _defined_in(self, path: str, name: str) -> ModuleEntry | None:
        modules = self.facts(path).modules
        return next((ModuleEntry(path, module) for module in modules if module.name == name), None)
