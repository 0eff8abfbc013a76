"""Making a test for what stands in the editor. It runs in a thread."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from otp_genesis_analyzers.findings import FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import LineIndex, Span
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.exunit.generating import Generated, Wanted, generate
from otp_genesis_refactorers.exunit.modules import function_at, modules_of_file
from otp_genesis_refactorers.exunit.subject import subject_of

if TYPE_CHECKING:
    from otp_genesis_server.lsp.jobs.verifying import Subject
    from otp_genesis_server.lsp.work.long_work import Work


@dataclass(frozen=True)
class Tested:
    """What a test is asked for. `place` is a byte offset; `function` is `name/arity`."""

    path: str
    """Relative to the root of the project."""
    place: int | None = None
    module: str = ""
    function: str = ""


def wanted(subject: Subject, tested: Tested, *, any_kind: bool) -> Wanted | Refused:
    """The test that is asked for; with `any_kind` also of a module that is no process. Raises OSError."""
    project = subject.project()
    if tested.path not in project.files:
        return Refused(f"{tested.path} is no Elixir file of the project")
    modules = modules_of_file(project, tested.path, any_kind=any_kind)
    if isinstance(modules, Refused):
        return modules
    module, function = tested.module, tested.function
    if tested.place is not None and not module:
        module, function = _at(project, tested.path, tested.place)
    if module not in modules:
        module, function = (modules[0], "") if not tested.module else (tested.module, function)
    return Wanted(
        subject.root,
        project,
        project.config,
        module,
        function,
        unsaved=subject.unsaved(),
        trusted_for_this_run=subject.trusted,
    )


def generated(subject: Subject, tested: Tested, work: Work) -> Generated | Refused:
    """A test without a model. Raises GivenUp, OSError."""
    asked = wanted(subject, tested, any_kind=False)
    if isinstance(asked, Refused):
        return asked
    made = generate(asked, cancel=work.cancel, on_step=work.say)
    work.go_on()
    return made


def as_change(made: Generated, subject: Subject) -> Change:
    """The test as a change of the folder that is open; the user confirms one that is not proven."""
    files = tuple(structs.replace(file, path=_in_snapshot(file.path, subject)) for file in made.change.files)
    kind = FixKind.SAFE if made.proof.proven else FixKind.UNSAFE
    notes = () if made.proof.proven else (f"{made.proof.headline}.",)
    return structs.replace(made.change, kind=kind, files=files, notes=notes)


def client_function_at(project: Project, path: str, place: int) -> tuple[str, str] | None:
    """Module and `name/arity` of the function on a line by which others talk to a process.

    `place` is a byte offset in the line. Raises OSError.
    """
    lines = LineIndex(project.read(path))
    line = lines.line_of(place)
    found = function_at(project, path, Span.between(lines.starts[line], lines.line_end(line)))
    if found is None:
        return None
    module, function = found
    subject = subject_of(project, module.name)
    if isinstance(subject, Refused) or function.id not in {client.id for client in subject.clients}:
        return None
    return module.name, function.id


def _at(project: Project, path: str, place: int) -> tuple[str, str]:
    """The client function at a place, else the module there."""
    found = client_function_at(project, path, place)
    if found is not None:
        return found
    span = Span(place, 0)
    around = [module for module in project.all_facts(path).modules if module.span.contains(span)]
    return max(around, key=lambda module: module.span.start).name if around else "", ""


def _in_snapshot(path: str, subject: Subject) -> str:
    return Path(os.path.relpath(subject.root / path, subject.snapshot.root)).as_posix()
