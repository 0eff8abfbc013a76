"""`otp-genesis explain`."""

from __future__ import annotations

import click


@click.command()
@click.argument("rule")
def command(rule: str) -> None:
    """Print what a rule says, and why.

    The rule is named by its code or its name; its page is Markdown.

    \b
    Example:
      otp-genesis explain OTP101
    """
    from otp_genesis_analyzers.rules import find_rule, selectors
    from otp_genesis_analyzers.rules.page import page

    found = find_rule(rule)
    if found is None:
        complaint = selectors.unknown(rule) or f"{rule!r} names several rules; give one code"
        raise click.UsageError(f"{complaint}; 'otp-genesis rules' lists them")
    click.echo(page(found), nl=False)
