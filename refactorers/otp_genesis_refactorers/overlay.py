"""A project as it would be with some files changed. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source


def with_files(project: Project, contents: Mapping[str, bytes]) -> Project:
    """The project with the files of `contents` in place of its own, analysed anew."""

    def read(path: str) -> bytes:
        return contents[path] if path in contents else project.read(path)

    analysed = {
        path: engine.analyze(Source(path, content), project.role_of(path))
        for path, content in contents.items()
        if path.endswith((".ex", ".exs"))
    }
    return replace(project, files={**project.files, **analysed}, read=read)
