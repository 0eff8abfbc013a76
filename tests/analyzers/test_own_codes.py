"""OTP001 and OTP002: when a suppression comment may be called unused, and when nobody can know."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.last_good import carried_over
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.source import Source
from tests.example_project import write_project

OWN = ("OTP001", "OTP002")
USED = """\
defmodule Shop.Mail do
  def send(mail), do: spawn(fn -> Shop.Smtp.deliver(mail) end) # otp-genesis:ignore OTP101 -- may be lost
end
"""
UNUSED = USED.replace("spawn(fn -> Shop.Smtp.deliver(mail) end)", "Shop.Smtp.deliver(mail)")
BROKEN = "defmodule Shop.Broken do\n  def f, do: [1, {\nend\n"


def own(project: Project, config: Config | None = None) -> list[tuple[str, str]]:
    found = engine.check(project, config or Config())
    return [(finding.code, finding.path) for finding in found if finding.code in OWN]


def test_used_and_unused(tmp_path: Path) -> None:
    project = write_project(tmp_path, {"lib/a.ex": USED, "lib/b.ex": UNUSED})
    assert own(project) == [("OTP001", "lib/b.ex")]


@pytest.mark.parametrize(
    "config",
    {
        "the rule is ignored": Config(ignore=("OTP101",)),
        "another is selected": Config(select=("OTP102", "OTP001")),
        "it is ignored in the file": Config(per_file_ignores=(("lib/**", ("OTP101",)),)),
        "nobody wants to know": Config(ignore=("unused-suppression",)),
    }.values(),
)
def test_only_what_was_looked_for_can_be_missing(tmp_path: Path, config: Config) -> None:
    assert own(write_project(tmp_path, {"lib/a.ex": UNUSED}), config) == []


def test_one_rule_of_several_that_did_not_run(tmp_path: Path) -> None:
    project = write_project(tmp_path, {"lib/a.ex": UNUSED.replace("OTP101", "OTP101, OTP102")})
    assert own(project) == [("OTP001", "lib/a.ex")]
    assert own(project, Config(ignore=("OTP102",))) == []


def test_one_rule_of_several_that_is_kept_quiet(tmp_path: Path) -> None:
    assert own(write_project(tmp_path, {"lib/a.ex": USED.replace("OTP101", "OTP101, OTP102")})) == []


@pytest.mark.parametrize("broken", ["lib/a.ex", "lib/b.ex"])
def test_nothing_is_unused_while_a_file_is_broken(tmp_path: Path, broken: str) -> None:
    files = {"lib/a.ex": UNUSED, "lib/b.ex": "", broken: f"{UNUSED}\n{BROKEN}"}
    assert own(write_project(tmp_path, files)) == []


def test_a_broken_file_of_another_app_does_not_matter(tmp_path: Path) -> None:
    mix = 'defmodule M do\n  def project, do: [app: :x, version: "1.0.0"]\nend\n'
    files = {"one/mix.exs": mix, "two/mix.exs": mix, "one/lib/a.ex": UNUSED, "two/lib/b.ex": BROKEN}
    assert own(write_project(tmp_path, files)) == [("OTP001", "one/lib/a.ex")]


def test_nothing_is_unused_in_a_line_that_is_typed_in(tmp_path: Path) -> None:
    project = write_project(tmp_path, {"lib/a.ex": USED})
    before = Source("lib/a.ex", USED.encode())
    broken = Source("lib/a.ex", USED.replace("spawn(fn", "spa[(fn").encode())
    healthy = project.files["lib/a.ex"]
    assert engine.reanalyze(broken, Role.LIB, before, healthy) is None
    analysis = carried_over(broken, before, healthy)
    assert analysis.findings == (), "what was typed in is not shown"
    typed = Project(project.apps, {**project.files, "lib/a.ex": analysis}, lambda _: broken.content)
    assert own(typed) == []


def test_they_can_be_kept_quiet_themselves(tmp_path: Path) -> None:
    files = {
        "lib/a.ex": f"# otp-genesis:ignore-file OTP001 -- read by two versions\n{UNUSED}",
        "lib/b.ex": USED.replace("OTP101 -- may be lost", "OTP101, OTP002"),
    }
    assert own(write_project(tmp_path, files)) == []


def test_a_comment_that_names_no_rule_lacks_no_reason(tmp_path: Path) -> None:
    comment = "# otp-genesis:ignore\ndefmodule Shop.Mail do\nend\n"
    assert own(write_project(tmp_path, {"lib/a.ex": comment})) == [("OTP001", "lib/a.ex")]


def test_fingerprints_of_equal_comments_differ(tmp_path: Path) -> None:
    project = write_project(tmp_path, {"lib/a.ex": UNUSED + UNUSED})
    found = [finding.fingerprint for finding in engine.check(project, Config()) if finding.code in OWN]
    assert len(set(found)) == 2


def test_one_file_alone_says_nothing_of_what_the_project_decides(tmp_path: Path) -> None:
    """An editor asks for one file while it is typed in, and for the project when typing pauses."""
    project = write_project(tmp_path, {"lib/a.ex": UNUSED.replace(" -- may be lost", "")})
    found = engine.check_file(project, Config(), "lib/a.ex")
    assert [finding.code for finding in found] == ["OTP002"]
