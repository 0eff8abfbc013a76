"""Building and running the server. Handlers and commands are found by looking into their folders."""

from __future__ import annotations

import importlib
import logging
import os
import pkgutil
import sys
from types import ModuleType
from typing import NoReturn

from otp_genesis_server.lsp import features
from otp_genesis_server.lsp.features import commands
from otp_genesis_server.lsp.server import Server

_TURN_SECONDS = 0.001
"""How long a thread that works in the background may go on when the one that answers has something to do."""


def build_server() -> Server:
    """A server with everything registered, not yet connected.

    A file in `features` has METHOD, `handle(ls, params)` and perhaps OPTIONS, or MESSAGE, the type of a
    message that the protocol doesn't know. One in `features/commands` has COMMAND and
    `handle(ls, arguments)`, which takes one object; what takes long has REQUEST too, the message type
    of a request that does the same and can be cancelled.
    """
    server = Server()
    for module in _modules_in(features):
        if hasattr(module, "MESSAGE"):
            server.requests[module.METHOD] = module.MESSAGE
        server.feature(module.METHOD, getattr(module, "OPTIONS", None))(module.handle)
    for module in _modules_in(commands):
        server.command(module.COMMAND)(module.handle)
        if hasattr(module, "REQUEST"):
            method = module.COMMAND.replace(".", "/")
            server.requests[method] = module.REQUEST
            server.feature(method)(module.handle)
    return server


def serve_stdio() -> NoReturn:
    """Serve the client at the other end of standard input and output, until it leaves. Raises SystemExit."""
    # The streams are moved away, so that no print and no child process can write into a message or read one.
    messages_in, messages_out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    sys.setswitchinterval(_TURN_SECONDS)
    _log_to_stderr()
    server = build_server()
    server.ends_with_parent = True
    server.start_io(messages_in, messages_out)
    sys.exit(server.exit_status)


def serve_tcp(host: str, port: int) -> None:
    """Serve the first client that connects, until it leaves. Raises OSError when the port is taken."""
    _log_to_stderr()
    build_server().start_tcp(host, port)


def _log_to_stderr() -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("pygls").setLevel(logging.WARNING)  # at INFO it writes out every message it sends


def _modules_in(package: ModuleType) -> list[ModuleType]:
    return [
        importlib.import_module(f"{package.__name__}.{entry.name}")
        for entry in pkgutil.iter_modules(package.__path__)
        if not entry.ispkg
    ]
