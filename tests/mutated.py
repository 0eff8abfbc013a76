"""Elixir text with what people, editors, merges and bad disks do to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

_TOKEN = re.compile(rb"\w+[?!]?|\s+|[^\w\s]")
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_LARGEST_BYTES = 400_000

_WORDS = (
    *b"do end fn -> ( ) [ ] { } %{ << >> | |> <- <> :: => = & @ . , ; : ^ ! \\ % ~ # ? \" ' #{ } \"\"\" '''".split(
        b" "
    ),
    *b"def defp defmodule defmacro defimpl quote unquote( use alias import require case cond receive with for".split(),
    *b"if unless try rescue catch after else when and or not in nil true __MODULE__ __ENV__ super".split(),
    *b"spawn( Task.start( Task.async( send( self() GenServer.call( GenServer.cast( Process.monitor( :ets.insert(".split(),
    *b"start_link( Supervisor.start_link( children handle_info( handle_call( terminate( Process.sleep( Agent.".split(),
    *(
        b"@impl true\n",
        b"@doc false",
        b"do:",
        b"else:",
        b"as:",
        b"restart:",
        b"alias A.{",
        b"use GenServer\n",
    ),
    *(
        b"~s(",
        b"~w[",
        b"~r/",
        b'~S"""',
        b"~H'''",
        b"~",
        b"~q",
        b'"""\n',
        b"?\\",
        b'"\\',
        b'"#{"',
        b"'#{'",
        b':"',
    ),
    *(
        b"0x",
        b"0b2",
        b"1_",
        b"1.0e",
        b"1..",
        b"&1",
        b"&0",
        b"&/1",
        b"..//",
        b"^^^",
        b"~~~",
        b"not in",
        b"\\\\",
    ),
    *(b"# otp-genesis:ignore OTP101 -- x\n", b"# otp-genesis:ignore-file ALL\n", b"# otp-genesis:ignore"),
)
_BYTES = (
    *(b"\x00", b"\r", b"\r\n", b"\x0c", b"\x0b", b"\x1b[31m", b"\x7f", b"\t", b"\\\n"),
    *(
        "\ufeff\u2028\u2029\u0085\u00a0\u200d\u202e\u0301é變😀\U0010ffff".encode()[at : at + 3]
        for at in (0, 3, 6)
    ),
    *(c.encode() for c in "\ufeff\u2028\u2029\u0085\u00a0\u200d\u202e\u0301é變😀𝔘\U0010ffff"),
    *(b"\xff", b"\xc3", b"\xe2\x80", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\x80"),
)
NESTS = (
    *((b"[", b"]"), (b"(", b")"), (b"{", b"}"), (b"%{a: ", b"}"), (b"f(", b")"), (b"fn -> ", b" end")),
    *(
        (b"if x do\n", b"\nend"),
        (b"case x do\ny -> ", b"\nend"),
        (b"quote do\n", b"\nend"),
        (b"x |> ", b"f()"),
    ),
    *(
        (b"-", b""),
        (b"not ", b""),
        (b"a.", b"b"),
        (b"1 + ", b"1"),
        (b"<<", b">>"),
        (b'"#{', b'}"'),
        (b"&", b"x"),
    ),
    *(
        (b"@", b"x"),
        (b"defmodule A do\n", b"\nend"),
        (b"def f do\n", b"\nend"),
        (b"x = ", b"1"),
        (b"a b ", b"c"),
    ),
    *(
        (b"x when ", b"y"),
        (b"~s(", b")"),
        (b"spawn(fn -> ", b" end)"),
        (b"[a | ", b"]"),
        (b"with a <- ", b"b"),
    ),
)


def mutated(random: Random, content: bytes, other: bytes) -> bytes:
    """`content` after one to four accidents; `other` is a text to take parts of."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        accident = random.choices(_ACCIDENTS, _WEIGHTS)[0]
        content = accident(random, content, other)[:_LARGEST_BYTES]
    return content


def _place(random: Random, content: bytes) -> int:
    return random.randint(0, len(content))


def _insert_word(random: Random, content: bytes, _: bytes) -> bytes:
    """Where a word ends, or anywhere."""
    at = _place(random, content)
    if random.random() < 0.7:
        at = max(content.rfind(b" ", 0, at), content.rfind(b"\n", 0, at)) + 1
    return content[:at] + random.choice(_WORDS) + random.choice((b"", b" ", b"\n")) + content[at:]


def _insert_bytes(random: Random, content: bytes, _: bytes) -> bytes:
    at = random.choice((0, len(content), _place(random, content)))
    return content[:at] + random.choice(_BYTES) * random.choice((1, 1, 3)) + content[at:]


def _delete_bytes(random: Random, content: bytes, _: bytes) -> bytes:
    at = _place(random, content)
    return content[:at] + content[at + random.choice((1, 1, 2, 10, 100)) :]


def _flip_byte(random: Random, content: bytes, _: bytes) -> bytes:
    at = _place(random, content)
    return content[:at] + bytes([random.randrange(256)]) + content[at + 1 :]


def _cut(random: Random, content: bytes, _: bytes) -> bytes:
    at = _place(random, content)
    return content[:at] if random.random() < 0.7 else content[at:]


def _splice(random: Random, content: bytes, other: bytes) -> bytes:
    """The beginning of one file and the end of another, or a part of one inside the other."""
    at, start = _place(random, content), _place(random, other)
    if random.random() < 0.5:
        return content[:at] + other[start:]
    return content[:at] + other[start : start + random.randint(0, 2000)] + content[at:]


def _nest(random: Random, content: bytes, _: bytes) -> bytes:
    depth, (opening, closing) = random.choice((10, 60, 139, 141, 300, 1000, 4000)), random.choice(NESTS)
    depth = min(depth, 20_000 // len(opening))
    inner = random.choice((b"x", b"", b"spawn(f)"))
    closings = random.choice((depth, depth, depth - 1, 0))
    at = max(content.rfind(b"\n", 0, _place(random, content)) + 1, 0)
    return content[:at] + opening * depth + inner + closing * closings + b"\n" + content[at:]


def _on_pieces(pattern: re.Pattern[bytes]) -> Callable[[Random, bytes, bytes], bytes]:
    """Delete, repeat, swap or move lines or tokens."""

    def accident(random: Random, content: bytes, _: bytes) -> bytes:
        pieces: list[bytes] = pattern.findall(content)
        if len(pieces) < 2:
            return content
        at, to = random.randrange(len(pieces)), random.randrange(len(pieces))
        count = random.choice((1, 1, 1, 2, 5, 20))
        match random.randrange(5):
            case 0:
                del pieces[at : at + count]
            case 1:
                pieces[at:at] = pieces[at : at + count] * random.choice((1, 1, 3))
            case 2:
                pieces[at], pieces[to] = pieces[to], pieces[at]
            case 3:
                moved = pieces[at : at + count]
                del pieces[at : at + count]
                pieces[to:to] = moved
            case _:
                pieces[at] = pieces[to]
        return b"".join(pieces)

    return accident


def _line_breaks(random: Random, content: bytes, _: bytes) -> bytes:
    return content.replace(b"\n", random.choice((b"\r\n", b"\r", b" ", b"\n\n", b"\xe2\x80\xa8", b"\n\x0c")))


_ACCIDENTS: tuple[Callable[[Random, bytes, bytes], bytes], ...] = (
    *(_on_pieces(_LINE), _on_pieces(_TOKEN), _insert_word, _insert_bytes, _delete_bytes),
    *(_flip_byte, _cut, _splice, _nest, _line_breaks),
)
_WEIGHTS = (20, 20, 20, 6, 6, 3, 6, 6, 8, 2)
