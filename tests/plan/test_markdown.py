"""Reading and writing documents: what was written is read back, and any text can be read."""

from hypothesis import given
from hypothesis import strategies as st

from otp_genesis_refactorers.plan.inline import code, prose
from otp_genesis_refactorers.plan.ledger import Entry, Ledger, find_ledger
from otp_genesis_refactorers.plan.markdown import Document, Item, parse, render, render_step
from otp_genesis_refactorers.plan.model import Phase, Place, Proposal, Section, State, Step

CONTRACT = """\
# Phase 1: Critical fixes
> Goal: make this code base truly fault-tolerant

Two processes run outside any supervisor; a crash in them is silent.

- [ ] **1.1 Supervise the upload in `Shop.Uploads.store/2`** <!-- step 7f3a9c21 -->
  - `lib/shop/uploads.ex:42` OTP101 unsupervised-spawn
  - Problem: the spawned function's crash is logged nowhere and the caller is told `:ok`.
  - Change (unsafe: adds a child to `Shop.Application`):
    ```diff
    -    spawn(fn -> Store.put(file) end)
    +    Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Store.put(file) end)
    ```
  - Test: kill the task; the supervisor reports it; the caller gets its answer.
- [x] **1.2 Two** <!-- step 02bd77e0 --> verified 2026-11-21, evidence 5e1c
- [-] **1.3 Three** <!-- step 91aa03f4 --> skipped: removed with the old API in May
- [!] **1.4 Four** <!-- step 0a0a0a0a --> failed: 2 tests
- [ ] Ask Maria about the uploads
"""

words = st.text(st.sampled_from("ab _*`<>!-[]()&\\#x:.é🦀"), max_size=20).map(prose)
some_words = words.filter(bool)
lines_of_code = st.text(st.sampled_from("ab `~-+ \n<!>\t"), max_size=40).map(lambda text: text.strip("\n"))
paths = st.sampled_from(["lib/a.ex", "lib/é b.ex", "lib/a`b.ex", "apps/x/lib/y:3.ex"])
places = st.builds(Place, paths, st.integers(1, 9999), some_words)
changes = st.builds(
    Proposal,
    st.sampled_from(["safe", "unsafe", "by hand"]),
    words,
    st.just("diff"),
    lines_of_code.filter(lambda text: text.strip() != ""),
)
steps = st.builds(
    Step,
    id=st.text("0123456789abcdef", min_size=8, max_size=8),
    title=some_words.map(lambda text: f"Mend {text} {code('M.f/1')}"),
    places=st.lists(places, max_size=3).map(tuple),
    related=st.lists(places, max_size=2).map(tuple),
    problem=words,
    change=st.none() | changes,
    test=words,
    state=st.sampled_from(State),
    note=words,
    number=st.sampled_from(["1.1", "2.13", ""]),
)


def read(text: str) -> list[Step]:
    return [item.step for item in parse(text).items]


def read_item(text: str) -> Item:
    (item,) = parse(text).items
    return item


def part(document: Document, name: str) -> str:
    return document.parts[name].text(document.text)


@given(steps)
def test_a_step_is_read_back_as_it_was_written(step: Step) -> None:
    assert read(render_step(step)) == [step]


@given(st.lists(steps, max_size=3, unique_by=lambda step: step.id), some_words)
def test_a_document_is_read_back_as_it_was_written(own: list[Step], goal: str) -> None:
    phase = Phase(1, "Critical fixes", "", "It is bad.", tuple(own), (Section("What to watch", "- This."),))
    ledger = Ledger({"goal": Entry("12345678"), "0a0a0a0a": Entry("87654321", ("0a0a0a0a", "0b0b0b0b"))})
    document = parse(render(phase, goal, ledger))
    assert [item.step for item in document.items] == own
    assert document.goal == goal
    assert part(document, "summary") == "It is bad."
    assert part(document, "what-to-watch") == "## What to watch\n\n- This."
    assert document.ledger == ledger


def test_the_format_of_the_contract_is_read() -> None:
    document = parse(CONTRACT)
    first, *others = [item.step for item in document.items]
    assert document.goal == "make this code base truly fault-tolerant"
    assert part(document, "summary") == (
        "Two processes run outside any supervisor; a crash in them is silent."
    )
    assert first == Step(
        id="7f3a9c21",
        number="1.1",
        title="Supervise the upload in `Shop.Uploads.store/2`",
        places=(Place("lib/shop/uploads.ex", 42, "OTP101 unsupervised-spawn"),),
        problem="the spawned function's crash is logged nowhere and the caller is told `:ok`.",
        change=Proposal(
            "unsafe",
            "adds a child to `Shop.Application`",
            "diff",
            "-    spawn(fn -> Store.put(file) end)\n"
            "+    Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Store.put(file) end)",
        ),
        test="kill the task; the supervisor reports it; the caller gets its answer.",
    )
    assert [(step.id, step.state, step.note) for step in others] == [
        ("02bd77e0", State.DONE, "verified 2026-11-21, evidence 5e1c"),
        ("91aa03f4", State.SKIPPED, "skipped: removed with the old API in May"),
        ("0a0a0a0a", State.FAILED, "failed: 2 tests"),
        ("", State.OPEN, ""),
    ]
    assert others[-1].title == "Ask Maria about the uploads"


def test_the_same_step_is_written_in_the_format_of_the_contract() -> None:
    head, item = CONTRACT.split("- [ ] **1.1", 1)[0], read(CONTRACT)[0]
    assert CONTRACT.startswith(head + render_step(item))


def test_places_of_items_and_marks_are_exact() -> None:
    document = parse(CONTRACT)
    assert (
        "".join(document.text[item.start : item.end] for item in document.items)
        == CONTRACT[CONTRACT.index("- [ ]") :]
    )
    assert [document.text[item.mark] for item in document.items if item.mark] == [" ", "x", "-", "!", " "]
    assert [document.text[item.note_start : item.note_end] for item in document.items] == [
        "",
        " verified 2026-11-21, evidence 5e1c",
        " skipped: removed with the old API in May",
        " failed: 2 tests",
        "",
    ]


def test_windows_line_ends_and_a_byte_order_mark_hide_nothing() -> None:
    document = parse("\ufeff" + CONTRACT.replace("\n", "\r\n"))
    assert [item.step for item in document.items] == read(CONTRACT)
    assert document.goal == parse(CONTRACT).goal
    assert part(document, "summary") == part(parse(CONTRACT), "summary")


def test_an_item_stays_an_item_when_a_person_nests_quotes_or_wraps_it() -> None:
    for text in (
        "1. First of all\n   - [x] **1.1 A** <!-- step 7f3a9c21 --> done by me\n",
        "> - [x] **1.1 A** <!-- step 7f3a9c21 --> done by me\n",
        "* [x] **1.1\n  A** <!-- step 7f3a9c21 --> done by me\n",
        "-\t[X] **1.1 A** <!-- step 7f3a9c21 --> done\n  by me\n",
    ):
        item = read_item(text)
        assert item.step == Step("7f3a9c21", "A", state=State.DONE, note=item.step.note, number="1.1")
        assert item.step.note.split() == ["done", "by", "me"]
        assert item.mark is not None and text[item.mark] in "xX"


def test_what_only_looks_like_an_item_is_none() -> None:
    for text in (
        "```\n- [ ] **1.1 A** <!-- step 7f3a9c21 -->\n```\n",
        "<!--\n- [ ] **1.1 A** <!-- step 7f3a9c21\n-->\n",
        "- [ ]nothing\n",
        "- [link](a)\n",
        "- plain\n",
        "    - [ ] code\n",
        "[ ] no list\n",
    ):
        assert read(text) == []


def test_a_comment_in_code_is_no_step() -> None:
    item = read_item("- [ ] Explain `<!-- step 7f3a9c21 -->` to Maria\n")
    assert item.step.id == ""


def test_an_item_without_brackets_keeps_its_id() -> None:
    item = read_item("- **1.1 A** <!-- step 7f3a9c21 -->\n")
    assert (item.step.id, item.step.title, item.mark) == ("7f3a9c21", "A", None)


def test_sub_tasks_of_a_person_belong_to_their_item() -> None:
    text = "- [ ] **1.1 A** <!-- step 7f3a9c21 -->\n  - [ ] ask\n  - [x] write\n\n\nAfter.\n"
    item = read_item(text)
    assert text[item.end :] == "\n\nAfter.\n"


@given(
    st.lists(
        st.sampled_from(
            [
                "- [ ] **1.1 A** <!-- step 7f3a9c21 -->",
                "  - [x] b",
                "> Goal: x",
                "## S",
                "```",
                "<!--",
                "-->",
                "<!-- otp-genesis wrote",
                "goal:12345678",
                "# T",
                "===",
                "---",
                "\t- [ ] t",
                "  lazy",
                "1. [!] n",
                "\x00",
                "",
                "*",
                "-",
                "\ufeff",
                "\u2028",
                "\x0c",
            ]
        )
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_text_can_be_read(lines: list[str], newline: str) -> None:
    text = newline.join(lines)
    document = parse(text)
    for item in document.items:
        assert 0 <= item.start < item.note_start <= item.note_end <= item.end <= len(text)
        assert item.mark is None or text[item.mark] in " xX-!"
    for place in document.parts.values():
        assert 0 <= place.start <= place.end <= len(text)


def test_the_ledger_survives_a_conflict_of_branches() -> None:
    ours, theirs = (
        Ledger({"goal": Entry("11111111"), name: Entry(name, (name,))}) for name in ("aaaaaaaa", "bbbbbbbb")
    )
    conflict = f"<<<<<<< ours\n{ours.render()}\n=======\n{theirs.render()}\n>>>>>>> theirs\n"
    ledger, place = find_ledger(conflict)
    assert set(ledger.entries) == {"goal", "aaaaaaaa", "bbbbbbbb"}
    assert place is not None and conflict[place[0] : place[1]] == theirs.render()


def test_findings_of_one_step_are_in_the_ledger() -> None:
    entry = Entry("12345678", ("aaaaaaaa", "bbbbbbbb"))
    assert find_ledger(Ledger({"aaaaaaaa": entry}).render())[0].owners == {
        "aaaaaaaa": "aaaaaaaa",
        "bbbbbbbb": "aaaaaaaa",
    }


def test_a_persons_words_after_the_ledger_are_no_part_of_it() -> None:
    text = "# T\n\nSummary.\n\n" + Ledger({"goal": Entry("11111111")}).render() + "\n\nMy notes.\n"
    document = parse(text)
    assert text[document.body_end :].startswith("\n<!-- otp-genesis wrote")
    assert part(document, "summary") == "Summary."
