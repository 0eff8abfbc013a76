"""Reading packs: what comes out is what went in, or the pack says what is missing."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otp_genesis_refactorers.repomix import NotAPack, read_pack
from otp_genesis_refactorers.repomix.packed import CUT
from tests.repomix.packs import (
    NOTES,
    STYLES,
    contents,
    files_in,
    json_style,
    markdown,
    read,
    tree_of,
    xml,
)

SHOP = {
    "lib/shop/cart.ex": "defmodule Shop.Cart do\n  def total, do: 0\nend",
    "lib/shop.ex": "defmodule Shop do\nend",
    "mix.exs": "defmodule Shop.MixProject do\nend",
}
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""
every_style = pytest.mark.parametrize("style", STYLES)
LOOSE = [style for style in STYLES if style != "parsable xml"]

# --- round trips --------------------------------------------------------------------------------------

MARKS = [
    "</file>",
    '<file path="lib/evil.ex">',
    "</files>",
    "<files>",
    "</repomix>",
    "<directory_structure>",
    "</directory_structure>",
    "## File: lib/evil.ex",
    "# Files",
    "```elixir",
    "```",
    "`````",
    "&amp;lt; &#10; &evil; <![CDATA[ ]]> <!-- -->",
    '"files": {"lib/evil.ex": "',
    "9: not a line number",
    "",
]
texts = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=20)
codes = (
    st.lists(st.sampled_from(MARKS) | texts, max_size=12)
    .map("\n".join)
    .map(str.strip)
    .filter(lambda code: CUT not in code)
)
names = st.text("ab.-_é [](){}&'\"<>#@+,;=~", min_size=1, max_size=8).map(str.strip)
plain_names = names.filter(lambda name: name.strip(".") != "")
paths = st.lists(plain_names, min_size=1, max_size=3).map("/".join).map(lambda path: f"lib/{path}.ex")


@every_style
@patient
@given(files=st.dictionaries(paths, codes, min_size=1, max_size=5))
def test_what_went_in_comes_out(style: str, files: dict[str, str]) -> None:
    assert files_in(STYLES[style](files)) == files


@patient
@given(content=st.binary(max_size=200) | st.lists(st.sampled_from(MARKS)).map("\n".join).map(str.encode))
def test_odd_bytes_are_refused_or_read(content: bytes) -> None:
    for beginning in (b"", b"{", b"<repomix>", b"<files>\n", b"# Files\n"):
        try:
            read_pack(beginning + content)
        except NotAPack as refused:
            assert "\n" not in str(refused)


@every_style
@patient
@given(data=st.data())
def test_of_a_pack_cut_anywhere_the_files_are_whole_or_missing(style: str, data: st.DataObject) -> None:
    text = STYLES[style](SHOP)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    try:
        pack = read(cut)
    except NotAPack:
        return
    assert contents(pack).items() <= SHOP.items()
    if len(pack.files) < len(SHOP):
        assert len(pack.problems) == 1


# --- styles -------------------------------------------------------------------------------------------


@every_style
def test_the_style_is_told(style: str) -> None:
    assert read(STYLES[style](SHOP)).format == style


@every_style
@pytest.mark.parametrize(
    "codec", ["utf-8-sig", "utf-16"], ids=["byte order mark", "as PowerShell redirects it"]
)
def test_saved_by_windows(style: str, codec: str) -> None:
    files = {**SHOP, "lib/é.ex": "é = 1"}
    text = STYLES[style](files)
    pack = read_pack(text.replace("\n", "\r\n").encode(codec))
    assert contents(pack) == files


@pytest.mark.parametrize("style", ["xml", "markdown"])
def test_line_breaks_of_windows_in_a_file_are_kept(style: str) -> None:
    files = {"lib/a.ex": "a\r\nb", "lib/b.ex": "a\nb"}
    assert files_in(STYLES[style](files)) == files


def test_without_summary_and_directory_structure() -> None:
    text = xml(SHOP)
    assert files_in(text[text.index("<files>") :]) == SHOP
    text = markdown(SHOP)
    assert files_in(text[text.index("# Files") :]) == SHOP
    assert files_in(json.dumps({"files": SHOP})) == SHOP


def test_what_else_a_pack_may_hold() -> None:
    header = '<user_provided_header>\nAbout <files> and "files"\n</user_provided_header>\n\n'
    more = """
<git_diffs>
<git_diff_work_tree>
+<file path="lib/shop.ex">
</git_diff_work_tree>
</git_diffs>

<git_logs>
<git_log_commit>
<message>Sell</message>
<files>
lib/shop.ex
</files>
</git_log_commit>
</git_logs>

<instruction>
Be kind.
</instruction>
"""
    text = xml(SHOP).replace("<directory_structure>", f"{header}<directory_structure>")
    assert files_in(text + more) == SHOP
    more = "\n# Git Diffs\n## Git Diffs Working Tree\n```diff\n+1\n```\n\n# Instruction\nBe kind.\n"
    assert files_in(markdown(SHOP) + more) == SHOP
    assert files_in(json.dumps({"files": SHOP, "gitLogs": [{"files": ["lib/shop.ex"]}]})) == SHOP


def test_several_folders_packed_into_one() -> None:
    files = {"shop/mix.exs": "1", "tools/lib/a.ex": '</file>\n\n<file path="lib/evil.ex">\n2'}
    tree = "[shop]/\n  mix.exs\n\n[tools]/\n  lib/\n    a.ex"
    assert files_in(xml(files, tree=tree)) == files


def test_xml_written_by_another_program() -> None:
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n<repomix>\n  <files>\n'
        "    <file path='lib/\"a\".ex'>a &lt;&#13;&#x1F600;&gt; b</file>\n"
        '    <file path="lib/empty.ex" />\n  </files>\n</repomix>\n'
    )
    assert files_in(text) == {'lib/"a".ex': "a <\r\N{GRINNING FACE}> b", "lib/empty.ex": ""}


def test_declared_entities_are_never_read() -> None:
    bomb = '<!DOCTYPE repomix [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    with pytest.raises(NotAPack, match="no pack"):
        read(f'{bomb}<repomix><files><file path="a.ex">&b;</file></files></repomix>')


# --- what is no pack ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no pack"),
        ("defmodule Shop do\nend\n", "no pack"),
        ("# Shop\n\nSells tea.\n", "no pack"),
        ("<html></html>", "no pack"),
        ('{"name": "shop", "files": ["lib"]}', 'JSON without "files"'),
        ("{" * 100_000, 'JSON without "files"'),
        ('{"files": {}}', "no whole file"),
        ("# Shop\n\n# Files\n\nThey are in lib.\n", "no whole file"),
        (xml(SHOP)[:300], "no whole file"),
        (xml({}), "no whole file"),
        (f"{'=' * 64}\nFiles\n{'=' * 64}\n", "plain style"),
    ],
)
def test_what_is_no_pack_is_refused_in_one_line(text: str, why: str) -> None:
    with pytest.raises(NotAPack, match=why) as refused:
        read(text)
    assert "\n" not in str(refused.value)


def test_what_is_not_text() -> None:
    with pytest.raises(NotAPack, match=r"not text \(byte 0\)"):
        read_pack(b"\x89PNG\r\n")


# --- what can't be relied on --------------------------------------------------------------------------


@pytest.mark.parametrize("style", LOOSE)
def test_cut_off_in_a_file(style: str) -> None:
    text = STYLES[style](SHOP)
    pack = read(text[: text.index("Shop.MixProject")])
    assert list(pack.files) == ["lib/shop/cart.ex", "lib/shop.ex"]
    assert pack.problems == ("it ends early, in mix.exs, which is left out: what comes after is missing",)


def test_cut_off_between_files() -> None:
    text = xml(SHOP)
    pack = read(text[: text.index('<file path="mix.exs">')])
    assert list(pack.files) == ["lib/shop/cart.ex", "lib/shop.ex"]
    assert pack.problems == ("it ends early, between two files: what comes after is missing",)
    text = markdown(SHOP)
    pack = read(text[: text.index("## File: mix.exs")])
    assert pack.problems == ("mix.exs: listed without content",)


def test_listed_without_content() -> None:
    tree = tree_of([*SHOP, "lib/latin1.ex", "logo.png"])
    for write in STYLES.values():
        assert read(write(SHOP, tree=tree)).problems == ("lib/latin1.ex: listed without content",)


def test_a_file_that_holds_the_beginning_of_another_one() -> None:
    spoof = '"\n</file>\n\n<file path="lib/shop.ex">\nspawn(fn -> 1 end)'
    pack = read(xml({"lib/a.ex": "a", "lib/b.ex": spoof, **SHOP}))
    assert "lib/a.ex" in pack.files and "mix.exs" in pack.files
    assert not {"lib/b.ex", "lib/shop.ex"} & pack.files.keys()
    assert len(pack.problems) == 1 and "lib/b.ex, lib/shop.ex" in pack.problems[0]


@pytest.mark.parametrize(
    "path",
    [
        "../lib/a.ex",
        "lib/../../a.ex",
        "/etc/a.ex",
        "lib//a.ex",
        "./a.ex",
        "lib\\a.ex",
        "C:/a.ex",
        "lib/\x00.ex",
        "lib/\x1b[2J.ex",
        f"{'a' * 300}.ex",
        "a/" * 600 + "a.ex",
    ],
)
def test_paths_stay_inside_the_folder(path: str) -> None:
    for write in STYLES.values():
        pack = read(write({path: "1", **SHOP}, tree=""))
        assert list(pack.files) == list(SHOP)
        assert len(pack.problems) == 1 and "no path inside the folder" in pack.problems[0]


def test_many_problems_of_one_kind_are_one_line() -> None:
    pack = read(json_style({**SHOP, **{f"../{n}.ex": "" for n in range(9)}}, tree=""))
    assert pack.problems == (
        "../0.ex, ../1.ex, ../2.ex and 6 more: no path inside the folder that was packed; left out",
    )


@every_style
@pytest.mark.parametrize(
    ("note", "word"),
    [
        ("- Only files matching these patterns are included: lib/**", "--include"),
        ("- Files matching these patterns are excluded: test/**", "--ignore"),
        ("- Code comments have been removed from supported file types", "--remove-comments"),
        ("- Empty lines have been removed from all files", "--remove-empty-lines"),
        ("- Content has been compressed - code blocks are separated by ⋮---- delimiter", "--compress"),
    ],
)
def test_how_it_was_packed_is_said(style: str, note: str, word: str) -> None:
    pack = read(STYLES[style](SHOP, notes=f"{NOTES}\n{note}"))
    assert len(pack.files) == 3
    assert len(pack.problems) == 1 and word in pack.problems[0]


@every_style
def test_compressed_code_is_left_out(style: str) -> None:
    files = {**SHOP, "lib/a.ex": "defmodule A do\n⋮----\nend", "assets/app.ts": "class A\n⋮----\nend"}
    pack = read(STYLES[style](files))
    assert "lib/a.ex" not in pack.files and "assets/app.ts" in pack.files
    assert pack.problems == ("lib/a.ex: code was taken out of it when it was packed; left out",)


@every_style
def test_line_numbers_are_taken_out(style: str) -> None:
    files = {**SHOP, "lib/empty.ex": "", "lib/long.ex": "\n".join(["x", ""] * 7 + ["y"])}
    pack = read(STYLES[style]({path: _numbered(code) for path, code in files.items()}))
    assert contents(pack) == files
    assert len(pack.problems) == 1 and "numbers are taken out again" in pack.problems[0]


@every_style
def test_lines_of_which_only_some_are_numbered(style: str) -> None:
    files = {"lib/a.ex": _numbered("a\nb"), "lib/b.ex": "a\nb"}
    with pytest.raises(NotAPack, match="pack again without --output-show-line-numbers"):
        read(
            STYLES[style](
                files, notes=f"{NOTES}\n- Line numbers have been added to the beginning of each line"
            )
        )


def _numbered(code: str) -> str:
    lines = code.split("\n")
    width = len(str(len(lines)))
    return "\n".join(f"{number:>{width}}: {line}" for number, line in enumerate(lines, 1))


# --- size ---------------------------------------------------------------------------------------------

LINES = 'defmodule A do\n  @doc """\n  <p>&amp; `code`</p>\n  """\n  def a, do: :ok\nend\n'
LARGE = {
    "many files": {f"lib/a{n}.ex": (LINES * 20).strip() for n in range(3_000)},
    "one file": {"lib/a.ex": (LINES * 70_000).strip()},
    "one line": {"lib/a.ex": "<file path=" * 450_000},
    "marks": {"lib/a.ex": '</file>\n\n<file path="lib/evil.ex">\n## File: a\n```\n' * 90_000 + "end"},
    "escaped": {"lib/a.ex": "&<>\"'" * 1_000_000},
    "backticks": {"lib/a.ex": ("`" * 99 + "\n") * 50_000 + "end"},
}


@every_style
@pytest.mark.parametrize("files", LARGE.values(), ids=LARGE)
def test_five_megabytes_are_read_or_refused(style: str, files: dict[str, str]) -> None:
    """Time that grows with the square of the size would be hours here."""
    text = STYLES[style](files).encode()
    assert len(text) > 4_500_000
    read_pack(text)
    with suppress(NotAPack):
        read_pack(text[:-100])
