"""Whether a text may call functions of a module, told before it is read."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from otp_genesis_analyzers.source import goes_on

_BY_ATOM = ("apply", "capture", "defdelegate")
"""One of them stands in a text that calls a function by an atom."""
_RENAMING = ("as:", "@")
"""One of them stands beside a module that is called by another name."""
_GIVING = ("import ", "defdelegate ", "to: ")
"""One of them stands beside a module whose functions are called by their own names."""


def holds(text: bytes, words: Collection[str]) -> bool:
    """Whether one of the words stands in a text, if there are any."""
    return not words or any(word.encode() in text for word in words)


def may_call(text: bytes, module: str, functions: Collection[str]) -> bool:
    """Whether one of the functions, if there are any, may be called: behind the last part of the module's
    name, by an atom, behind another name that the module is given, or by its own name alone."""

    def called(before: str) -> bool:
        return any(_stands(f"{before}{name}".encode(), text) for name in functions)

    last = module.rpartition(".")[2]
    if not functions or called(f"{last}.") or (called(":") and holds(text, _BY_ATOM)):
        return True
    beside = b"\n".join(_lines_with(last.encode(), text))
    return (holds(beside, _RENAMING) and called(".")) or (holds(beside, _GIVING) and called(""))


def _stands(name: bytes, text: bytes) -> bool:
    """Whether a name, with what stands before it, ends where it does in a text."""
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        if not goes_on(text[end : end + 1]):
            return True
        at = text.find(name, end)
    return False


def _lines_with(word: bytes, text: bytes) -> Iterator[bytes]:
    at = text.find(word)
    while at >= 0:
        end = text.find(b"\n", at)
        yield text[text.rfind(b"\n", 0, at) + 1 : end if end >= 0 else len(text)]
        at = text.find(word, end) if end >= 0 else -1
