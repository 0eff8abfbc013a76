"""The subcommands: a file in `commands` is one, its `command` a click command."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import click

from otp_genesis_server import VERSION
from otp_genesis_server.cli import commands


class CommandFolder(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(name for _, name, _ in iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        return import_module(f"{commands.__name__}.{cmd_name}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None:
            from otp_genesis_analyzers.rules.selectors import did_you_mean

            hint = did_you_mean(args[0], self.list_commands(ctx))
            ctx.fail(f"no command {args[0]!r}{hint}; 'otp-genesis --help' lists them")
        return super().resolve_command(ctx, args)


@click.group(
    cls=CommandFolder,
    name="otp-genesis",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: otp-genesis check",
)
@click.version_option(VERSION, prog_name="otp-genesis", message="%(prog)s %(version)s")
def group() -> None:
    """Find OTP anti-patterns in Elixir projects, fix them, and plan the rest."""
