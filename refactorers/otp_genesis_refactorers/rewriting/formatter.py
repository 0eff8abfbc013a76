"""What the project's `.formatter.exs` says about lines."""

from __future__ import annotations

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.project import MixApp, Project
from otp_genesis_analyzers.source import Source

DEFAULT_LINE_LENGTH = 98


def line_length_of(project: Project, app: MixApp) -> int:
    """`line_length:` of the app's `.formatter.exs`, or of the workspace's; 98 where neither says."""
    for folder in dict.fromkeys((app.folder, "")):
        path = f"{folder}/.formatter.exs" if folder else ".formatter.exs"
        try:
            content = project.read(path)
        except OSError:
            continue
        return _line_length(Source(path, content))
    return DEFAULT_LINE_LENGTH


def _line_length(formatter: Source) -> int:
    statements = syntax.children(formatter.root)
    value = syntax.keyword(statements[-1], "line_length") if statements else None
    digits = syntax.text(value).replace("_", "") if value is not None else ""
    return int(digits) if digits.isdigit() else DEFAULT_LINE_LENGTH
