"""`claude`: asks Claude."""

from __future__ import annotations

from typing import Literal

from otp_genesis_refactorers.pipelines.model_step import ModelStep


class Claude(ModelStep):
    provider = "anthropic"

    type: Literal["claude"]

    @property
    def named_model(self) -> str:
        return "claude"
