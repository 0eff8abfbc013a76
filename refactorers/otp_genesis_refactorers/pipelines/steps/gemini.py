"""`gemini`: asks Gemini."""

from __future__ import annotations

from typing import Literal

from otp_genesis_refactorers.pipelines.model_step import ModelStep


class Gemini(ModelStep):
    provider = "google"

    type: Literal["gemini"]

    @property
    def named_model(self) -> str:
        return "gemini"
