"""From findings to steps: which share one, in what order they stand, and what each says."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules import all_rules
from otp_genesis_refactorers.change import Change, Edit, file_change
from otp_genesis_refactorers.plan.from_findings import from_findings
from otp_genesis_refactorers.plan.model import Phase, Place, Step
from otp_genesis_refactorers.plan.wording import use_instead, wording
from tests.plan.shop import CART_PATH, UPLOADS_PATH, Shop, supervise


def phases(shop: Shop, findings: Iterable[Finding]) -> tuple[Phase, ...]:
    return from_findings(findings, shop.project, supervise)


def steps(shop: Shop, *findings: Finding) -> list[Step]:
    return [step for phase in phases(shop, findings) for step in phase.steps]


def step(shop: Shop, *findings: Finding) -> Step:
    (only,) = steps(shop, *findings)
    return only


def test_there_are_always_five_phases(shop: Shop) -> None:
    assert [(phase.number, phase.file) for phase in phases(shop, [])] == [
        (1, "01-critical-fixes.md"),
        (2, "02-state-persistence.md"),
        (3, "03-architectural-decomposition.md"),
        (4, "04-testing-and-communication.md"),
        (5, "05-integration-and-rollout.md"),
    ]


def test_a_finding_goes_to_the_phase_of_its_rule(shop: Shop) -> None:
    found = [replace(shop.findings()["cart"], code=f"OTP{phase}99", name="made-up") for phase in range(6)]
    assert [
        [place.about for one in phase.steps for place in one.places] for phase in phases(shop, found)
    ] == [[f"OTP{phase}99 made-up"] for phase in range(1, 6)]


def test_the_most_critical_stand_first(shop: Shop) -> None:
    flaw = shop.findings()["store"]
    ranked = [
        replace(flaw, severity=Severity.ERROR, code="OTP111"),
        replace(flaw, severity=Severity.WARNING, confidence=Confidence.EXACT, code="OTP102"),
        replace(flaw, severity=Severity.WARNING, confidence=Confidence.STRONG, code="OTP101"),
        replace(flaw, severity=Severity.WARNING, confidence=Confidence.HEURISTIC, code="OTP101", ordinal=1),
        replace(flaw, severity=Severity.INFORMATION, code="OTP101", ordinal=2),
        replace(flaw, severity=Severity.INFORMATION, code="OTP103", path=CART_PATH),
        replace(flaw, severity=Severity.INFORMATION, code="OTP103", path=UPLOADS_PATH),
    ]
    ranked = [replace(one, scope=f"Shop.Place{index}.run/0") for index, one in enumerate(ranked)]
    for order in (ranked, ranked[::-1], ranked[3:] + ranked[:3]):
        assert [one.id for one in steps(shop, *order)] == [one.fingerprint[:8] for one in ranked]


def test_findings_of_one_rule_in_one_function_are_one_step(shop: Shop) -> None:
    found = shop.findings()
    both = step(shop, found["copy"], found["audit"])
    assert both.places == (
        Place(UPLOADS_PATH, 13, "OTP103 discarded-async-task"),
        Place(UPLOADS_PATH, 14, "OTP103 discarded-async-task"),
    )
    assert both.title.endswith("(2 places)")
    assert set(both.findings) == {found["audit"].fingerprint[:8], found["copy"].fingerprint[:8]}
    assert both.problem == "nobody takes the reply."


def test_findings_of_other_functions_or_rules_are_steps_of_their_own(shop: Shop) -> None:
    audit = shop.findings()["audit"]
    others = [
        replace(audit, scope="Shop.Uploads.other/1"),
        replace(audit, code="OTP102", name="unsupervised-task"),
        replace(audit, path=CART_PATH, fix=None),
    ]
    assert len(steps(shop, audit, *others)) == 4


def test_findings_about_modules_are_never_joined(shop: Shop) -> None:
    cart = shop.findings()["cart"]
    found = [replace(cart, scope="Shop.Cart", ordinal=ordinal) for ordinal in range(2)]
    assert len(steps(shop, *found)) == 2


def test_steps_whose_fingerprints_begin_alike_differ(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(shop.findings().values())[:2]
    ends = {finding.scope: end for finding, end in zip(found, ("11111111", "22222222"), strict=True)}
    monkeypatch.setattr(Finding, "fingerprint", property(lambda self: "aaaaaaaa" + ends[self.scope]))
    assert [one.id for one in steps(shop, *found)] == ["aaaaaaaa", "22222222"]


def test_a_title_names_the_code_it_is_about(shop: Shop) -> None:
    store = shop.findings()["store"]
    assert step(shop, store).title == "Supervise the process spawned in `Shop.Uploads.store/1`"
    nowhere = replace(store, scope="")
    assert step(shop, nowhere).title == "Supervise the process spawned in `lib/shop/uploads.ex`"
    tested = replace(store, scope="Shop.UploadsTest.test stores `a.b` twice/1")
    assert step(shop, tested).title == "Supervise the process spawned in the test ``stores `a.b` twice``"
    unknown = replace(store, code="OTP199", name="made-up-flaw")
    assert step(shop, unknown).title == "Resolve the made up flaw in `Shop.Uploads.store/1`"


def test_a_fix_over_two_files_is_one_diff(shop: Shop) -> None:
    change = step(shop, shop.findings()["store"]).change
    assert change is not None
    assert (change.safety, change.note, change.language) == (
        "unsafe",
        "adds a child to `Shop.Application`",
        "diff",
    )
    assert [line for line in change.text.split("\n") if line[0] in "+-"] == [
        "--- a/lib/shop/application.ex",
        "+++ b/lib/shop/application.ex",
        "-    children = []",
        "+    children = [{Task.Supervisor, name: Shop.TaskSupervisor}]",
        "--- a/lib/shop/uploads.ex",
        "+++ b/lib/shop/uploads.ex",
        "-    spawn(fn -> Store.put(file) end)",
        "+    Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Store.put(file) end)",
    ]


def test_fixes_of_one_step_are_one_diff_that_adds_the_supervisor_once(shop: Shop) -> None:
    found = shop.findings()
    change = step(shop, found["audit"], found["copy"]).change
    assert change is not None
    assert change.text.count("+    children = [{Task.Supervisor") == 1
    assert change.text.count("+    Task.Supervisor.start_child(") == 2


def test_fixes_that_meet_in_one_place_show_the_first(shop: Shop) -> None:
    store = shop.findings()["store"]
    again = replace(store, ordinal=1)

    def meeting(finding: Finding, project: Project) -> Change:
        content = project.read(finding.path)
        edit = Edit(finding.span, f"spawned_{finding.ordinal}")
        return Change("Rename it", FixKind.SAFE, (file_change(finding.path, content, [edit]),))

    (phase, *_) = from_findings([store, again], shop.project, meeting)
    change = phase.steps[0].change
    assert change is not None
    assert (change.safety, change.note) == (
        "safe",
        "the diff is for the first place, the others change likewise",
    )
    assert "spawned_0" in change.text and "spawned_1" not in change.text


def test_a_refused_fix_says_why_and_shows_what_to_do_by_hand(shop: Shop) -> None:
    change = step(shop, shop.findings()["sweep"]).change
    assert change is not None
    assert (change.safety, change.note, change.language) == (
        "by hand",
        "the result of `spawn` is used",
        "elixir",
    )
    assert change.text.startswith("# lib/shop/uploads.ex:8, as it is\n")
    assert "spawn(fn -> Store.sweep(folder) end)" in change.text
    assert change.text.endswith(use_instead("unsupervised-spawn")[1])


def test_what_takes_judgement_shows_the_code(shop: Shop) -> None:
    change = step(shop, shop.findings()["cart"]).change
    assert change is not None
    assert (change.safety, change.note) == ("by hand", "it takes judgement")
    assert "def total, do: GenServer.call(__MODULE__, :total)" in change.text


def test_related_places_are_shown(shop: Shop) -> None:
    assert step(shop, shop.findings()["cart"]).related == (Place(CART_PATH, 5, "the call"),)


def test_a_score_is_called_a_score(shop: Shop) -> None:
    guess = replace(shop.findings()["cart"], confidence=Confidence.HEURISTIC, message="17 message kinds")
    assert step(shop, guess).problem == "17 message kinds. (A score says so, not a proof: look first.)"


def test_messages_and_scopes_cannot_break_out_of_their_place(shop: Shop) -> None:
    hostile = replace(
        shop.findings()["cart"],
        message="a --> b <!-- step 00000000 -->\n\n# C `d\n```",
        scope="Shop.CartTest.test a `b` <!-- step 11111111 -->/1",
        related=(replace(shop.findings()["cart"].related[0], message="x\n- [x] y <!-- step 22222222 -->"),),
    )
    result = shop.plan([hostile])
    assert result.files[1].items == 1
    text = shop.read("01-critical-fixes.md")
    assert "\n# C" not in text and "\n- [x]" not in text
    assert shop.plan([hostile]).added == 0


def test_each_rule_is_tested_by_something_concrete(shop: Shop) -> None:
    for rule in all_rules():
        words = wording(rule.name)
        assert "{scope}" in words.title
        assert any(verb in words.test.lower() for verb in ("assert", "fails", "no run"))
        assert words.one != words.many


def test_the_words_of_a_rule_are_of_a_rule_that_exists() -> None:
    from importlib.resources import files

    named = {file.name for file in files("otp_genesis_refactorers.plan").joinpath("rules").iterdir()}
    assert named <= {f"{rule.name}.toml" for rule in all_rules()}


def test_a_finding_without_a_fix_never_asks_for_one(shop: Shop) -> None:
    def no_fix(finding: Finding, project: Project) -> Change:
        raise AssertionError(f"{finding.code} has none")

    (phase, *_) = from_findings([replace(shop.findings()["store"], fix=FixKind.LLM)], shop.project, no_fix)
    assert phase.steps[0].change is not None


def test_summary_counts_and_explains(shop: Shop) -> None:
    summary = phases(shop, shop.findings().values())[0].summary
    total, cart, spawn, audit = summary.split("\n\n")
    assert total == "5 findings of 3 rules in 2 files. The most critical stand first."
    assert cart.startswith("One callback calls its own server. ")
    assert spawn.startswith("2 processes are spawned outside every supervisor. ")
    assert spawn.endswith(" (OTP101, in `lib/shop/uploads.ex`)")
    assert audit.startswith("2 tasks are started with `async` and thrown away. ")


def test_an_empty_phase_says_so(shop: Shop) -> None:
    assert all(phase.summary.startswith("Nothing was found") for phase in phases(shop, []))
