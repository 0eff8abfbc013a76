"""The forest as Mermaid, SVG, Markdown and text: nothing cut, nothing taken for more than text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import Finding, Severity
from otp_genesis_analyzers.forest.grow import process_forest
from otp_genesis_analyzers.forest.marks import Marks, marks
from otp_genesis_analyzers.forest.whole import read_whole
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.plan.inline import code
from otp_genesis_server.tree import mermaid, text
from otp_genesis_server.tree.document import markdown
from otp_genesis_server.tree.drawing import Badge, Drawing, Entry, Section, drawing, walk
from otp_genesis_server.tree.svg import svg
from tests.example_project import findings_in
from tests.tree.growing import drawn, position_in

EXAMPLE = Path(__file__).parents[2] / "examples" / "shaky_shop"
SNAPSHOT = Path(__file__).parent / "snapshot"
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    'Shop."<b>&`end`"',
    "end",
    "#quot;",
    "`md *x*`",
    "a|b]-->c",
    "x;y\nz\x1b[31m\x00",
    "</text><script>alert(1)</script>",
    "```",
    "]]>&amp;",
    "Ünïcode 進捗",
]
NOTHING_FOUND = Marks((), {}, {})
FLAWED = """
# file: lib/shop/application.ex
defmodule Shop.Application do
  use Application
  def start(_, _), do: Supervisor.start_link([Shop.Mail], strategy: :one_for_one, name: Shop.Supervisor)
end
# file: lib/shop/mail.ex
defmodule Shop.Mail do
  use GenServer
  def init(x), do: {:ok, x}
  def handle_cast({:send, mail}, state) do
    spawn(fn -> Shop.Smtp.deliver(mail) end)
    spawn(fn -> Shop.Smtp.log(mail) end)
    {:noreply, state}
  end

  def post(mail), do: GenServer.cast(__MODULE__, {:send, mail})
end
"""


def entry(label: str, *children: Entry, shape: str = "worker") -> Entry:
    badges = (Badge("OTP101", 2, Severity.WARNING),)
    details = (f"as {label}", "permanent")
    return Entry(shape, label, details, f"lib/{label}.ex", 3, badges, children, tooltip=(label,))  # pyright: ignore[reportArgumentType]


def hostile() -> Drawing:
    tree = entry("shop", *map(entry, HOSTILE), shape="application")
    outside = Section(HOSTILE[0], tuple(entry(name, shape="outside") for name in HOSTILE))
    return Drawing((tree,), (outside,), tuple(HOSTILE), HOSTILE[0])


def entries(drawing: Drawing) -> list[Entry]:
    return [*walk(drawing.trees), *walk(e for section in drawing.sections for e in section.entries)]


class Example(NamedTuple):
    project: Project
    findings: tuple[Finding, ...]
    drawing: Drawing


@pytest.fixture(scope="module")
def shop() -> Example:
    project = read_whole(engine.load(EXAMPLE).project)
    found = findings_in(project)
    return Example(
        project, found, drawing(process_forest(project), marks(project, found), position_in(project))
    )


@pytest.mark.parametrize("form", ["text", "mermaid"])
def test_the_example_project(shop: Example, form: str) -> None:
    """Set UPDATE_SNAPSHOTS=1 to take what is drawn today as right."""
    bare = drawing(process_forest(shop.project), NOTHING_FOUND, position_in(shop.project))
    shown = "\n".join(text.lines(bare)) + "\n" if form == "text" else mermaid.flowchart(bare)
    file = SNAPSHOT / f"shaky_shop.{form}"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.mkdir(exist_ok=True)
        file.write_bytes(shown.encode())
    assert shown == file.read_text("utf-8")


def test_findings_are_marked_where_they_are(tmp_path: Path) -> None:
    flawed = drawn(tmp_path, cleandoc(FLAWED), with_findings=True)
    *_, first, second = lines = list(text.lines(flawed, place=lambda path, line: str(line)))
    assert "Shop.Mail (GenServer, permanent) [OTP101 ×2]" in lines[2]
    assert first.endswith("spawn/1 (in Shop.Mail.handle_cast/2) [OTP101] 5")
    assert second.endswith("spawn/1 (in Shop.Mail.handle_cast/2) [OTP101] 6")


def test_text_is_styled_by_what_it_is(tmp_path: Path) -> None:
    flawed = drawn(tmp_path, cleandoc(FLAWED), with_findings=True)
    styled = list(text.lines(flawed, lambda piece, kind: f"<{kind}>{piece}</>", lambda path, line: "here"))
    assert styled[2] == (
        "<dim>    └── </><label>Shop.Mail</><dim> (GenServer, permanent)</>"
        " <warning>[OTP101 ×2]</> <dim>here</>"
    )


def test_a_name_does_not_steer_the_terminal() -> None:
    shown = "\n".join(text.lines(hostile()))
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert shown.count("\n") == len(entries(hostile())) + len(HOSTILE) + 2


# --- Mermaid ---------------------------------------------------------------------------------------


def test_mermaid_escapes_all_that_could_mean_something() -> None:
    chart = mermaid.flowchart(hostile())
    labels = re.findall(r'"([^"\n]*)"', chart)
    assert len(labels) == len(entries(hostile())) + 1
    for label in labels:
        bare = re.sub(r"#\d+;|<br/>", "", label)
        assert not set(bare) & set('"<>&`#;|[]{}\n\\'), label
    decoded = [_decoded(label).split("<br/>")[0] for label in labels]
    assert decoded == ["shop", *HOSTILE, HOSTILE[0], *HOSTILE]
    assert not re.search(r"[^ -~]", re.sub(r'"[^"]*"', "", chart).replace("\n", ""))


def test_mermaid_ids_are_plain_and_each_its_own() -> None:
    ids = re.findall(r"^ +(n\d+)[\[({]", mermaid.flowchart(hostile()), re.MULTILINE)
    assert len(ids) == len(set(ids)) == len(entries(hostile()))


def test_a_diagram_that_mermaid_does_not_draw_is_left_out() -> None:
    many = Drawing((entry("shop", *(entry(f"A{number}") for number in range(501))),), (), (), "many")
    assert mermaid.is_too_large(many, mermaid.flowchart(many))
    assert not mermaid.is_too_large(hostile(), mermaid.flowchart(hostile()))
    shown = markdown("shop", many, NOTHING_FOUND, lambda *_: (1, 1), lambda *_: "x")
    assert "```mermaid" not in shown
    assert "larger than Mermaid draws" in shown


# --- SVG -------------------------------------------------------------------------------------------


def nodes(picture: str) -> list[ElementTree.Element]:
    return _nodes(ElementTree.fromstring(picture))


def _nodes(picture: ElementTree.Element) -> list[ElementTree.Element]:
    return [node for node in picture.iter(f"{SVG}g") if "ogt-node" in node.get("class", "")]


def test_svg_holds_every_process_with_its_place(shop: Example) -> None:
    found = nodes(svg("shaky_shop", shop.drawing))
    assert [(node.get("data-path"), node.get("data-line")) for node in found] == [
        (e.path, str(e.line)) for e in entries(shop.drawing)
    ]
    assert all((EXAMPLE / (node.get("data-path") or "?")).is_file() for node in found)
    assert all(node.findtext(f"{SVG}title") for node in found)


def test_svg_takes_names_for_text_only() -> None:
    picture = svg(HOSTILE[0], hostile())
    tree = ElementTree.fromstring(picture)
    kinds = {element.tag.removeprefix(SVG) for element in tree.iter()}
    assert kinds == {"svg", "title", "style", "rect", "text", "g", "path"}
    labels = [text.text for text in tree.iter(f"{SVG}text") if text.get("class") == "ogt-label"]
    readable = [re.sub(r"[\x00\x1b]", "\N{REPLACEMENT CHARACTER}", name) for name in HOSTILE]
    assert labels == ["shop", *readable, *readable]


def test_svg_loads_nothing_and_runs_nothing() -> None:
    picture = svg("shop", hostile()).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|url\(|@import|<script|<foreignObject|\son\w+=|xlink", picture)


@pytest.mark.parametrize("size", [1, 5, 200])
def test_svg_cuts_no_text_and_lets_nothing_overlap(size: int) -> None:
    chain = entry("Shop.Deepest")
    for depth in range(min(size, 30)):
        chain = entry(
            f"Shop.Level{depth}" * (1 + depth % 3), chain, *map(entry, ["Shop.進捗.サーバー"] * (size // 30))
        )
    picture = ElementTree.fromstring(svg("shop", Drawing((chain,), (), ("a note " * 30,), "done")))
    width, height = float(picture.get("width", 0)), float(picture.get("height", 0))
    cards = [card for card in picture.iter(f"{SVG}rect") if card.get("class") == "ogt-card"]
    boxes = [tuple(float(card.get(key, "?")) for key in ("x", "y", "width", "height")) for card in cards]
    assert all(x + w <= width and y + h <= height for x, y, w, h in boxes)
    assert all(above[1] + above[3] < below[1] for above, below in pairwise(boxes))
    assert all(right <= width for _, right in _text_ends(picture.iter(f"{SVG}text")))
    for node, (x, _, w, _) in zip(_nodes(picture), boxes, strict=True):
        assert all(right <= x + w for _, right in _text_ends(node.iter(f"{SVG}text")))


def _text_ends(texts: Iterable[ElementTree.Element]) -> Iterator[tuple[str, float]]:
    """Where each text ends in a font whose characters are 0.602 em wide, as most monospaced ones are."""
    for element in texts:
        pixels = 13 if element.get("class") in ("ogt-label", "ogt-title") else 11.5
        columns = sum(2 if ord(c) > 0x2E80 else 1 for c in element.text or "")
        yield element.text or "", float(element.get("x", "?")) + columns * 0.602 * pixels


# --- Markdown --------------------------------------------------------------------------------------


def test_markdown_has_the_diagram_the_text_and_the_findings(shop: Example) -> None:
    position, marked = position_in(shop.project), marks(shop.project, shop.findings)
    shown = markdown("shaky_shop", shop.drawing, marked, position, lambda path, line: f"{path}#L{line}")
    assert shown.startswith("# Supervision tree of shaky_shop\n\n")
    assert f"```mermaid\n{mermaid.flowchart(shop.drawing)}```\n" in shown
    assert "└── ShakyShop.Supervisor (Supervisor, one_for_one)" in shown
    rows = shown.partition("| --- | --- | --- |\n")[2].splitlines()
    assert len(rows) == len(shop.findings)
    for row, finding in zip(rows, shop.findings, strict=True):
        assert len(re.findall(r"(?<!\\)\|", row)) == 4
        line, _ = position(finding.path, finding.span.start)
        place = code(f"{finding.path}:{line}")
        assert row.startswith(f"| [{place}]({finding.path}#L{line}) | {finding.code} ")


def test_markdown_is_not_broken_out_of() -> None:
    drawn = hostile()
    shown = markdown("<b>`x`", drawn, NOTHING_FOUND, lambda *_: (1, 1), lambda *_: "x")
    tokens = MarkdownIt().parse(shown)
    assert [(token.info, token.content) for token in tokens if token.type == "fence"] == [
        ("mermaid", mermaid.flowchart(drawn)),
        ("text", "\n".join(text.lines(drawn)) + "\n"),
    ]
    inline = {inner.type for token in tokens for inner in token.children or ()}
    assert inline <= {"text", "code_inline", "text_special"}
    assert not [token for token in tokens if token.type == "html_block"]


def _decoded(label: str) -> str:
    return re.sub(r"#(\d+);", lambda match: chr(int(match[1])), label)
