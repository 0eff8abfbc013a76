"""Which models there are, where, for how much: the user's own configuration over `defaults.toml`.

`config.toml` in the user's configuration folder, the file that also has `[mix]`:

    [models]
    default = "gemini"                     # instead of "claude"

    [models.claude]
    id = "claude-opus-5-5"
    base_url = "https://gateway.example"   # the environment's ANTHROPIC_BASE_URL comes first

    [models.quick]                         # a name of your own
    provider = "anthropic"
    id = "claude-haiku-5-5"
    price = { input = 1.0, cache_read = 0.05, cache_write = 1.25, output = 5.0 } # $ per million

    [models.budget]                        # run_dollars, run_tokens, day_dollars, day_tokens
    day_dollars = 10

    [models.limits]                        # deadline_seconds, silence_seconds, longest_wait_seconds, attempts
    deadline_seconds = 300

Keys are in the environment only. A project can set none of it, see `of_project.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeAlias, cast
from urllib.parse import urlsplit

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_refactorers.llm.failures import BadSettings
from otp_genesis_refactorers.machine.user_folders import config_folder
from otp_genesis_refactorers.sandbox.openings import FILE_NAME

ProviderName: TypeAlias = Literal["anthropic", "google"]
_Positive: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
_NotNegative: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    deadline_seconds: _Positive
    silence_seconds: _Positive
    longest_wait_seconds: _NotNegative
    attempts: Annotated[int, msgspec.Meta(ge=1)]


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run and a day may cost. Dollars are only known of models whose price is."""

    run_dollars: _NotNegative
    run_tokens: _Count
    day_dollars: _NotNegative
    day_tokens: _Count


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In dollars per million tokens."""

    input: _NotNegative
    output: _NotNegative
    cache_read: _NotNegative | None = None
    cache_write: _NotNegative | None = None
    """Both as `input` where they are not given."""


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    base_url: str
    base_url_variable: str
    key_variables: tuple[str, ...]
    ids: str


class ConfiguredModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model under the name that the user has for it."""

    provider: ProviderName
    id: str
    base_url: str = ""
    """Empty for the provider's own."""
    price: Price | None = None
    """None for what is publicly known of it."""


class Settings(msgspec.Struct, frozen=True):
    default: str
    limits: Limits
    budget: Budget
    providers: Mapping[ProviderName, Provider]
    models: Mapping[str, ConfiguredModel]


def load_settings() -> Settings:
    """The user's settings over the defaults. Raises BadSettings: where money goes nothing is guessed."""
    defaults = msgspec.toml.decode(
        files("otp_genesis_refactorers.llm").joinpath("defaults.toml").read_bytes()
    )
    file = config_folder() / FILE_NAME
    try:
        configured = msgspec.toml.decode(file.read_bytes())
    except FileNotFoundError:
        return _settings(defaults, {})
    except (OSError, ValueError) as error:
        raise BadSettings(f"{file}: {' '.join(str(error).split())}") from None
    try:
        return _settings(defaults, _own_section(configured))
    except ValueError as error:
        raise BadSettings(f"{file}: {error} in [models]; no model is asked until it is mended") from None


def base_url_of(model: ConfiguredModel, provider: Provider, environment: Mapping[str, str]) -> str:
    """Where its requests go."""
    return environment.get(provider.base_url_variable, "").strip() or model.base_url or provider.base_url


def host_of(base_url: str) -> str:
    """Who gets what is sent, without anything that a URL may hold besides."""
    return urlsplit(base_url).netloc.rpartition("@")[2]


def _own_section(configured: Mapping[str, Any]) -> Mapping[str, Any]:
    for near in get_close_matches("models", configured, cutoff=0.8):
        if near != "models":
            raise ValueError(f"unknown section [{near}], which looks like a slip")
    return _table(configured, "models")


def _settings(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> Settings:
    """`own` has the models beside the other sections: a person writes [models.claude]."""
    sections = {"default", "limits", "budget"}
    known = _table(defaults, "models")
    models = {name: {**_table(known, name), **_table(own, name)} for name in {*known, *own} - sections}
    settings = msgspec.convert(
        {
            "default": own.get("default", defaults["default"]),
            "limits": {**_table(defaults, "limits"), **_table(own, "limits")},
            "budget": {**_table(defaults, "budget"), **_table(own, "budget")},
            "providers": defaults["providers"],
            "models": models,
        },
        readable(Settings),
    )
    if settings.default not in settings.models:
        raise ValueError(
            f"default = {settings.default!r} names no model; there are {', '.join(sorted(models))}"
        )
    return settings


def _table(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = of.get(key, {})
    if not isinstance(value, dict):
        raise ValueError(f"{key} must be a table")
    return cast("dict[str, Any]", value)
