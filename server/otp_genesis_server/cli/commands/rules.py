"""`otp-genesis rules`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from otp_genesis_analyzers.rules.contract import Rule


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(form: str) -> None:
    """List the rules.

    \b
    Example:
      otp-genesis rules --format json
    """
    from otp_genesis_analyzers.rules import all_rules

    entries = [_entry(rule) for rule in all_rules()]
    if form == "json":
        import json

        click.echo(json.dumps(entries, indent=2))
        return
    width = max((len(entry["name"]) for entry in entries), default=0)
    for entry in entries:
        state = "" if entry["default"] else " (off by default)"
        click.echo(
            f"{entry['code']}  {entry['name']:<{width}}  {entry['severity']:<11}  {entry['summary']}{state}"
        )


def _entry(rule: Rule) -> dict[str, Any]:
    return {
        "code": rule.code,
        "name": rule.name,
        "phase": rule.phase(),
        "summary": rule.summary(),
        "default": rule.default,
        "severity": rule.severity.label,
        "scope": "project" if rule.needs_project() else "file",
        "fixes": [kind.value for kind in rule.fixes],
    }
