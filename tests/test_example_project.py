"""The marks of examples: what they cover, and what of the text is left."""

from tests.example_project import DEFAULT_PATH, Mark, parse


def test_a_mark_covers_code_points_of_the_line_above():
    text = parse(
        """\
def é(), do: spawn(f)
#            ^^^^^ warning: no link
"""
    )
    assert text.marks == (Mark(DEFAULT_PATH, 0, 13, 18, "warning", "no link"),)
    assert text.files == {DEFAULT_PATH: "def é(), do: spawn(f)\n"}


def test_headers_split_files_and_marks_belong_to_theirs():
    text = parse(
        """\
# file: lib/a.ex
a()
# file: test/b_test.exs
  b()
# ^ hint
"""
    )
    assert text.files == {"lib/a.ex": "a()\n", "test/b_test.exs": "  b()\n"}
    assert text.marks == (Mark("test/b_test.exs", 0, 2, 3, "hint"),)


def test_several_marks_speak_of_one_line():
    text = parse("  a(b)\n# ^ hint\n#   ^ error: late\n")
    assert [(mark.line, mark.start, mark.severity) for mark in text.marks] == [
        (0, 2, "hint"),
        (0, 4, "error"),
    ]


def test_other_comments_stay():
    assert parse("# ^ nothing\na() # ^^^ hint\n").files == {DEFAULT_PATH: "# ^ nothing\na() # ^^^ hint\n"}
