"""`run_plan`: the open items of a plan, each proved with the real mix, committed, and noted."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from otp_genesis_refactorers.pipelines.journal import Journal
from otp_genesis_refactorers.pipelines.running import CantRun
from tests.pipelines.pipelines import MAILER, SHOP, committed, git, items, killed_at, perform, planned

PRINTER = MAILER.replace("Mailer", "Printer").replace("welcome", "print")
# What its fix changes, the process above, is what its test relies on.
ORPHAN = """\
defmodule Shop.Orphan do
  def cry(user) do
    spawn(fn -> send(user, {:above, Process.get(:"$ancestors")}) end)
    :ok
  end
end
"""
ORPHAN_TEST = """\
defmodule Shop.OrphanTest do
  use ExUnit.Case

  test "nobody is above" do
    Shop.Orphan.cry(self())
    assert_receive {:above, nil}
  end
end
"""
# `spawn` is handed on, so that no fix is made without judgement.
ECHO = """\
defmodule Shop.Echo do
  def echo(words), do: Enum.each(words, &spawn/1)
end
"""
PRINTER_TEST = """\
defmodule Shop.PrinterTest do
  use ExUnit.Case

  test "what is printed is told" do
    assert Shop.Printer.print(self()) == :ok
    assert_receive :print
  end
end
"""
FILES = {**SHOP, "lib/shop/printer.ex": PRINTER, "test/shop/printer_test.exs": PRINTER_TEST}
VERIFIED = re.compile(r"- \[x\] .*`Shop\.(\w+)\..* verified \d{4}-\d{2}-\d{2}, evidence [0-9a-f]{12}")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = committed(tmp_path / "shop", FILES)
    planned(root)
    return root


def verified(root: Path) -> list[str]:
    return sorted(found[1] for line in items(root) if (found := VERIFIED.fullmatch(line)))


def test_each_item_is_proved_committed_and_noted(tmp_path: Path) -> None:
    orphan = {"lib/shop/orphan.ex": ORPHAN, "test/shop/orphan_test.exs": ORPHAN_TEST}
    shop = committed(tmp_path / "shop", {**FILES, **orphan})
    planned(shop)
    before = git(shop, "status", "--porcelain"), (shop / "lib/shop/mailer.ex").read_text()
    report = perform("run_plan", shop, variables={"phase": "1"}, trusted_for_this_run=True)
    assert report.is_done, report.reason
    done = {each["title"].split("`")[1]: each for each in report.outputs["items"]}
    assert {name: each["status"] for name, each in done.items()} == {
        "Shop.Mailer.welcome/1": "done",
        "Shop.Printer.print/1": "done",
        "Shop.Orphan.cry/1": "failed",
    }
    assert "nobody is above" in done["Shop.Orphan.cry/1"]["reason"]
    assert [message for _, message in report.commits] == git(
        shop, "log", "--reverse", "--format=%s", f"HEAD..{report.branch}"
    ).splitlines()
    assert len(report.commits) == 2
    assert verified(shop) == ["Mailer", "Printer"]
    [orphan] = [line for line in items(shop) if "Shop.Orphan" in line]
    assert orphan.startswith("- [!]")
    assert "failed: " in orphan
    assert (git(shop, "status", "--porcelain"), (shop / "lib/shop/mailer.ex").read_text()) == before


def test_items_by_their_ids_are_only_proved_when_nothing_is_to_be_applied(shop: Path) -> None:
    lines = items(shop)
    [line] = [line for line in lines if "Shop.Mailer" in line]
    id_ = line.partition("<!-- step ")[2].split()[0]
    variables = {"items": f'["{id_}"]', "apply": "false"}
    report = perform("run_plan", shop, variables=variables, trusted_for_this_run=True)
    assert [each["status"] for each in report.outputs["items"]] == ["passed"]
    assert (report.branch, items(shop)) == ("", lines)


def test_what_takes_judgement_is_left_with_the_reason(tmp_path: Path) -> None:
    root = committed(tmp_path / "shop", {**SHOP, "lib/shop/mailer.ex": ECHO, "test/shop/mailer_test.exs": ""})
    planned(root)
    lines = items(root)
    report = perform("run_plan", root, variables={"phase": "1"}, trusted_for_this_run=True)
    assert report.is_done, report.reason
    [echo] = report.outputs["items"]
    assert (echo["status"], echo["commit"]) == ("left", "")
    assert echo["reason"] == "there is no fix without judgement: it is to be done by hand"
    assert (report.branch, items(root)) == ("", lines)


def test_without_consent_nothing_is_committed_or_noted(shop: Path) -> None:
    lines = items(shop)
    report = perform("run_plan", shop, variables={"phase": "1"})
    assert {each["status"] for each in report.outputs["items"]} == {"not_verified"}
    assert all("otp-genesis trust" in each["reason"] for each in report.outputs["items"])
    assert (report.branch, items(shop)) == ("", lines)


@pytest.mark.parametrize("step", ["each_item[0]/kept", "each_item[0]/noted", "each_item[1]/now"])
def test_taken_up_again_it_does_each_item_once(shop: Path, step: str) -> None:
    killed_at(step, "run_plan", shop, variables={"phase": "1"}, trusted_for_this_run=True)
    with closing(Journal()) as journal:
        [record] = journal.runs()
    report = perform("", shop, resume=record.id, trusted_for_this_run=True)
    assert [each["status"] for each in report.outputs["items"]] == ["done"] * 2
    assert git(shop, "rev-list", "--count", f"HEAD..{report.branch}") == "2"
    assert verified(shop) == ["Mailer", "Printer"]


def test_what_can_not_be_run_is_said(tmp_path: Path) -> None:
    root = committed(tmp_path / "shop")
    report = perform("run_plan", root)
    assert report.reason == f"plan: {root} has no plan: make one with 'otp-genesis plan'"
    planned(root)
    report = perform("run_plan", root, variables={"phase": "7"})
    assert report.reason == "plan: 'phase' gives 7: there are the phases 1 to 5"
    report = perform("run_plan", root, variables={"items": '["ffffffff"]'})
    assert report.reason == "plan: the plan has no open item ffffffff"
    with pytest.raises(CantRun, match="--var phase: 'first' is no value of type integer"):
        perform("run_plan", root, variables={"phase": "first"})
