"""A packed code base in a prompt, without the files that no model may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otp_genesis_refactorers.pipelines.outcome import StepFailed
from otp_genesis_refactorers.repomix import NotAPack, read_pack

if TYPE_CHECKING:
    from otp_genesis_refactorers.llm.privacy.withholding import Withholding


def without_withheld(content: bytes, text: str, withholding: Withholding) -> str:
    """The text of a pack with those files taken out; any other text as it is.

    Raises `StepFailed` where one can't be found in the text.
    """
    try:
        files = read_pack(content).files
    except NotAPack:
        return text
    for path, code in files.items():
        reason = withholding.reason(path)
        inside = code.decode("utf-8", "surrogateescape").strip()
        if reason is None or not inside:
            continue
        if inside not in text:
            raise StepFailed(
                f"the pack holds {path}, which is not sent to a model ({reason}): pack again without it"
            )
        text = text.replace(inside, f"(left out: {reason})")
    return text
