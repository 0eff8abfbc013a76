"""The six documents on disk: what they say, and that nothing on disk is ever harmed."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Confidence
from otp_genesis_refactorers.applying.write import NotWritten
from otp_genesis_refactorers.plan.documents import Written, write_plan
from otp_genesis_refactorers.plan.markdown import parse
from tests.plan.shop import UPLOADS_PATH, Shop

CRITICAL = "01-critical-fixes.md"
SNAPSHOT = Path(__file__).parent / "snapshot"
EXAMPLE = Path(__file__).parents[2] / "examples" / "shaky_shop"
FILES = [
    "README.md",
    "01-critical-fixes.md",
    "02-state-persistence.md",
    "03-architectural-decomposition.md",
    "04-testing-and-communication.md",
    "05-integration-and-rollout.md",
]


def plan(shop: Shop, goal: str = "", out: Path | None = None) -> Written:
    return shop.plan(list(shop.findings().values()), goal, out)


# --- what they say ---------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["README.md", CRITICAL, "05-integration-and-rollout.md"])
def test_the_documents_of_a_small_project(shop: Shop, file: str) -> None:
    """Set UPDATE_SNAPSHOTS=1 to take what is written today as right."""
    plan(shop, "make this code base truly fault-tolerant")
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.mkdir(exist_ok=True)
        (SNAPSHOT / file).write_bytes(shop.document(file).read_bytes())
    assert shop.read(file) == (SNAPSHOT / file).read_text("utf-8")


def test_it_says_what_it_wrote(shop: Shop) -> None:
    written = plan(shop)
    assert [file.path for file in written.files] == [shop.document(file) for file in FILES]
    assert [file.items for file in written.files] == [0, 4, 0, 0, 0, 0]
    assert all(file.changed for file in written.files)
    assert (written.added, written.kept, written.stale) == (4, 0, 0)
    again = plan(shop)
    assert not any(file.changed for file in again.files)
    assert (again.added, again.kept, again.stale) == (0, 4, 0)


def test_the_order_of_findings_does_not_matter(shop: Shop) -> None:
    plan(shop)
    before = shop.everything()
    for path in before:
        shop.document(path).unlink()
    shop.plan(list(shop.findings().values())[::-1])
    assert shop.everything() == before


@pytest.mark.parametrize(
    "goal",
    [
        "use `Task.Supervisor` -->",
        "two\nlines\n\n# and a heading",
        "<!-- never closed",
        "<!-- step 7b67b11a --> <!-- otp-genesis wrote",
        "- [ ] an item\n- [ ] another",
        "``` \n fence",
        "a > b |> c",
        "\u2028 separators \x85 \x00 and controls \x1b[31m",
    ],
)
def test_no_goal_breaks_a_document(shop: Shop, goal: str) -> None:
    plan(shop, goal)
    for file in FILES:
        document = parse(shop.read(file))
        assert len(document.items) == (4 if file == CRITICAL else 0)
        assert document.goal and document.ledger.entries and document.parts["summary"].end > 0
    before = shop.everything()
    assert plan(shop, goal).added == 0
    assert shop.everything() == before


def test_an_empty_goal_gets_words(shop: Shop) -> None:
    plan(shop, " \n ")
    assert "> Goal: Make this code base fault-tolerant\n" in shop.read("README.md")


def test_the_overview_counts_states(shop: Shop) -> None:
    plan(shop)
    shop.edit(CRITICAL, "- [ ] **1.1", "- [x] **1.1")
    shop.edit(CRITICAL, "- [ ] **1.2", "- [-] **1.2")
    shop.edit(CRITICAL, "- [ ] **1.3", "- [ ] My own\n- [!] **1.3")
    plan(shop)
    (row,) = [line for line in shop.read("README.md").split("\n") if CRITICAL in line]
    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["2", "1", "1", "1"]


def test_the_overview_says_what_is_ticked_but_still_found(shop: Shop) -> None:
    plan(shop)
    shop.edit(CRITICAL, "- [ ] **1.1", "- [x] **1.1")
    plan(shop)
    assert "- Ticked, but still found in the code: 1.1." in shop.read("README.md")
    shop.plan([finding for name, finding in shop.findings().items() if name != "cart"])
    assert "still found" not in shop.read("README.md")


def test_the_overview_says_what_was_hardly_read(shop: Shop) -> None:
    shop.broken.add(UPLOADS_PATH)
    shop.plan([structs.replace(shop.findings()["cart"], confidence=Confidence.HEURISTIC)])
    assert "- Only partly read, for a syntax error: `lib/shop/uploads.ex`." in shop.read("README.md")
    assert "- Found by a score and not by a proof: 1 finding." in shop.read("README.md")


def test_without_findings_there_is_nothing_to_roll_out(shop: Shop) -> None:
    shop.plan([])
    rollout = shop.read("05-integration-and-rollout.md")
    assert rollout.count("Nothing yet: no item changes what is deployed.") == 3


# --- on disk ---------------------------------------------------------------------------------------


def test_they_can_be_written_elsewhere(shop: Shop, tmp_path: Path) -> None:
    out = tmp_path / "docs" / "plan"
    written = plan(shop, out=out)
    assert written.folder == out
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    assert not shop.document("").exists()
    assert not any(file.changed for file in plan(shop, out=out).files)


def test_what_is_up_to_date_is_not_written(shop: Shop) -> None:
    plan(shop)
    before = {file: shop.document(file).stat().st_mtime_ns for file in FILES}
    shop.edit(CRITICAL, "# Phase 1: Critical fixes", "# The worst of it")
    before[CRITICAL] = shop.document(CRITICAL).stat().st_mtime_ns
    plan(shop)
    assert {file: shop.document(file).stat().st_mtime_ns for file in FILES} == before


def test_other_files_in_the_folder_are_left_alone(shop: Shop) -> None:
    plan(shop)
    shop.write("notes.md", "- [ ] mine\n")
    before = shop.everything()
    plan(shop)
    assert shop.everything() == before


def assert_refused(shop: Shop, *words: str) -> None:
    """Nothing is written, and one line says why."""
    folder = shop.document("")
    before = {path.name: path.lstat().st_mtime_ns for path in folder.iterdir()} if folder.exists() else {}
    with pytest.raises(NotWritten) as refusal:
        plan(shop, "another goal")
    message = str(refusal.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    after = {path.name: path.lstat().st_mtime_ns for path in folder.iterdir()} if folder.exists() else {}
    assert after == before


def test_a_document_that_is_not_utf_8_is_not_touched(shop: Shop) -> None:
    plan(shop)
    shop.document(CRITICAL).write_bytes("été".encode("latin-1"))
    assert_refused(shop, CRITICAL, "is not UTF-8 text")
    assert shop.document(CRITICAL).read_bytes() == "été".encode("latin-1")


def test_a_read_only_document_is_not_touched(shop: Shop) -> None:
    plan(shop)
    shop.document(CRITICAL).chmod(0o444)
    assert_refused(shop, CRITICAL, "read-only")


def test_a_link_out_of_the_project_is_not_followed(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "kept.md").write_text("kept")
    plan(shop)
    shop.document(CRITICAL).unlink()
    shop.document(CRITICAL).symlink_to(outside / "kept.md")
    assert_refused(shop, CRITICAL, "leads outside")
    shop.document(CRITICAL).unlink()
    shop.document(CRITICAL).symlink_to(outside / "new.md")
    assert_refused(shop, CRITICAL, "leads outside")
    assert [path.name for path in outside.iterdir()] == ["kept.md"]
    assert (outside / "kept.md").read_text() == "kept"


def test_a_folder_that_leads_out_of_the_project_is_not_followed(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (shop.root / ".otp-genesis").symlink_to(outside)
    with pytest.raises(NotWritten, match="leads outside"):
        plan(shop)
    assert list(outside.iterdir()) == []


def test_a_folder_in_the_place_of_a_document_is_named(shop: Shop) -> None:
    plan(shop)
    shop.document(CRITICAL).unlink()
    shop.document(CRITICAL).mkdir()
    assert_refused(shop, CRITICAL, "is not a regular file")


def test_a_file_in_the_place_of_the_folder_is_named(shop: Shop) -> None:
    (shop.root / ".otp-genesis").write_text("a file")
    with pytest.raises(NotWritten, match=r"\.otp-genesis"):
        plan(shop)


def test_a_pipe_in_the_place_of_a_document_does_not_hang(shop: Shop) -> None:
    plan(shop)
    shop.document(CRITICAL).unlink()
    os.mkfifo(shop.document(CRITICAL))
    assert_refused(shop, CRITICAL, "is not a regular file")


def test_code_that_cannot_be_read_is_named(shop: Shop) -> None:
    def read(path: str) -> bytes:
        raise PermissionError(13, "Permission denied", path)

    with pytest.raises(NotWritten, match=r"can't be read: Permission denied"):
        write_plan(replace(shop.project, read=read), list(shop.findings().values()), shop.root, "")
    assert not shop.document("").exists()


# --- the example -----------------------------------------------------------------------------------


def test_the_plan_of_the_example_is_complete_and_its_diffs_apply(tmp_path: Path) -> None:
    loaded = engine.load(EXAMPLE)
    findings = engine.check(loaded.project, Config())
    written = write_plan(loaded.project, findings, EXAMPLE, "", tmp_path / "plan")
    steps = [item.step for file in written.files for item in parse(file.path.read_text("utf-8")).items]
    assert {place.path for step in steps for place in step.places} == {finding.path for finding in findings}
    assert sum(len(step.places) for step in steps) == len(findings)
    assert len({step.id for step in steps}) == len(steps) == written.added
    diffs = [step.change.text for step in steps if step.change and step.change.language == "diff"]
    assert diffs
    for diff in diffs:
        assert_applies(f"{diff}\n", EXAMPLE)
    again = write_plan(loaded.project, findings, EXAMPLE, "", tmp_path / "plan")
    assert not any(file.changed for file in again.files)


def assert_applies(diff: str, folder: Path) -> None:
    command = ["git", "apply", "--check", "-"]
    applied = subprocess.run(command, input=diff, cwd=folder, text=True, capture_output=True, check=False)
    assert applied.returncode == 0, f"{applied.stderr}\n{diff}"
