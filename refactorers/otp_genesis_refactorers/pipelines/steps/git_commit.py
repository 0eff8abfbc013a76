"""`git_commit`: puts what was verified on the run's branch. Work tree and index stay as they are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Text
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.outcome import Outcome


class GitCommit(Step):
    """Refuses what the last verification did not prove, whatever a model says of it."""

    gives = ("commit", "branch", "message")
    changes_code = True

    type: Literal["git_commit"]
    message: Text = Field(examples=["Supervise the upload"])

    async def run(self, here: Here) -> Outcome:
        journal, run = here.engine.journal, here.engine.run
        # What an earlier process was about to commit, and perhaps has, is committed as it meant to.
        begun = journal.intended(run, here.path)
        message = begun["message"] if begun else here.text(self.message).strip()
        journal.intend(run, here.path, {"message": message})
        commit = await here.in_thread(lambda _: here.code.commit(message, here.path))
        branch = here.code.branch_name
        return Outcome(
            values={"commit": commit, "branch": branch, "message": message},
            text=f"committed {commit[:12]} on {branch}" if commit else "applied in the editor",
        )
