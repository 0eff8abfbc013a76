"""A project as it would be with some files changed. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from errno import ENOENT

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source


@dataclass(frozen=True)
class _Overlay:
    """Reads a changed file from memory and any other from below. One layer, however many changes."""

    contents: Mapping[str, bytes | None]
    below: Callable[[str], bytes]

    def __call__(self, path: str) -> bytes:
        if path not in self.contents:
            return self.below(path)
        content = self.contents[path]
        if content is None:
            raise FileNotFoundError(ENOENT, "No such file or directory", path)
        return content


def with_files(project: Project, contents: Mapping[str, bytes | None]) -> Project:
    """The project with the files of `contents` in place of its own, analysed anew; None removes one."""
    read = project.read
    if isinstance(read, _Overlay):
        overlay = _Overlay({**read.contents, **contents}, read.below)
    else:
        overlay = _Overlay(contents, read)
    analysed = {
        path: engine.analyze(Source(path, content), project.role_of(path), project.settings_of(path))
        for path, content in contents.items()
        if content is not None and path.endswith((".ex", ".exs"))
    }
    kept = {path: file for path, file in project.files.items() if contents.get(path, b"") is not None}
    return replace(project, files={**kept, **analysed}, read=overlay)
