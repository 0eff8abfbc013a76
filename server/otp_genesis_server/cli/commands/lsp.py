"""`otp-genesis lsp`: the only subcommand that loads the protocol."""

from __future__ import annotations

import click


@click.command()
@click.option("--stdio", is_flag=True, help="Talk over standard input and output (the default).")
@click.option("--tcp", metavar="HOST:PORT", help="Listen there for one editor instead.")
def command(stdio: bool, tcp: str | None) -> None:
    """Run the language server.

    Editors start it by themselves, over standard input and output.

    \b
    Example:
      otp-genesis lsp --tcp 127.0.0.1:9257
    """
    if stdio and tcp:
        raise click.UsageError("give --stdio or --tcp, not both")
    address = _address(tcp) if tcp else None
    from otp_genesis_server.lsp.app import serve_stdio, serve_tcp

    if address:
        serve_tcp(*address)
    else:
        serve_stdio()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise click.UsageError(f"--tcp takes HOST:PORT such as 127.0.0.1:9257, not {text!r}")
    return host.strip("[]"), int(port)
