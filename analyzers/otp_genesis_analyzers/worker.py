"""A process that analyses files for another: tasks come on standard input, analyses leave on standard output.

    python -m otp_genesis_analyzers.worker

Each message is its length in four bytes, then msgpack: a list of tasks is answered by the list
of their analyses. It ends with its input, and so with the process that started it.
"""

from __future__ import annotations

import gc
import signal
import sys
from typing import IO

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_analyzers.engine import analyze
from otp_genesis_analyzers.project import FileAnalysis, FileSettings
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.source import Source


class Task(msgspec.Struct, frozen=True, array_like=True):
    """One file to analyse. Its content is UTF-8 text."""

    path: str
    content: bytes
    role: Role
    settings: FileSettings


_LENGTH_BYTES = 4


def message_bytes(message: bytes) -> int:
    """How much `write_message` writes."""
    return _LENGTH_BYTES + len(message)


def write_message(stream: IO[bytes], message: bytes) -> None:
    """Raises OSError when nobody reads any more. The stream may have no buffer."""
    unwritten = memoryview(len(message).to_bytes(_LENGTH_BYTES) + message)
    while unwritten:
        unwritten = unwritten[stream.write(unwritten) :]
    stream.flush()


def read_message(stream: IO[bytes]) -> bytes | None:
    """The next message; None at the end of the input, be it in the middle of a message.

    Of a stream without a buffer no byte of the message after it is taken.
    """
    size = int.from_bytes(_read(stream, _LENGTH_BYTES))
    message = _read(stream, size)
    return message if size and len(message) == size else None


def _read(stream: IO[bytes], size: int) -> bytes:
    """So many bytes; fewer at the end of the input."""
    parts: list[bytes] = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches both; who started this one decides
    gc.disable()  # nothing here refers to itself
    tasks = msgspec.msgpack.Decoder(readable(list[Task]))
    encoder = msgspec.msgpack.Encoder()
    while (message := read_message(sys.stdin.buffer)) is not None:
        analyses: list[FileAnalysis] = [
            analyze(Source(task.path, task.content), task.role, task.settings)
            for task in tasks.decode(message)
        ]
        try:
            write_message(sys.stdout.buffer, encoder.encode(analyses))
        except OSError:
            break
    sys.stderr.close()  # or the interpreter would say that what is unwritten could not be written


if __name__ == "__main__":
    main()
