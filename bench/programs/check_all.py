"""`check` in one process without its gate: every definition of every file is read. `check_all.py ROOT`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.project import FileAnalysis, Project


def ungated(project: Project, paths: Sequence[str]) -> Iterator[tuple[str, FileAnalysis | None]]:
    for path in paths:
        source = engine.read_source(path, project.read)
        role, settings = project.role_of(path), project.settings_of(path)
        yield path, source and engine.analyze(source, role, settings, gated=False)


def main() -> None:
    gc.disable()
    loaded = engine.load(Path(sys.argv[1]), analyze_all=ungated)
    print(len(engine.check(loaded.project, loaded.project.config)))


if __name__ == "__main__":
    main()
