"""Generating again: what a person did stays, what is the tool's own is brought up to date."""

from __future__ import annotations

import pytest
from msgspec import structs

from otp_genesis_refactorers.plan.markdown import parse
from otp_genesis_refactorers.plan.merge import STALE_NOTE
from tests.plan.shop import UPLOADS_PATH, Shop

CRITICAL = "01-critical-fixes.md"
CART, STORE, AUDIT = "**1.1 ", "**1.2 ", "**1.4 "
"""How the items of `Shop.findings()` begin. The last one covers two findings."""

A_NEW_ITEM = "- [ ] **Ask Maria who calls this**\n  - she wrote it\n"


def plan(shop: Shop, *left_out: str) -> None:
    found = shop.findings()
    shop.plan([finding for name, finding in found.items() if name not in left_out])


def items(shop: Shop, file: str = CRITICAL) -> list[str]:
    """Mark and number of each item: `x 1.2`."""
    return [f"{item.step.state.mark} {item.step.number}" for item in parse(shop.read(file)).items]


def item(shop: Shop, begins: str, file: str = CRITICAL) -> str:
    text = shop.read(file)
    texts = [text[item.start : item.end] for item in parse(text).items]
    (found,) = [one for one in texts if begins in one]
    return found


def test_generating_twice_changes_nothing(shop: Shop) -> None:
    plan(shop)
    before = shop.everything()
    plan(shop)
    assert shop.everything() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- [ ] **1.2", "- [x] **1.2"),
        ("- [ ] **1.2", "* [X] **1.2"),
        ("<!-- step e6b5dae1 -->", "<!-- step e6b5dae1 --> maybe in May"),
        ("Supervise the process spawned in `Shop.Uploads.store/1`", "Mend the uploads"),
        ("`total/0` calls this server.", "it waits for itself. I have seen it happen!"),
        ("5 findings of 3 rules in 2 files. The most critical stand first.", "My own summary."),
        ("# Phase 1: Critical fixes", "# The worst of it"),
        ("> Goal: ", "> Aim: "),
        ("- [ ] **1.3", "\n## Next week\n\n- [ ] **1.3"),
        ("- [ ] **1.3", A_NEW_ITEM + "- [ ] **1.3"),
        ("- [ ] **1.3", "   - [ ] **1.3"),
        ("  - `lib/shop/cart.ex:4` OTP111 self-call-deadlock\n", ""),
    ],
)
def test_a_persons_edit_stays(shop: Shop, old: str, new: str) -> None:
    plan(shop)
    shop.edit(CRITICAL, old, new)
    edited = shop.read(CRITICAL)
    plan(shop)
    assert shop.read(CRITICAL) == edited


def test_a_deleted_item_does_not_come_back(shop: Shop) -> None:
    plan(shop)
    for begins in (STORE, AUDIT):
        shop.edit(CRITICAL, item(shop, begins), "")
    edited = shop.read(CRITICAL)
    plan(shop)
    plan(shop)
    assert shop.read(CRITICAL) == edited


def test_a_deleted_document_starts_over(shop: Shop) -> None:
    plan(shop)
    before = shop.everything()
    shop.edit(CRITICAL, item(shop, STORE), "")
    shop.document(CRITICAL).unlink()
    plan(shop)
    assert shop.everything() == before


def test_an_emptied_document_starts_over(shop: Shop) -> None:
    plan(shop)
    before = shop.everything()
    shop.write(CRITICAL, "\n")
    plan(shop)
    assert shop.everything() == before


def test_an_item_stays_in_the_document_it_was_moved_to(shop: Shop) -> None:
    plan(shop)
    moved = item(shop, STORE)
    shop.edit(CRITICAL, moved, "")
    later = "03-architectural-decomposition.md"
    shop.edit(later, "\n<!-- otp", f"\n{moved}\n<!-- otp")
    before = shop.read(CRITICAL), shop.read(later)
    plan(shop)
    assert (shop.read(CRITICAL), shop.read(later)) == before
    plan(shop, "store")
    assert items(shop, later) == ["! 1.2"]


def test_the_order_of_a_person_stays(shop: Shop) -> None:
    plan(shop)
    cart, audit = item(shop, CART), item(shop, AUDIT)
    shop.edit(CRITICAL, audit, "")
    shop.edit(CRITICAL, cart, audit + cart)
    plan(shop)
    assert items(shop) == ["  1.4", "  1.1", "  1.2", "  1.3"]


def test_a_new_finding_stands_after_what_is_more_critical(shop: Shop) -> None:
    plan(shop, "sweep")
    assert items(shop) == ["  1.1", "  1.2", "  1.3"]
    plan(shop)
    assert items(shop) == ["  1.1", "  1.2", "  1.4", "  1.3"]
    assert "`Shop.Uploads.sweep/1`" in item(shop, "**1.4")


def test_the_first_finding_of_all_can_come_last(shop: Shop) -> None:
    plan(shop, "cart")
    plan(shop)
    assert items(shop) == ["  1.4", "  1.1", "  1.2", "  1.3"]


def test_findings_come_to_an_empty_phase(shop: Shop) -> None:
    shop.plan([])
    assert "Nothing was found" in shop.read(CRITICAL)
    plan(shop)
    assert items(shop) == ["  1.1", "  1.2", "  1.3", "  1.4"]
    assert "Nothing was found" not in shop.read(CRITICAL)
    assert_as_new(shop)


def assert_as_new(shop: Shop) -> None:
    """The document says what one written today would say."""
    merged = shop.read(CRITICAL)
    shop.document(CRITICAL).unlink()
    plan(shop)
    assert shop.read(CRITICAL) == merged


def test_an_untouched_item_follows_the_code(shop: Shop) -> None:
    plan(shop)
    shop.files[UPLOADS_PATH] = "# A comment\n" + shop.files[UPLOADS_PATH]
    plan(shop)
    assert "`lib/shop/uploads.ex:4` OTP101" in item(shop, STORE)
    assert_as_new(shop)


def test_an_untouched_item_keeps_state_note_and_number_when_it_follows(shop: Shop) -> None:
    plan(shop)
    shop.edit(CRITICAL, "<!-- step e6b5dae1 -->", "<!-- step e6b5dae1 --> in May")
    shop.files[UPLOADS_PATH] = "# A comment\n" + shop.files[UPLOADS_PATH]
    plan(shop)
    first, place = item(shop, STORE).split("\n")[:2]
    assert first.endswith("<!-- step e6b5dae1 --> in May")
    assert place == "  - `lib/shop/uploads.ex:4` OTP101 unsupervised-spawn"


@pytest.mark.parametrize("mark", ["x", "-", "!"])
def test_a_closed_item_is_never_rewritten(shop: Shop, mark: str) -> None:
    plan(shop)
    shop.edit(CRITICAL, "- [ ] **1.2", f"- [{mark}] **1.2")
    closed = item(shop, STORE)
    shop.files[UPLOADS_PATH] = "# A comment\n" + shop.files[UPLOADS_PATH]
    plan(shop)
    plan(shop, "store")
    assert item(shop, STORE) == closed


def test_an_item_that_a_person_worded_is_not_rewritten(shop: Shop) -> None:
    plan(shop)
    shop.edit(CRITICAL, "Supervise the process spawned in `Shop.Uploads.store/1`", "Mend the uploads")
    worded = item(shop, STORE)
    shop.files[UPLOADS_PATH] = "# A comment\n" + shop.files[UPLOADS_PATH]
    plan(shop)
    assert item(shop, STORE) == worded


def test_an_open_item_whose_finding_is_gone_goes_stale_and_comes_back(shop: Shop) -> None:
    plan(shop)
    before = shop.read(CRITICAL)
    plan(shop, "store")
    assert item(shop, STORE).split("\n")[0].startswith("- [!] **1.2")
    assert item(shop, STORE).split("\n")[0].endswith(f"--> {STALE_NOTE}")
    plan(shop, "store")
    assert shop.plan([f for name, f in shop.findings().items() if name != "store"]).stale == 1
    plan(shop)
    assert shop.read(CRITICAL) == before


def test_a_note_of_a_person_survives_going_stale(shop: Shop) -> None:
    plan(shop)
    shop.edit(CRITICAL, "<!-- step e6b5dae1 -->", "<!-- step e6b5dae1 --> Maria does it\n  in May")
    before = shop.read(CRITICAL)
    plan(shop, "store")
    assert f"Maria does it\n  in May {STALE_NOTE}\n" in item(shop, STORE)
    plan(shop)
    assert shop.read(CRITICAL) == before


def test_a_worded_item_goes_stale_too(shop: Shop) -> None:
    plan(shop)
    shop.edit(CRITICAL, "Supervise the process spawned in `Shop.Uploads.store/1`", "Mend the uploads")
    plan(shop, "store")
    assert item(shop, STORE).startswith("- [!] **1.2 Mend the uploads** <!-- step e6b5dae1 --> stale")


def test_a_persons_own_items_never_go_stale(shop: Shop) -> None:
    plan(shop)
    shop.edit(CRITICAL, "- [ ] **1.3", A_NEW_ITEM + "- [ ] **1.3")
    shop.plan([])
    assert A_NEW_ITEM in shop.read(CRITICAL)
    assert items(shop) == ["! 1.1", "! 1.2", "  ", "! 1.3", "! 1.4"]


def test_a_step_with_two_findings_lives_as_long_as_one_of_them(shop: Shop) -> None:
    plan(shop)
    plan(shop, "audit")
    assert item(shop, AUDIT).startswith("- [ ] **1.4")
    assert "(2 places)" not in item(shop, AUDIT)
    plan(shop, "copy")
    assert item(shop, AUDIT).startswith("- [ ] **1.4")
    plan(shop, "copy", "audit")
    assert item(shop, AUDIT).startswith("- [!] **1.4")


def test_a_new_finding_joins_the_open_step_of_its_function(shop: Shop) -> None:
    plan(shop, "copy")
    plan(shop)
    assert "(2 places)" in item(shop, AUDIT)
    assert len(items(shop)) == 4


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- [ ] **1.4", "- [-] **1.4"),
        ("- [ ] **1.4", "- [x] **1.4"),
        ("nobody takes the reply.", "who takes the reply?"),
    ],
)
def test_a_new_finding_is_not_lost_in_a_step_that_a_person_closed_or_worded(
    shop: Shop, old: str, new: str
) -> None:
    plan(shop, "copy")
    shop.edit(CRITICAL, old, new)
    closed = item(shop, AUDIT)
    plan(shop)
    assert item(shop, AUDIT) == closed
    assert "`lib/shop/uploads.ex:14` OTP103" in item(shop, "**1.5")
    assert "uploads.ex:13" not in item(shop, "**1.5")


def test_a_new_finding_is_not_lost_in_a_deleted_step(shop: Shop) -> None:
    plan(shop, "copy")
    shop.edit(CRITICAL, item(shop, AUDIT), "")
    plan(shop)
    assert "`lib/shop/uploads.ex:14` OTP103" in item(shop, "**1.5")


def test_the_goal_changes_where_nobody_worded_it(shop: Shop) -> None:
    findings = list(shop.findings().values())
    shop.plan(findings, "survive Monday")
    shop.edit(CRITICAL, "> Goal: survive Monday", "> Goal: survive Monday, really")
    shop.plan(findings, "survive Tuesday")
    assert "> Goal: survive Tuesday\n" in shop.read("README.md")
    assert "> Goal: survive Monday, really\n" in shop.read(CRITICAL)


def test_without_a_goal_the_documents_keep_theirs(shop: Shop) -> None:
    findings = list(shop.findings().values())
    shop.plan(findings, "a <b> `c` _d_ > e")
    before = shop.everything()
    shop.plan(findings)
    assert shop.everything() == before


def test_without_the_ledger_nothing_is_lost_and_what_is_untouched_is_known_again(shop: Shop) -> None:
    plan(shop)
    shop.edit(CRITICAL, "nobody takes the reply.", "who takes the reply?")
    text = shop.read(CRITICAL)
    without = text[: text.index("<!-- otp-genesis wrote")]
    shop.write(CRITICAL, without)
    plan(shop)
    assert shop.read(CRITICAL).startswith(without)
    before = shop.read(CRITICAL)
    plan(shop)
    assert shop.read(CRITICAL) == before
    worded = item(shop, AUDIT)
    shop.files[UPLOADS_PATH] = "# A comment\n" + shop.files[UPLOADS_PATH]
    plan(shop)
    assert "uploads.ex:4" in item(shop, STORE)
    assert item(shop, AUDIT) == worded


def test_a_document_without_headings_keeps_its_text(shop: Shop) -> None:
    plan(shop)
    for broken in ("my notes, without any mark", "```\nnever closed\n", "<!-- never closed\n", "\x00\n"):
        shop.write(CRITICAL, broken)
        plan(shop)
        assert shop.read(CRITICAL).startswith(broken.rstrip("\n"))
        before = shop.read(CRITICAL)
        plan(shop)
        assert shop.read(CRITICAL) == before


def test_a_new_item_takes_the_line_ends_of_its_document(shop: Shop) -> None:
    plan(shop, "sweep")
    shop.write(CRITICAL, shop.read(CRITICAL).replace("\n", "\r\n"))
    plan(shop)
    text = shop.read(CRITICAL)
    assert "`Shop.Uploads.sweep/1`" in text
    assert text.count("\n") == text.count("\r\n")
    plan(shop)
    assert shop.read(CRITICAL) == text


def test_a_heading_of_a_person_keeps_what_stands_below_it(shop: Shop) -> None:
    plan(shop, "store")
    shop.edit(CRITICAL, "\n<!-- otp-genesis", "\n## Notes\n\nMaria knows.\n\n<!-- otp-genesis")
    plan(shop)
    text = shop.read(CRITICAL)
    assert text.index("store/1") < text.index("## Notes") < text.index("Maria knows.")


def test_rollout_sections_follow_the_items_until_a_person_words_them(shop: Shop) -> None:
    rollout = "05-integration-and-rollout.md"
    plan(shop)
    assert "Critical fixes, 4 items." in shop.read(rollout)
    shop.edit(CRITICAL, "- [ ] **1.2", "- [-] **1.2")
    plan(shop)
    assert "Critical fixes, 3 items." in shop.read(rollout)
    shop.edit(rollout, "Critical fixes, 3 items.", "Critical fixes, mine.")
    shop.edit(CRITICAL, "- [ ] **1.1", "- [-] **1.1")
    plan(shop)
    assert "Critical fixes, mine." in shop.read(rollout)
    assert "OTP111" not in shop.read(rollout)


def test_a_deleted_section_does_not_come_back(shop: Shop) -> None:
    plan(shop)
    text = shop.read("README.md")
    start, end = text.index("## Order of work"), text.index("## How to use")
    shop.write("README.md", text[:start] + text[end:])
    plan(shop)
    assert "## Order of work" not in shop.read("README.md")


def test_what_only_changes_tests_is_not_deployed(shop: Shop) -> None:
    test_file = "test/shop/uploads_test.exs"
    shop.files[test_file] = shop.files[UPLOADS_PATH]
    in_test = structs.replace(shop.findings()["store"], path=test_file)
    shop.plan([in_test])
    assert "Nothing yet" in shop.read("05-integration-and-rollout.md")
    shop.plan([in_test, shop.findings()["sweep"]])
    assert "1. Critical fixes, 1 item." in shop.read("05-integration-and-rollout.md")
