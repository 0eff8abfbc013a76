"""Everything that the code of the applications says, also where no rule has a question."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from otp_genesis_analyzers.engine import read_source
from otp_genesis_analyzers.facts.model import FileFacts
from otp_genesis_analyzers.facts.processes.kinds import with_wrapped
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.project import FileAnalysis, Project


def read_whole(project: Project, on_progress: Callable[[int, int], None] | None = None) -> Project:
    """The project with the facts of each file of its applications read to the end; findings stay.

    `on_progress(done, total)` is called after each file; what it raises ends the reading.
    """
    files: dict[str, FileAnalysis] = {}
    for done, (path, analysis) in enumerate(project.files.items(), start=1):
        if project.role_of(path).is_application_code:
            analysis = structs.replace(analysis, facts=_whole_facts(project, path, analysis))
        files[path] = analysis
        if on_progress is not None:
            on_progress(done, len(project.files))
    read = project.with_files(files)
    return read.with_files({path: _with_wrapped(read, path) for path in files})


def whole_file(project: Project, path: str) -> Project:
    """The project with the facts of one file read to the end."""
    analysis = project.files[path]
    whole = structs.replace(analysis, facts=_whole_facts(project, path, analysis))
    read = project.with_files({**project.files, path: whole})
    return read.with_files({**read.files, path: _with_wrapped(read, path)})


def _whole_facts(project: Project, path: str, analysis: FileAnalysis) -> FileFacts:
    """The facts of one file; those of its last healthy text while it is being typed in."""
    source = None if analysis.carried_over else read_source(path, project.read)
    return analysis.facts if source is None else read_facts(source)


def _with_wrapped(project: Project, path: str) -> FileAnalysis:
    analysis = project.files[path]
    facts = with_wrapped(analysis.facts, project.settings_of(path).wrappers)
    return analysis if facts is analysis.facts else structs.replace(analysis, facts=facts)
