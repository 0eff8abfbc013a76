"""`.otp-genesis.toml`: what it chooses, and one message with file and line for each mistake in it."""

from pathlib import Path
from typing import ClassVar

import pytest

from otp_genesis_analyzers import config as config_module
from otp_genesis_analyzers.config import CONFIG_NAME, Config, load_config, parse_config
from otp_genesis_analyzers.rules import all_rules, find_rule
from otp_genesis_analyzers.rules.contract import Rule


def rule(code: str) -> Rule:
    found = find_rule(code)
    assert found is not None
    return found


class OffByDefault(Rule):
    code = "OTP199"
    name = "off-by-default"
    default = False


def selected(toml: str, path: str = "lib/a.ex") -> set[str]:
    config, problems = parse_config(toml.encode())
    assert problems == ()
    return {rule.code for rule in all_rules() if config.selects(rule, path)}


def problems_of(toml: str | bytes) -> list[str]:
    content = toml if isinstance(toml, bytes) else toml.encode()
    return [str(problem) for problem in parse_config(content)[1]]


ON_BY_DEFAULT = {rule.code for rule in all_rules() if rule.default}


def test_nothing_said_runs_what_is_on_by_default() -> None:
    assert selected("") == ON_BY_DEFAULT


@pytest.mark.parametrize("select", ["OTP101", "otp101", "unsupervised-spawn"])
def test_select_narrows_to_what_is_named(select: str) -> None:
    assert selected(f'select = ["{select}"]') == {"OTP101"}


def test_select_takes_the_start_of_codes() -> None:
    assert selected('select = ["OTP10"]') == {code for code in ON_BY_DEFAULT if code.startswith("OTP10")}


def test_ignore_wins_over_select() -> None:
    assert selected('select = ["OTP101", "OTP102"]\nignore = ["OTP101"]') == {"OTP102"}


def test_files_have_their_own_ignores() -> None:
    toml = '[per-file-ignores]\n"lib/legacy/**" = ["OTP101"]\n"*_test.exs" = ["OTP1"]'
    assert "OTP101" not in selected(toml, "lib/legacy/deep/a.ex")
    assert "OTP102" in selected(toml, "lib/legacy/deep/a.ex")
    assert "OTP101" in selected(toml, "lib/a.ex")
    assert not any(code.startswith("OTP1") for code in selected(toml, "test/a/b_test.exs"))


@pytest.mark.parametrize(
    ("config", "runs"),
    [
        (Config(), False),
        (Config(preset="strict"), True),
        (Config(preset="seed"), True),
        (Config(select=("OTP1",)), False),
        (Config(select=("OTP199",)), True),
        (Config(select=("off-by-default",)), True),
        (Config(preset="strict", select=("OTP2",)), False),
        (Config(preset="strict", ignore=("OTP19",)), False),
    ],
)
def test_a_rule_that_is_off_by_default(config: Config, runs: bool) -> None:
    assert config.selects(OffByDefault(), "lib/a.ex") is runs


def test_options_replace_what_is_selected_and_add_to_what_is_ignored() -> None:
    config = Config(select=("OTP101",), ignore=("OTP102",))
    assert config.merged() == config
    assert config.merged(select=["OTP1"], ignore=["OTP103"], preset="strict") == Config(
        preset="strict", select=("OTP1",), ignore=("OTP102", "OTP103")
    )


def test_what_runs_also_is_added_to_what_is_selected() -> None:
    config = Config(select=("OTP101",)).merged(also=["OTP199", "OTP102"])
    assert config.selects(OffByDefault(), "lib/a.ex")
    assert [code for code in ("OTP101", "OTP102", "OTP103") if config.selects(rule(code), "a.ex")] == [
        "OTP101",
        "OTP102",
    ]


def test_the_nearest_file_holds(tmp_path: Path) -> None:
    for folder, code in (("", "OTP101"), ("apps/web", "OTP102"), ("apps/web/tools", "OTP103")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / CONFIG_NAME).write_text(f'ignore = ["{code}"]')
    config, problems = load_config(tmp_path, ["", "apps/web", "apps/db", "apps/web/tools"])
    assert problems == ()
    for path, ignored in (
        ("lib/a.ex", "OTP101"),
        ("apps/db/lib/a.ex", "OTP101"),
        ("apps/web_extra/lib/a.ex", "OTP101"),
        ("apps/web/lib/a.ex", "OTP102"),
        ("apps/web/tools/a.ex", "OTP103"),
    ):
        ignored_here = {
            code for code in ("OTP101", "OTP102", "OTP103") if not config.selects(rule(code), path)
        }
        assert ignored_here == {ignored}, path
    assert not config.merged(ignore=["OTP106"]).selects(rule("OTP106"), "apps/web/tools/a.ex")


def test_globs_are_relative_to_the_file_they_stand_in(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / CONFIG_NAME).write_text('[per-file-ignores]\n"/lib/old.ex" = ["OTP101"]')
    config, _ = load_config(tmp_path, ["app"])
    assert not config.selects(rule("OTP101"), "app/lib/old.ex")
    assert config.selects(rule("OTP101"), "app/lib/new.ex")


def test_wrappers() -> None:
    config, problems = parse_config(b'[servers]\nwrappers = ["MyApp.Server", "Other"]')
    assert (config.wrappers, problems) == (("MyApp.Server", "Other"), ())


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    assert load_config(tmp_path) == (Config(), ())


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).mkdir()
    config, [problem] = load_config(tmp_path)
    assert config == Config()
    assert str(problem) == ".otp-genesis.toml:1: can't be read: Is a directory; the file is ignored"


MISTAKES = {
    'preset = "default"\nslect = ["OTP101"]': ":2: unknown key 'slect'; did you mean 'select'?",
    "zzz = 1": ":1: unknown key 'zzz'; known are preset, select, ignore, per-file-ignores, rules, servers",
    '\npreset = "strickt"': ":2: preset must be one of default, strict, seed; using default",
    "preset = [1]": ":1: preset must be one of default, strict, seed; using default",
    'select = "OTP101"': ':1: select must be a list such as ["OTP101", "OTP2"]; ignored',
    "ignore = [1]": ':1: ignore must be a list such as ["OTP101", "OTP2"]; ignored',
    'ignore = [\n  "OTP101",\n  "unsupervised-spwan",\n]': ":3: no rule 'unsupervised-spwan'"
    "; did you mean 'unsupervised-spawn'?",
    'per-file-ignores = ["lib"]': ":1: per-file-ignores must be a table, [per-file-ignores]; ignored",
    '[per-file-ignores]\n"lib/**" = [\n"OTP101",\n"quux"]': ":4: no rule 'quux'",
    '[per-file-ignores]\n"/" = ["OTP101"]\n"lib/\\\\" = ["OTP101"]': ":3: 'lib/\\\\' is not a glob",
    "[rules.OTP998]\nmax = 2": ":1: no rule 'OTP998'",
    "[rules]\nOTP1.max = 2": ":2: 'OTP1' names several rules; ignored",
    "[rules]\nOTP101 = 2": ":2: write its thresholds as a table, [rules.OTP101]; ignored",
    "[rules.OTP101]\nmax = 2": ":1: OTP101 has no thresholds to set; ignored",
    "[servers]\nwraps = []": ":2: unknown key 'wraps'; did you mean 'wrappers'?",
    '[servers]\nwrappers = ["my_app"]': ":2: wrappers must be a list of modules such as ",
    '[servers]\nwrappers = ["MyApp..X"]': ":2: wrappers must be a list of modules such as ",
    'select = ["OTP101"\nignore = []': ":2: not TOML: ",
    'preset = "strict': ":1: not TOML: ",
    "preset = 'a'\n\npreset = 'b'": ":3: not TOML: ",
    b"# caf\xc3\xa9\n# caf\xe9\n": ":2: not UTF-8 text; the file is ignored",
    b"x = " + b"[" * 9000: ":1: nested too deeply; the file is ignored",
}


@pytest.mark.parametrize(("toml", "message"), MISTAKES.items(), ids=map(str, range(len(MISTAKES))))
def test_a_mistake_is_one_message_with_file_and_line(toml: str | bytes, message: str) -> None:
    [problem] = problems_of(toml)
    assert problem.startswith(CONFIG_NAME + message)


@pytest.mark.parametrize(
    "toml",
    [
        'provider = "anthropic"',
        'model = "large"',
        '[llm]\nmodel = "large"',
        'base_url = "http://127.0.0.1"',
        'anthropic-base-url = "http://127.0.0.1"',
        "[budgets]\ndollars = 900",
        "network = true",
        'isolation = "none"',
        'commands = ["rm"]',
        '[environment]\nPATH = "/tmp"',
    ],
)
def test_a_project_may_not_choose_what_costs_or_opens_something(toml: str) -> None:
    [problem] = problems_of(toml)
    key = toml.strip("[").split("]")[0].split(" ")[0]
    assert problem.startswith(f"{CONFIG_NAME}:1: {key!r} can't be set by a project")


def test_a_mistake_disables_only_its_own_setting() -> None:
    lines = ['preset = "none"', 'select = ["OTP101", "OTP998"]', "ignore = 3", 'model = "x"']
    config, problems = parse_config("\n".join([*lines, "[servers]", 'wrappers = ["A"]']).encode())
    assert config == Config(select=("OTP101",), wrappers=("A",))
    assert [problem.line for problem in problems] == [1, 2, 3, 4]


class Limited(Rule):
    code = "OTP198"
    name = "limited"
    thresholds: ClassVar = {"lines": 900, "clauses": 15}


@pytest.mark.parametrize(
    ("values", "taken", "messages"),
    [
        ({"lines": 600}, {"lines": 600}, []),
        ({"lines": 0, "clauses": 3}, {"lines": 0, "clauses": 3}, []),
        ({}, {}, []),
        ({"lines": "600", "clauses": 3}, {"clauses": 3}, ["lines must be a whole number; using 900"]),
        ({"lines": True}, {}, ["lines must be a whole number; using 900"]),
        ({"clauses": -1}, {}, ["clauses must be a whole number; using 15"]),
        ({"line": 600}, {}, ["unknown key 'line'; did you mean 'lines'?"]),
    ],
)
def test_thresholds(values: dict[str, object], taken: dict[str, int], messages: list[str]) -> None:
    said: list[str] = []
    result = config_module._rule_thresholds(
        Limited(), "limited", values, lambda message, *place: said.append(message)
    )
    assert (result, said) == (taken, messages)
