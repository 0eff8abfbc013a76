"""The advice of a model on a plan, for the command line."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING
from uuid import uuid4

import click

if TYPE_CHECKING:
    from otp_genesis_refactorers.llm.connecting import Model
    from otp_genesis_refactorers.plan.advice.check import Advice
    from otp_genesis_refactorers.plan.advice.question import Question
    from otp_genesis_refactorers.plan.draft import Draft
    from otp_genesis_server.cli.analysis import Analysis


def advice_of(made: Draft, analysis: Analysis, name: str) -> Advice | None:
    """What the model says of a plan; None where it gave no answer, which is said.

    Raises UsageError where it can't be asked at all: no key, or settings that make no sense.
    """
    from otp_genesis_refactorers.llm.connecting import find_model
    from otp_genesis_refactorers.llm.failures import ModelFailure
    from otp_genesis_refactorers.llm.privacy.fencing import Fence
    from otp_genesis_refactorers.llm.privacy.withholding import Withholding
    from otp_genesis_refactorers.plan.advice.question import question_about

    root = analysis.target.root
    folders = [app.folder for app in analysis.project.apps if app.folder]
    try:
        model = find_model(name, root, folders)
        question = question_about(made, Withholding.of(root, os.environ), Fence.fresh())
    except ModelFailure as failure:
        raise click.UsageError(str(failure)) from failure
    except OSError as error:
        raise click.UsageError(f"{error.filename} can't be read: {error.strerror}") from error
    if not any(question.asked.values()):
        _tell(f"{model.title} is not asked: the plan has no open item that may be sent")
        return None
    return asyncio.run(_asked(made, model, question))


async def _asked(made: Draft, model: Model, question: Question) -> Advice | None:
    from otp_genesis_refactorers.llm.connecting import connect
    from otp_genesis_refactorers.llm.failures import BadSettings, ModelFailure, NoKey
    from otp_genesis_refactorers.llm.preview import preview
    from otp_genesis_refactorers.plan.advice.question import advice_on

    try:
        async with connect(model, f"plan {uuid4().hex}") as connection:
            size = preview(model, question.request).bytes
            told = ", ".join(question.files) or "no file"
            _tell(
                f"asking {model.title} ({model.id} at {model.host}) about the plan: {told} ({size:,} bytes)"
            )
            for line in question.left_out:
                _tell(f"not sent: {line}")
            advice = await advice_on(made, question, connection)
            spent = connection.spent()
    except (BadSettings, NoKey) as failure:
        raise click.UsageError(str(failure)) from failure
    except ModelFailure as failure:
        _tell(f"the plan is written without the model: {failure}")
        return None
    for line in advice.dropped:
        _tell(f"dropped: {line}")
    _tell(f"spent: {spent.run} (today {spent.day})")
    return advice


def _tell(line: str) -> None:
    from otp_genesis_server.cli.places import printable

    click.echo(printable(line), err=True)
