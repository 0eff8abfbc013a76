"""`claude_smart`: asks Claude with a preset of tools and turns. There is no shell in any of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from otp_genesis_refactorers.pipelines.model_step import ModelStep
from otp_genesis_refactorers.pipelines.model_tools import ToolName


@dataclass(frozen=True)
class Preset:
    turns: int
    tools: tuple[ToolName, ...]


_PRESETS: Mapping[str, Preset] = {
    "development": Preset(20, ("read", "search", "findings", "skeleton", "edit")),
    "production": Preset(10, ("read",)),
    "analysis": Preset(5, ("read", "search", "findings", "skeleton")),
    "chat": Preset(15, ()),
    "test": Preset(3, ("read",)),
}


class ClaudeSmart(ModelStep):
    """What the step says itself comes before its preset."""

    provider = "anthropic"

    type: Literal["claude_smart"]
    preset: Literal["development", "production", "analysis", "chat", "test"] = Field(examples=["analysis"])

    @property
    def offered_tools(self) -> tuple[ToolName, ...]:
        return _PRESETS[self.preset].tools if self.tools is None else self.tools

    @property
    def turns(self) -> int:
        return self.max_turns or _PRESETS[self.preset].turns

    @property
    def named_model(self) -> str:
        return "claude"
