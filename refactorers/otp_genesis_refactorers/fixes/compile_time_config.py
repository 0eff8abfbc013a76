"""OTP505: an attribute becomes a function that reads the configuration, else the read `compile_env`."""

from __future__ import annotations

from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Call, Import, Module
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.attribute_to_function import attribute_to_function
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.formatter import DEFAULT_LINE_LENGTH, line_length_of
from otp_genesis_refactorers.rewriting.long_lines import without_long_line

_TWINS = {"get_env": "compile_env", "fetch_env!": "compile_env!"}
_DECIDING = frozenset({"if", "unless", "case", "cond", "with", "try", "for"})


class _Read(NamedTuple):
    source: Source
    module: Module
    call: Call


def fix(finding: Finding, project: Project) -> Change | Refused:
    read = _read_at(finding, project)
    if isinstance(read, Refused):
        return read
    attribute = _attribute_around(read)
    as_function = _as_function(read, attribute, project) if attribute is not None else None
    if isinstance(as_function, Change):
        return as_function
    as_compile_env = _as_compile_env(read, project)
    if isinstance(as_compile_env, Refused) and as_function is not None:
        return as_function
    return as_compile_env


def _read_at(finding: Finding, project: Project) -> _Read | Refused:
    """The call in a module's body, read anew from the project's text."""
    try:
        source = Source(finding.path, project.read(finding.path))
    except OSError as error:
        return Refused(f"{finding.path} can't be read: {error.strerror}")
    for module in read_facts(source).modules:
        bodies = (function.clauses[0] for function in module.functions if function.kind == "body")
        for call in (call for body in bodies for call in body.calls):
            if call.head == finding.span:
                return _Read(source, module, call)
    return Refused(f"{finding.path} has changed since it was checked: check it again")


def _attribute_around(read: _Read) -> Node | None:
    spans = (one.span for one in read.module.attributes if one.span.contains(read.call.span))
    definition = next((read.source.node_at(span) for span in spans), None)
    return definition.parent if definition is not None else None


def _as_function(read: _Read, attribute: Node, project: Project) -> Change | Refused:
    app = project.app_of(read.source.path)
    line_length = line_length_of(project, app) if app is not None else DEFAULT_LINE_LENGTH
    edits = attribute_to_function(read.source, read.module, attribute, line_length)
    if isinstance(edits, Refused):
        return edits
    definition = syntax.operand(attribute)
    name = syntax.local_name(definition) if definition is not None else ""
    importing = next((one for one in read.module.imports if _brings(one, name, project)), None)
    if importing is not None:
        where = place(read.source, importing.span.start)
        return Refused(
            f"`{importing.module}`, imported at {where}, has a function `{name}/0`: give the new one another "
            "name by hand"
        )
    return Change(
        title=f"Read it at run time, in a function `{name}/0`",
        kind=FixKind.UNSAFE,
        files=(file_change(read.source.path, read.source.content, edits),),
        notes=("The configuration is read at each use, and may then be another than in the build.",),
    )


def _brings(directive: Import, name: str, project: Project) -> bool:
    """An import by which a call of `name/0` would mean two functions."""
    written = f"{name}/0"
    if directive.only is not None:
        return written in directive.only
    function = project.function(directive.module, name, 0)
    return function is not None and function.public and written not in directive.excepted


def _as_compile_env(read: _Read, project: Project) -> Change | Refused:
    call, where = read.call, place(read.source, read.call.head.start)
    twin = _TWINS.get(call.name) if call.module == "Application" and call.form == "call" else None
    if twin is None:
        return Refused(
            f"`{call.target}` at {where} has no form that is checked at boot: read it in a function"
        )
    target = syntax.call_target(read.source.node_at(call.span))
    name = syntax.right(target) if target is not None else None
    if name is None:
        return Refused(
            f"the call at {where} is not written as `Application.{call.name}(...)`: write it so first"
        )
    if _is_in_running_code(read):
        return Refused(
            f"the call at {where} stands in code that runs when the module is compiled: read the value in a "
            "function, and decide there"
        )
    edits = without_long_line(project, read.source, [Edit(Span.of(name), twin)], call.span)
    return Change(
        title=f"Say that it is fixed in the build: `Application.{twin}`",
        kind=FixKind.UNSAFE,
        files=(file_change(read.source.path, read.source.content, edits),),
        notes=("A release that is configured otherwise at its start refuses to boot.",),
    )


def _is_in_running_code(read: _Read) -> bool:
    """In a statement of the module's body that decides something, and defines nothing."""
    statement = read.source.node_at(read.call.span)
    while (around := statement.parent) is not None:
        owner = around.parent
        if around.type == "do_block" and owner is not None and syntax.local_name(owner) == "defmodule":
            break
        statement = around
    if syntax.local_name(statement) not in _DECIDING:
        return False
    return not any(syntax.local_name(node) in syntax.DEFINITIONS for node in syntax.below(statement))
