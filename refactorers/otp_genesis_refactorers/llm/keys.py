"""Keys: found in the environment, known by the variable's name, shown by nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from otp_genesis_refactorers.llm.failures import BadSettings


@dataclass(frozen=True)
class Key:
    variable: str
    """The only part of it that may be shown."""
    secret: str = field(repr=False, compare=False)

    def hidden_in(self, text: str) -> str:
        """The text without the key: a server or a proxy may send back what it was sent."""
        return text.replace(self.secret, f"<{self.variable}>")


def find_key(variables: Iterable[str], environment: Mapping[str, str]) -> Key | None:
    """The first that is set. Raises BadSettings for what can't be a key, before a header is made of it."""
    for variable in variables:
        secret = environment.get(variable, "").strip()
        if not secret:
            continue
        if not (secret.isascii() and secret.isprintable()) or " " in secret:
            raise BadSettings(f"{variable} holds no key: it has characters that keys don't have")
        return Key(variable, secret)
    return None
