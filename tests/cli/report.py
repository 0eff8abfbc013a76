"""The JSON of `check` as other programs rely on it: every key, its type, and no other."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Severity = Literal["hint", "information", "warning", "error"]


class _Exact(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Related(_Exact):
    path: str
    line: int = Field(ge=1)
    message: str


class Finding(_Exact):
    code: str = Field(pattern=r"^OTP\d{3}$")
    name: str = Field(pattern=r"^[a-z]+(-[a-z]+)*$")
    phase: int = Field(ge=0, le=5)
    severity: Severity
    confidence: Literal["exact", "strong", "heuristic"]
    path: str
    line: int = Field(ge=1)
    column: int = Field(ge=1)
    end_line: int = Field(ge=1)
    end_column: int = Field(ge=1)
    message: str = Field(min_length=1)
    fix: Literal["safe", "unsafe", "llm"] | None
    fingerprint: str = Field(pattern=r"^[0-9a-f]{16}$")
    related: list[Related]


class Report(_Exact):
    version: Literal[1]
    root: str
    files: int
    unparsed: list[str]
    findings: list[Finding]


class RuleEntry(_Exact):
    code: str
    name: str
    phase: int
    summary: str
    default: bool
    severity: Severity
    scope: Literal["file", "project"]
    fixes: list[Literal["safe", "unsafe", "llm"]]


def report(text: str) -> Report:
    return Report.model_validate_json(text)


def rule_list(text: str) -> list[RuleEntry]:
    return TypeAdapter(list[RuleEntry]).validate_json(text)
