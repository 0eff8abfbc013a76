"""From the files that a user is working on to the commit below them: our hunks, without theirs."""

from __future__ import annotations

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase.beneath import Missing
from otp_genesis_refactorers.codebase.codebase import Codebase
from otp_genesis_refactorers.git.hunks import own_hunks


def carry_over(working: Codebase, committed: Codebase) -> Refused | None:
    """Change in `committed` what is changed in `working`, so that it can be verified and committed.

    Refused, and nothing changed, where the user is changing the same lines; None when it is done.
    """
    carried: dict[str, bytes | None] = {}
    for path, new in working.changed.items():
        content = _carried(path, new, working, committed)
        if isinstance(content, Refused):
            return Refused(f"the change of {path} can't be committed: {content.reason}")
        carried[path] = content
    return committed.lay(carried)


def _carried(path: str, new: bytes | None, working: Codebase, committed: Codebase) -> bytes | Refused | None:
    before, onto = working.original(path), committed.content(path)
    if isinstance(before, Missing) and isinstance(onto, Missing):
        return new
    if isinstance(onto, Missing):
        return Refused("it is not in the last commit: commit it first")
    if isinstance(before, Refused):
        return Refused("it is in the last commit, and was removed since")
    if isinstance(onto, Refused):
        return onto
    if new is not None:
        return own_hunks(before, new, onto)
    return (
        None
        if before == onto
        else Refused("it is removed, and somebody else is changing it: commit that first")
    )
