"""The supervision forest of a folder, drawn, and written where the editor can open it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from otp_genesis_analyzers.forest.grow import process_forest
from otp_genesis_analyzers.forest.marks import Marks, marks
from otp_genesis_analyzers.forest.model import ProcessForest
from otp_genesis_analyzers.forest.whole import read_whole
from otp_genesis_analyzers.source import LineIndex
from otp_genesis_server.lsp.shown.documents import write_document
from otp_genesis_server.lsp.workspace.snapshot import Snapshot
from otp_genesis_server.tree.as_json import forest_json
from otp_genesis_server.tree.document import markdown
from otp_genesis_server.tree.drawing import Drawing, drawing
from otp_genesis_server.tree.mermaid import flowchart
from otp_genesis_server.tree.svg import svg
from otp_genesis_server.tree.text import lines

_SUFFIXES = {"markdown": ".md", "text": ".txt", "mermaid": ".mmd", "svg": ".svg", "json": ".json"}


def shown_tree(
    snapshot: Snapshot, form: str, on_progress: Callable[[int, int], None]
) -> dict[str, str | None]:
    """The answer to `otpGenesis.showSupervisionTree`, with the document written in this form.

    What `on_progress(done, total)` raises ends it.
    """
    tree = _grow(snapshot, on_progress)
    return {
        "root": snapshot.root.as_uri(),
        "uri": write_document("trees", snapshot.root, _SUFFIXES[form], tree.rendered(form)),
        "markdown": tree.rendered("markdown"),
        "svg": tree.rendered("svg"),
    }


@dataclass(frozen=True)
class _Tree:
    snapshot: Snapshot
    forest: ProcessForest
    marks: Marks
    drawing: Drawing
    lines: _Lines

    def rendered(self, form: str) -> str:
        name = self.snapshot.root.name
        match form:
            case "markdown":
                return markdown(name, self.drawing, self.marks, self.lines.position, self._link)
            case "mermaid":
                return flowchart(self.drawing)
            case "svg":
                return svg(name, self.drawing)
            case "json":
                root = str(self.snapshot.root)
                tree = forest_json(self.forest, self.marks, self.lines.position, root=root)
                return json.dumps(tree, indent=2) + "\n"
            case _:
                return "\n".join([*lines(self.drawing), "", self.drawing.summary, ""])

    def _link(self, path: str, line: int) -> str:
        return f"<{self.snapshot.uri(path)}#L{line}>"


class _Lines:
    """The lines of the snapshot's files, each file read once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._files: dict[str, LineIndex] = {}

    def position(self, path: str, byte_offset: int) -> tuple[int, int]:
        if path not in self._files:
            source = self._snapshot.source(path)
            self._files[path] = source.lines if source is not None else LineIndex(b"")
        line, column = self._files[path].position(byte_offset, "utf-32")
        return line + 1, column + 1


def _grow(snapshot: Snapshot, on_progress: Callable[[int, int], None]) -> _Tree:
    project = read_whole(snapshot.project, on_progress)
    findings = [finding for path in sorted(snapshot.findings) for finding in snapshot.findings[path]]
    forest, marked, at = process_forest(project), marks(project, findings), _Lines(snapshot)
    return _Tree(snapshot, forest, marked, drawing(forest, marked, at.position), at)
