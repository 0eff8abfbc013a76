"""Keeping a finding quiet on purpose: in a comment at its line or in its file, or in the configuration."""

from __future__ import annotations

import re
from typing import cast

from otp_genesis_analyzers.config import CONFIG_NAME
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_analyzers.suppressions import WHOLE_FILE, keeping_quiet, suppressions_in
from otp_genesis_refactorers.applying.line_edits import edits_between
from otp_genesis_refactorers.change import Change, Edit, FileChange, Refused, content_hash, edited

_HEAD = re.compile(rb"(\xef\xbb\xbf)?(#![^\r\n]*(\r\n|\r|\n|$))?")
"""What must stay at the very top of a file: a byte order mark, the line that names an interpreter."""


def suppressed_here(finding: Finding, project: Project, reason: str = "") -> Change | Refused:
    """A comment above the finding's line, or behind its code where no comment can stand above it.

    Without a reason the comment ends in `--`, and OTP002 asks for one.
    """
    source = Source(finding.path, project.read(finding.path))
    lines = source.lines
    line = lines.line_of(finding.span.start)
    start, end = lines.starts[line], lines.line_end(line)
    text = source.content[start:end]
    indentation = text[: len(text) - len(text.lstrip())].decode()
    comment = _comment("ignore", finding, reason)
    for edit, line_after in (
        (Edit(Span(start, 0), f"{indentation}{comment}{_line_break(source)}"), line + 1),
        (Edit(Span(end, 0), f" {comment}"), line),
    ):
        after = Source(finding.path, edited(source.content, (edit,)))
        if keeping_quiet(finding, suppressions_in(after), line_after):
            return _change(f"Suppress {finding.code} here", source, edit)
    return Refused(
        f"a comment at line {line + 1} would be part of a text there: suppress {finding.code} in the file,"
        f" with the comment {_comment('ignore-file', finding, 'the reason')}"
    )


def suppressed_in_file(finding: Finding, project: Project, reason: str = "") -> Change | Refused:
    """A comment at the top of the finding's file."""
    source = Source(finding.path, project.read(finding.path))
    head = _HEAD.match(source.content)
    start = head.end() if head else 0
    edit = Edit(Span(start, 0), f"{_comment('ignore-file', finding, reason)}{_line_break(source)}")
    after = Source(finding.path, edited(source.content, (edit,)))
    if keeping_quiet(finding, suppressions_in(after), WHOLE_FILE):
        return _change(f"Suppress {finding.code} in this file", source, edit)
    return Refused(f"{finding.path} begins with something that a comment can't stand in front of")


def ignored_in_project(finding: Finding, project: Project) -> Change | Refused:
    """The rule's code under `ignore` in the configuration that holds for the finding's file.

    All else in the configuration, comments too, stays as it is; one that is not there is made, in the
    folder of the mix project.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError
    from tomlkit.items import Array

    path = _configuration(finding.path, project)
    title = f"Ignore {finding.code} in this project"
    try:
        content = project.read(path)
        table = tomlkit.parse(content.decode())
        ignored = table.setdefault("ignore", tomlkit.array())
        if not isinstance(ignored, Array):
            return Refused(f"`ignore` in {path} is no list: write one that holds {finding.code}")
        cast("list[str]", ignored).append(finding.code)
    except FileNotFoundError:
        new = FileChange(path, "", (Edit(Span(0, 0), f'ignore = ["{finding.code}"]\n'),))
        return Change(title, FixKind.SAFE, (new,))
    except UnicodeDecodeError:
        return Refused(f"{path} is not UTF-8 text: add {finding.code} to its `ignore` list by hand")
    except TOMLKitError as error:
        return Refused(f"{path} is not TOML: {error}; put that right first")
    edits = edits_between(content, tomlkit.dumps(table).encode())
    return Change(title, FixKind.SAFE, (FileChange(path, content_hash(content), edits),))


def _comment(verb: str, finding: Finding, reason: str) -> str:
    return f"# otp-genesis:{verb} {finding.code} -- {reason}".rstrip()


def _line_break(source: Source) -> str:
    lines = source.lines
    first_break = source.content[lines.line_end(0) : lines.starts[1]] if len(lines.starts) > 1 else b"\n"
    return first_break.decode()


def _change(title: str, source: Source, edit: Edit) -> Change:
    file = FileChange(source.path, content_hash(source.content), (edit,))
    return Change(title, FixKind.SAFE, (file,))


def _configuration(path: str, project: Project) -> str:
    """The configuration file that holds for a file; where there is none, the one to be made."""
    nested = [folder for folder, _ in project.config.nested if path.startswith(f"{folder}/")]
    around = [app for app in project.apps if not app.folder or path.startswith(f"{app.folder}/")]
    outermost = min((app.folder for app in around), key=len, default="")
    folder = nested[0] if nested else "" if _exists(CONFIG_NAME, project) else outermost
    return f"{folder}/{CONFIG_NAME}" if folder else CONFIG_NAME


def _exists(path: str, project: Project) -> bool:
    try:
        project.read(path)
    except OSError:
        return False
    return True
