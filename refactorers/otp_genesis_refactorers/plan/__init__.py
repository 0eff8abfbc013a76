"""The refactor plan: five phases as Markdown documents, which a person may edit like any other text.

`from_findings` makes the steps, `markdown` writes and reads documents, `merge` brings one up to date
without touching what a person did to it, `documents` does that to the six files on disk.
"""

from otp_genesis_refactorers.plan.documents import PlanFile, Written, write_plan

__all__ = ["PlanFile", "Written", "write_plan"]
