"""From the name of a model to a connection: settings, key, budget, what is kept. Nothing is sent yet."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from otp_genesis_refactorers.llm.failures import BadSettings, NoKey
from otp_genesis_refactorers.llm.journal import Both, Journal, NoJournal, Recording, Replay
from otp_genesis_refactorers.llm.keys import Key, find_key
from otp_genesis_refactorers.llm.of_project import refuse_settings_of
from otp_genesis_refactorers.llm.privacy.secret_texts import SecretTexts
from otp_genesis_refactorers.llm.settings import (
    Budget,
    ConfiguredModel,
    Limits,
    Price,
    ProviderName,
    Settings,
    base_url_of,
    host_of,
    load_settings,
)
from otp_genesis_refactorers.llm.spending.cost import Pricing, load_pricing
from otp_genesis_refactorers.llm.spending.ledger import Ledger, Spent
from otp_genesis_refactorers.llm.vendors.provider import Provider

ONLY_LOOPBACK = "OTP_GENESIS_ONLY_LOOPBACK"
"""Where this variable is set, no model is asked that isn't on this machine. Tests set it for all of them."""


@dataclass(frozen=True)
class Model:
    """A model that can be asked, and all that may be shown of it."""

    name: str
    """As the user has it: `claude`."""
    title: str
    """The provider's, for people: `Claude`."""
    provider: ProviderName
    id: str
    base_url: str
    key_variables: tuple[str, ...]
    price: Price | None
    limits: Limits
    budget: Budget

    @property
    def host(self) -> str:
        """Who gets what is sent."""
        return host_of(self.base_url)


def find_model(
    name: str | None,
    root: Path,
    folders: Iterable[str] = (),
    environment: Mapping[str, str] = os.environ,
) -> Model:
    """The model of this name for the project in `root`: one of the user's settings, or a provider's own id.

    Without a name it is the user's default. `folders` are those of further mix projects below `root`.
    Raises SetByProject, and BadSettings for settings that can't be followed or a name that is unknown.
    """
    refuse_settings_of(root, folders)
    settings = load_settings()
    name = name or settings.default
    return _model(name, settings.models.get(name) or _by_id(name, settings), settings, environment)


def usable_models(environment: Mapping[str, str] = os.environ) -> tuple[Model, ...]:
    """The models of the user's settings whose key is set, the default first. Raises BadSettings."""
    settings = load_settings()
    ready = [
        _model(name, configured, settings, environment)
        for name, configured in settings.models.items()
        if find_key(settings.providers[configured.provider].key_variables, environment)
    ]
    return tuple(sorted(ready, key=lambda model: (model.name != settings.default, model.name)))


@dataclass(frozen=True)
class Connection:
    """What `ask` needs. With `replace` it gets a journal or limits of its own, for a step."""

    model: Model
    limits: Limits
    ledger: Ledger
    journal: Journal
    line: Line

    def spent(self) -> Spent:
        """So far, of the budgets. Raises BadSettings."""
        return self.ledger.spent()


@asynccontextmanager
async def connect(
    model: Model,
    run: str,
    *,
    journal: Journal | None = None,
    record: Path | None = None,
    replay: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> AsyncGenerator[Connection]:
    """A connection that is closed at the end. `run` names what the run's budget is for.

    Raises NoKey and BadSettings at once. With `replay` it needs no key, sends nothing and loads no SDK.
    """
    kept: Journal = Replay(replay) if replay else journal or NoJournal()
    if record and not replay:
        kept = Both(kept, Recording(record))
    line = Line(model, None if replay else _key(model, environment), environment)
    try:
        yield Connection(model, model.limits, Ledger(run, model.id, model.budget), kept, line)
    finally:
        await line.close()


@dataclass(frozen=True)
class Opened:
    provider: Provider
    pricing: Pricing


@dataclass
class Line:
    """The way to a provider, opened when something is first sent."""

    model: Model
    key: Key | None
    environment: Mapping[str, str] = field(repr=False)
    _opened: Opened | None = None
    _secrets: SecretTexts | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def opened(self) -> Opened:
        """Loads the vendor's SDK and the prices, in a thread."""
        async with self._opening:
            if self._opened is None:
                assert self.key is not None, "a replay sends nothing"
                self._opened = await asyncio.to_thread(_open, self.model, self.key)
            return self._opened

    async def secrets(self) -> SecretTexts:
        """What finds the secrets in what is about to be sent. Loads it in a thread."""
        async with self._opening:
            if self._secrets is None:
                self._secrets = await asyncio.to_thread(SecretTexts.of, self.environment)
            return self._secrets

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.provider.close()


def _open(model: Model, key: Key) -> Opened:
    silence_seconds = model.limits.silence_seconds
    match model.provider:
        case "anthropic":
            from otp_genesis_refactorers.llm.vendors.anthropic import Claude

            provider = Claude(model.id, model.base_url, key, silence_seconds)
        case "google":
            from otp_genesis_refactorers.llm.vendors.gemini import Gemini

            provider = Gemini(model.id, model.base_url, key, silence_seconds)
    return Opened(provider, load_pricing(model.provider, model.id, model.price))


def _by_id(name: str, settings: Settings) -> ConfiguredModel:
    for provider, known in settings.providers.items():
        if name.startswith(known.ids):
            # What the user set for the provider's model, a gateway first of all, holds for its others.
            own = next((each for each in settings.models.values() if each.provider == provider), None)
            return ConfiguredModel(provider, name, own.base_url if own else "")
    ids = " or ".join(known.ids for known in settings.providers.values())
    raise BadSettings(
        f"no model {name!r}: name one of {', '.join(sorted(settings.models))}, or one that begins with {ids}"
    )


def _model(
    name: str, configured: ConfiguredModel, settings: Settings, environment: Mapping[str, str]
) -> Model:
    provider = settings.providers[configured.provider]
    base_url = base_url_of(configured, provider, environment)
    address = urlsplit(base_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise BadSettings(f"the address of {name}, {_without_password(base_url)!r}, is no http or https URL")
    if ONLY_LOOPBACK in os.environ and not _is_loopback(address.hostname):
        raise BadSettings(f"{ONLY_LOOPBACK} is set, so {address.hostname} is not asked")
    return Model(
        name=name,
        title=provider.title,
        provider=configured.provider,
        id=configured.id,
        base_url=base_url,
        key_variables=provider.key_variables,
        price=configured.price,
        limits=settings.limits,
        budget=settings.budget,
    )


def _key(model: Model, environment: Mapping[str, str]) -> Key:
    key = find_key(model.key_variables, environment)
    if key is None:
        raise NoKey(f"no key for {model.title}: set {' or '.join(model.key_variables)} in the environment")
    return key


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _without_password(url: str) -> str:
    return url.rpartition("@")[2]
