"""A project as it would be with some files changed. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source


@dataclass(frozen=True)
class _Overlay:
    """Reads a changed file from memory and any other from below. One layer, however many changes."""

    contents: Mapping[str, bytes]
    below: Callable[[str], bytes]

    def __call__(self, path: str) -> bytes:
        return self.contents[path] if path in self.contents else self.below(path)


def with_files(project: Project, contents: Mapping[str, bytes]) -> Project:
    """The project with the files of `contents` in place of its own, analysed anew."""
    read = project.read
    if isinstance(read, _Overlay):
        overlay = _Overlay({**read.contents, **contents}, read.below)
    else:
        overlay = _Overlay(contents, read)
    analysed = {
        path: engine.analyze(Source(path, content), project.role_of(path), project.settings_of(path))
        for path, content in contents.items()
        if path.endswith((".ex", ".exs"))
    }
    return replace(project, files={**project.files, **analysed}, read=overlay)
