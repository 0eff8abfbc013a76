"""`otp-genesis schema`."""

from __future__ import annotations

import json

import click

from otp_genesis_server.cli import DONE


@click.command()
def command() -> int:
    """Print the JSON schema of pipelines, for editors.

    VS Code with OTP-Genesis knows it by itself. For others, write it to a file and name that in the first
    line of a pipeline, as yaml-language-server reads it.

    \b
    Examples:
      otp-genesis schema > pipeline.schema.json
      # yaml-language-server: $schema=pipeline.schema.json
    """
    from otp_genesis_refactorers.pipelines.language.schema import pipeline_schema

    click.echo(json.dumps(pipeline_schema(), indent=2, ensure_ascii=False))
    return DONE
