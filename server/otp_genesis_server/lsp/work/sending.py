"""Whether code of a project may be sent to a model: asked once for a folder and a provider."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pygls.exceptions import JsonRpcException

from otp_genesis_server.lsp.shown.documents import write_document
from otp_genesis_server.lsp.work.consent import ask

if TYPE_CHECKING:
    from otp_genesis_refactorers.llm.connecting import Model
    from otp_genesis_refactorers.llm.preview import Preview
    from otp_genesis_server.lsp.server import Server

SEND, SHOW, NO = "Send", "Show what is sent", "No"


async def may_send(ls: Server, root: Path, model: Model, preview: Preview, files: Sequence[str]) -> bool:
    """Whether the user lets this be sent, whose text is of `files`. They may look at it first."""
    from otp_genesis_refactorers.machine import model_consent

    if model_consent.is_given(root, model.provider, model.host):
        return True
    question = (
        f"Send code of {root.name} to {model.title} ({model.id} at {model.host})? Now that is"
        f" {preview.bytes:,} bytes with parts of {', '.join(files) or 'no file'}; secrets are left out."
        " It holds for this folder from now on."
    )
    try:
        while (answer := await ask(ls, question, SEND, SHOW, NO)) == SHOW:
            document = write_document("previews", root, ".txt", "\n\n---\n\n".join(preview.texts))
            if document is not None:
                ls.open(document, take_focus=False)
    except JsonRpcException:
        ls.warn("OTP-Genesis: this editor can't ask whether code may be sent to a model, so it is not")
        return False
    if answer != SEND:
        return False
    try:
        model_consent.give(root, model.provider, model.host)
    except OSError as error:
        ls.warn(f"OTP-Genesis: agreed for this once: {error.filename} can't be written: {error.strerror}")
    return True
