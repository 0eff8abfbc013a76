"""`otp-genesis tree`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from otp_genesis_analyzers.forest.marks import Marks
    from otp_genesis_analyzers.forest.model import ProcessForest
    from otp_genesis_analyzers.project import MixApp, Project
    from otp_genesis_server.cli.analysis import Analysis
    from otp_genesis_server.cli.targets import Target
    from otp_genesis_server.tree.drawing import Drawing

_COLOURS = {"error": "red", "warning": "yellow", "information": "blue", "hint": "cyan"}


@click.command()
@click.argument("path", default=".")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "mermaid", "svg", "json"]),
    default="text",
    show_default=True,
)
def command(path: str, form: str) -> None:
    """Show the supervision tree, and where the findings are.

    Every process that the code is seen to start: with its strategy, how it is restarted, and what is
    started outside every supervisor. Of an umbrella the trees of all apps, or of the one given.

    \b
    Examples:
      otp-genesis tree
      otp-genesis tree apps/shop --format svg > shop.svg
    """
    for text in _FORMATS[form](_grow(path)):
        click.echo(text)


@dataclass(frozen=True)
class _Grown:
    target: Target
    analysis: Analysis
    forest: ProcessForest
    marks: Marks

    @property
    def name(self) -> str:
        return self.target.shown_root.name

    def drawing(self) -> Drawing:
        from otp_genesis_server.tree.drawing import drawing

        return drawing(self.forest, self.marks, self.analysis.places.of)


def _grow(path: str) -> _Grown:
    """The forest of the project around `path`, or that of the app of an umbrella that it names."""
    from otp_genesis_analyzers.forest.grow import process_forest
    from otp_genesis_analyzers.forest.marks import marks
    from otp_genesis_analyzers.forest.whole import read_whole
    from otp_genesis_server.cli.analysis import analyse
    from otp_genesis_server.cli.progress import progress
    from otp_genesis_server.cli.targets import target_of

    target = target_of([path])
    if target.alone:
        raise click.UsageError(f"{path!r} belongs to no mix project: give the folder of one")
    # Always the whole project: what a part of it doesn't show would pass for unsupervised.
    analysis = analyse([str(target.root)])
    with progress("reading the processes of") as report:
        project = read_whole(analysis.project, report)
    apps = _apps_in(project, target)
    findings = [finding for finding in analysis.findings if project.app_of(finding.path) in apps]
    return _Grown(target, analysis, process_forest(project).of(apps), marks(project, findings))


def _apps_in(project: Project, target: Target) -> tuple[MixApp | None, ...]:
    """All apps of the folder given; for a folder or file inside an app, that app."""
    from otp_genesis_server.cli.targets import covers

    [chosen] = target.chosen
    if not chosen:
        return (*project.apps, None)
    return tuple(app for app in project.apps if covers(chosen, app.folder)) or (project.app_of(chosen),)


def _text(grown: _Grown) -> Iterator[str]:
    from otp_genesis_server.cli.places import from_here, printable
    from otp_genesis_server.tree.text import lines

    root = grown.analysis.target.root
    drawing = grown.drawing()
    if not (drawing.trees or drawing.sections):
        yield "no process is started by this project's code"
        return
    yield from lines(drawing, _styled, lambda path, line: printable(f"{from_here(root / path)}:{line}"))
    yield ""
    yield drawing.summary


def _styled(text: str, kind: str) -> str:
    if kind == "label":
        return click.style(text, bold=True)
    return click.style(text, dim=True) if kind == "dim" else click.style(text, fg=_COLOURS[kind], bold=True)


def _mermaid(grown: _Grown) -> Iterator[str]:
    from otp_genesis_server.tree.mermaid import flowchart

    yield flowchart(grown.drawing()).rstrip("\n")


def _svg(grown: _Grown) -> Iterator[str]:
    from otp_genesis_server.tree.svg import svg

    yield svg(grown.name, grown.drawing()).rstrip("\n")


def _json(grown: _Grown) -> Iterator[str]:
    from otp_genesis_server.tree.as_json import forest_json

    tree = forest_json(
        grown.forest,
        grown.marks,
        grown.analysis.places.of,
        root=str(grown.target.shown_root),
        unparsed=grown.analysis.unparsed,
        shown=grown.target.shown,
    )
    yield json.dumps(tree, indent=2)


_FORMATS: dict[str, Callable[[_Grown], Iterator[str]]] = {
    "text": _text,
    "mermaid": _mermaid,
    "svg": _svg,
    "json": _json,
}
