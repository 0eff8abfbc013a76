"""`otp-genesis explain`."""

from __future__ import annotations

import click


@click.command()
@click.argument("rule")
def command(rule: str) -> None:
    """Print the page of a rule, named by its code or its name, as Markdown.

    \b
    Example:
      otp-genesis explain OTP101
    """
    from otp_genesis_analyzers.rules.page import page

    from otp_genesis_analyzers.rules import find_rule, selectors

    found = find_rule(rule)
    if found is None:
        complaint = selectors.unknown(rule) or f"{rule!r} names several rules; give one code"
        raise click.UsageError(f"{complaint}; 'otp-genesis rules' lists them")
    click.echo(page(found), nl=False)
