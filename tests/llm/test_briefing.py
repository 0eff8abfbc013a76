"""What a model is told of a finding: enough, the stable part first, never more than the budget."""

from __future__ import annotations

import os
from pathlib import Path

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.llm.context.briefing import Briefing, brief
from otp_genesis_refactorers.llm.playbooks import playbook_of
from otp_genesis_refactorers.llm.privacy.fencing import Fence
from otp_genesis_refactorers.llm.privacy.withholding import Withholding

EXAMPLE = Path(__file__).parents[2] / "examples" / "shaky_shop"
FENCE = Fence("0123456789abcdef")


def briefed(root: Path, project: Project, finding: Finding, tokens: int = 24_000) -> Briefing:
    return brief(finding, project, Withholding.of(root, os.environ), FENCE, tokens=tokens)


def findings_of(project: Project, code: str) -> list[Finding]:
    config = project.config.merged(also=(code,))
    found = [each for each in engine.check(project, config) if each.code == code]
    assert found
    return found


def test_the_stable_part_is_the_same_for_all_findings_of_a_rule() -> None:
    project = engine.load(EXAMPLE).project
    said = [briefed(EXAMPLE, project, finding) for finding in findings_of(project, "OTP201")]
    assert len(said) > 2
    assert len({each.stable for each in said}) == 1
    assert len({each.particular for each in said}) == len(said)


def test_the_page_the_tree_and_the_modules_are_in_the_stable_part() -> None:
    project = engine.load(EXAMPLE).project
    said = briefed(EXAMPLE, project, findings_of(project, "OTP201")[0])
    assert said.stable.startswith("# OTP201 volatile-state\n")
    assert "ShakyShop.Supervisor (lib/shaky_shop/application.ex:" in said.stable
    assert "  - ShakyShop.Orders" in said.stable
    assert "ShakyShop.Cart (GenServer) lib/shaky_shop/cart.ex" in said.stable


def test_the_module_its_starter_its_callers_and_its_messages_are_in_the_rest() -> None:
    project = engine.load(EXAMPLE).project
    orders = next(each for each in findings_of(project, "OTP201") if each.scope == "ShakyShop.Orders")
    said = briefed(EXAMPLE, project, orders)
    assert said.particular.count("defmodule ShakyShop.Orders do") == 1
    assert "(starts ShakyShop.Orders)" in said.particular
    assert "(calls ShakyShop.Orders)" in said.particular
    assert "Who sends it messages:" in said.particular
    assert said.particular.rstrip().endswith(f"</data-{FENCE.nonce}>")
    assert orders.message in said.particular.rpartition("## The finding")[2]
    assert "lib/shaky_shop/orders.ex" in said.files
    assert "lib/shaky_shop/application.ex" in said.files


def test_the_budget_is_kept_and_what_is_left_out_is_said() -> None:
    project = engine.load(EXAMPLE).project
    for finding in findings_of(project, "OTP301"):
        for tokens in (2_000, 4_000, 8_000):
            said = briefed(EXAMPLE, project, finding, tokens)
            code = said.particular.partition("## The finding")[0]
            assert len(code) < tokens * 4 * 1.2
            assert said.left_out or tokens == 8_000


def test_what_is_withheld_is_not_in_it(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "mix.exs").write_text(
        "defmodule S.MixProject do\n  use Mix.Project\n  def project, do: [app: :s]\nend\n"
    )
    (tmp_path / "lib/a.ex").write_text(
        "defmodule A do\n  def a, do: spawn(fn -> B.b() end)\n  def c, do: 1\nend\n"
    )
    (tmp_path / "lib/b.ex").write_text("defmodule B do\n  def b, do: A.c()\nend\n")
    project = engine.load(tmp_path).project
    (finding,) = findings_of(project, "OTP101")
    assert "lib/b.ex" in briefed(tmp_path, project, finding).files
    (tmp_path / ".otp-genesis-ignore").write_text("lib/b.ex\n")
    said = briefed(tmp_path, project, finding)
    assert said.files == ("lib/a.ex",)
    assert "A.c()" not in said.particular
    assert any(line.startswith("lib/b.ex: ") for line in said.left_out)


def test_playbooks_offer_what_the_project_has() -> None:
    project = engine.load(EXAMPLE).project
    state = playbook_of(findings_of(project, "OTP201")[0], project)
    assert state is not None
    assert [way.name for way in state.ways] == ["ets", "dets"]
    god = playbook_of(findings_of(project, "OTP301")[0], project)
    assert god is not None
    assert len(god.ways) >= 2
    assert all(way.goal is not None for way in god.ways)
    assert playbook_of(findings_of(project, "OTP101")[0], project) is None
