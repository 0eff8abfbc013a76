"""`check --format sarif`, against the schema that OASIS publishes (`sarif-schema-2.1.0.json`, unchanged)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import fastjsonschema
import pytest

from otp_genesis_analyzers.rules import all_rules
from tests.cli.command_line import run, write_shop
from tests.cli.shop import NOTE, QUIET, WARNING, check_json
from tests.example_project import parse

SCHEMA = Path(__file__).with_name("sarif-schema-2.1.0.json")


@pytest.fixture(scope="module")
def validate() -> Callable[[Any], Any]:
    return fastjsonschema.compile(json.loads(SCHEMA.read_bytes()))


def log(*arguments: str, at: Path) -> dict[str, Any]:
    ran = run("check", "--format", "sarif", "--preset", "strict", *arguments, at=at)
    return json.loads(ran.out)


def results(*arguments: str, at: Path) -> list[dict[str, Any]]:
    return log(*arguments, at=at)["runs"][0]["results"]


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.code) for rule in all_rules()])
def test_it_fits_the_schema_for_every_rule(rule: Any, tmp_path: Path, validate: Callable[[Any], Any]) -> None:
    for number, example in enumerate(rule.INVALID):
        root = write_shop(tmp_path / str(number), parse(example.code).files)
        sarif = log(at=root)
        validate(sarif)
        [only] = sarif["runs"]
        assert [entry["id"] for entry in only["tool"]["driver"]["rules"]] == sorted(
            {result["ruleId"] for result in only["results"]}
        )
        assert rule.code in {result["ruleId"] for result in only["results"]}


def test_the_validator_is_awake(tmp_path: Path, validate: Callable[[Any], Any]) -> None:
    sarif = log(at=write_shop(tmp_path, {"lib/a.ex": WARNING}))
    sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    with pytest.raises(fastjsonschema.JsonSchemaException, match="startLine"):
        validate(sarif)


def test_a_result_says_what_the_json_says(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING, "lib/b.ex": NOTE})
    found = check_json("--preset", "strict", at=tmp_path)[0].findings
    for result, finding in zip(results(at=tmp_path), found, strict=True):
        assert (result["ruleId"], result["message"]["text"]) == (finding.code, finding.message)
        assert result["level"] == {"warning": "warning", "information": "note"}[finding.severity]
        assert result["partialFingerprints"] == {"otpGenesis/v1": finding.fingerprint}
        [location] = result["locations"]
        assert location["physicalLocation"]["region"] == {
            "startLine": finding.line,
            "startColumn": finding.column,
            "endLine": finding.end_line,
            "endColumn": finding.end_column,
        }
        assert location["logicalLocations"][0]["kind"] == "function"


def test_related_places(tmp_path: Path) -> None:
    for rule in all_rules():
        for number, example in enumerate(rule.INVALID):
            root = write_shop(tmp_path / f"{rule.code}{number}", parse(example.code).files)
            related = [place for result in results(at=root) for place in result["relatedLocations"]]
            if related:
                assert related[0]["id"] == 1
                assert related[0]["message"]["text"]
                assert related[0]["physicalLocation"]["region"]["startLine"] >= 1
                return
    pytest.fail("no rule relates to another place")


def test_columns_are_code_points(tmp_path: Path) -> None:
    code = 'defmodule A do\n  def f(x), do: {"🔥é", spawn(fn -> Shop.g(x) end)}\nend\n'
    write_shop(tmp_path, {"lib/a.ex": code})
    [only] = log(at=tmp_path)["runs"]
    assert only["columnKind"] == "unicodeCodePoints"
    region = only["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region["startColumn"] == code.splitlines()[1].index("spawn") + 1


def test_places_can_be_opened(tmp_path: Path) -> None:
    """Whatever the path holds: base and relative address give the file."""
    root = write_shop(tmp_path / "a b#%é", {"lib/c d?.ex": WARNING})
    (root / "lib" / "\udce9.ex").write_text(WARNING.replace("Orders", "E"))
    sarif = log("lib", at=root)["runs"][0]
    base = sarif["originalUriBaseIds"]["SRCROOT"]["uri"]
    assert base.endswith("/")
    for result in sarif["results"]:
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert place["uriBaseId"] == "SRCROOT"
        path = urlsplit(base + place["uri"]).path
        assert Path(unquote(path, errors="surrogateescape")).is_file()


def test_rules_bring_their_page(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING})
    [rule] = log(at=tmp_path)["runs"][0]["tool"]["driver"]["rules"]
    assert (rule["id"], rule["name"]) == ("OTP101", "unsupervised-spawn")
    assert "\n## Use instead\n```elixir\n" in rule["help"]["markdown"]
    assert "Flagged:" not in rule["help"]["markdown"]


def test_files_that_are_left_out_are_told(tmp_path: Path, validate: Callable[[Any], Any]) -> None:
    write_shop(tmp_path, {"lib/a.ex": b"# \xe9"})
    sarif = log(at=tmp_path)
    validate(sarif)
    [notice] = sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert notice["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "lib/a.ex"


def test_nothing_found(tmp_path: Path, validate: Callable[[Any], Any]) -> None:
    sarif = log(at=write_shop(tmp_path, {"lib/a.ex": QUIET}))
    validate(sarif)
    assert sarif["runs"][0]["results"] == []


def test_what_is_accepted_is_left_out(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING})
    run("check", "--write-baseline", "base.json", at=tmp_path)
    assert results("--baseline", "base.json", at=tmp_path) == []
