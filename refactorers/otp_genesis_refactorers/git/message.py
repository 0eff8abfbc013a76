"""The message of a commit: words from anywhere, and trailers that only this program writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from otp_genesis_refactorers.change import Refused

EVIDENCE, RUN, STEP = "OTP-Genesis-Evidence", "OTP-Genesis-Run", "OTP-Genesis-Step"
Trailer = tuple[str, str]
"""A key and a value of one line."""
_OWN = "otp-genesis-"
_LONGEST_SUBJECT, _LONGEST_MESSAGE = 200, 10_000


def message_with(text: str, trailers: Iterable[Trailer]) -> str | Refused:
    """A message with trailers; what looks like one in the text is left out: it can't vouch for itself."""
    lines = [line.rstrip() for line in _plain(text)[:_LONGEST_MESSAGE].split("\n")]
    words = "\n".join(line for line in lines if not line.strip().lower().startswith(_OWN)).strip()
    if not words:
        return Refused("the commit has no message: say in one line what changes")
    subject, _, rest = words.partition("\n")
    if len(subject) > _LONGEST_SUBJECT:
        subject = f"{subject[:_LONGEST_SUBJECT]}…"
    body = f"{subject}\n\n{rest.strip()}" if rest.strip() else subject
    ours = "\n".join(f"{key}: {' '.join(_plain(value).split())}" for key, value in trailers)
    return f"{body}\n\n{ours}\n"


def trailers_of(message: str) -> tuple[Trailer, ...]:
    """Our trailers, of the last paragraph of a message."""
    return tuple(_trailers(message.rstrip().rpartition("\n\n")[2]))


def _trailers(paragraph: str) -> Iterator[Trailer]:
    for line in paragraph.split("\n"):
        key, separator, value = line.partition(": ")
        if separator and key.lower().startswith(_OWN):
            yield key, value


def _plain(text: str) -> str:
    """Without what moves a cursor, hides text, or is no text."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(sign for sign in unified if sign == "\n" or sign.isprintable())
