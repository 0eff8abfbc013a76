"""Which model is asked, where: the user's configuration and environment say, a project never does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from otp_genesis_refactorers.llm import failures
from otp_genesis_refactorers.llm.asking import ask
from otp_genesis_refactorers.llm.connecting import Model, connect, find_model, usable_models
from tests.llm.asked import question
from tests.llm.vendors import KEY, Loopback, Says, serving

HERE = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1", "GEMINI_BASE_URL": "http://localhost:2/"}


def configure(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config" / "otp-genesis" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)


def find(name: str | None, **environment: str) -> Model:
    return find_model(name, Path("/nowhere"), environment={**HERE, **environment})


def test_without_a_configuration_both_vendors_are_known() -> None:
    claude, gemini = find(None), find("gemini")
    assert (claude.name, claude.title, claude.host) == ("claude", "Claude", "127.0.0.1:1")
    assert (gemini.provider, gemini.host) == ("google", "localhost:2")


def test_a_providers_own_name_of_a_model_will_do() -> None:
    assert (find("claude-opus-9").provider, find("claude-opus-9").id) == ("anthropic", "claude-opus-9")
    assert find("gemini-9-flash").provider == "google"


def test_the_user_names_models_gateways_prices_and_budgets(tmp_path: Path) -> None:
    configure(
        tmp_path,
        """
        [mix]
        isolation = "required"

        [models]
        default = "quick"

        [models.quick]
        provider = "anthropic"
        id = "claude-haiku-5-5"
        base_url = "http://127.0.0.1:7/gateway"
        price = { input = 1.0, output = 5.0 }

        [models.gemini]
        id = "gemini-4-argon"

        [models.budget]
        day_dollars = 3

        [models.limits]
        attempts = 1
        """,
    )
    quick = find_model(None, Path("/nowhere"), environment={})
    assert (quick.name, quick.id, quick.base_url) == (
        "quick",
        "claude-haiku-5-5",
        "http://127.0.0.1:7/gateway",
    )
    assert quick.price is not None
    assert (quick.budget.day_dollars, quick.budget.run_dollars, quick.limits.attempts) == (3, 5, 1)
    assert find("gemini").id == "gemini-4-argon"
    # The environment comes first: a test server, a gateway of this session.
    assert find("quick").base_url == HERE["ANTHROPIC_BASE_URL"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[models.claude]\nmodel = 'x'", r"unknown field `model` .*in \[models\]"),
        ("[models.mine]\nid = 'x'", "provider"),
        ("[models.mine]\nid = 'x'\nprovider = 'acme'", "acme"),
        ("[models.budget]\nday_dollars = -1", "day_dollars"),
        ("[models.limits]\nattempts = 0", "attempts"),
        ("[models]\ndefault = 'opus'", "'opus' names no model; there are claude, gemini"),
        ("[models]\nclaude = 1", "claude must be a table"),
        ("[model.claude]\nid = 'x'", r"\[model\], which looks like a slip"),
        ("[models", "config.toml"),
    ],
)
def test_nothing_is_guessed_of_a_configuration_with_a_mistake(
    tmp_path: Path, text: str, message: str
) -> None:
    configure(tmp_path, text)
    with pytest.raises(failures.BadSettings, match=message) as caught:
        find("claude")
    assert "config.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_model_is_said_to_be_one() -> None:
    with pytest.raises(failures.BadSettings, match=r"no model 'gpt': name one of claude, gemini"):
        find("gpt")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "file:///etc/passwd", "127.0.0.1:80", "https://"])
def test_an_address_is_http(url: str) -> None:
    with pytest.raises(failures.BadSettings, match="no http or https URL"):
        find("claude", ANTHROPIC_BASE_URL=url)


def test_a_password_in_an_address_is_not_shown() -> None:
    assert find("claude", ANTHROPIC_BASE_URL="http://ann:hush@127.0.0.1:1/x").host == "127.0.0.1:1"


def test_models_with_a_key_are_offered_the_default_first() -> None:
    assert [each.name for each in usable_models({**HERE, "GOOGLE_API_KEY": KEY})] == ["gemini"]
    both = {**HERE, "GEMINI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}
    assert [each.name for each in usable_models(both)] == ["claude", "gemini"]
    assert usable_models({**HERE, "ANTHROPIC_API_KEY": " "}) == ()


@pytest.mark.asyncio
async def test_without_a_key_it_is_said_which_is_missing() -> None:
    with pytest.raises(failures.NoKey, match="set GEMINI_API_KEY or GOOGLE_API_KEY in the environment"):
        async with connect(find("gemini"), "a run", environment=HERE):
            pass


def test_tests_can_ask_no_real_model() -> None:
    assert "OTP_GENESIS_ONLY_LOOPBACK" in os.environ
    for name in ("claude", "gemini", "claude-opus-9"):
        with pytest.raises(failures.BadSettings, match=r"anthropic\.com|googleapis\.com"):
            find_model(name, Path("/nowhere"), environment={"ANTHROPIC_API_KEY": KEY})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "setting",
    [
        'provider = "google"',
        'model = "claude-opus-5-5"',
        '[models.claude]\nbase_url = "https://evil.example"',
        'base_url = "https://evil.example"',
        "[budget]\nday_dollars = 1000000",
        'api-key = "x"',
        'preset = "strict"\n[llm]\nurl = "https://evil.example"',
    ],
)
@pytest.mark.parametrize("folder", ["", "apps/shop", "services/till"])
async def test_a_project_that_sets_any_of_it_gets_no_request_and_one_message(
    tmp_path: Path, setting: str, folder: str
) -> None:
    file = tmp_path / "project" / folder / ".otp-genesis.toml"
    file.parent.mkdir(parents=True)
    file.write_text(setting)
    with serving(Says("Yes.")) as loopback:
        with pytest.raises(failures.SetByProject) as caught:
            await asked_for(tmp_path / "project", loopback)
        assert loopback.asked == []
        assert str(caught.value).startswith(f"{file}: a project can't set ")
        file.write_text('preset = "strict"\n[rules.OTP106]\n')
        await asked_for(tmp_path / "project", loopback)
        assert len(loopback.asked) == 1


async def asked_for(project: Path, loopback: Loopback) -> None:
    model = find_model("claude", project, ["services/till"], loopback.environment)
    async with connect(model, "a run", environment=loopback.environment) as connection:
        await ask(connection, question())
