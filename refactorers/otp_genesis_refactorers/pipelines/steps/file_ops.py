"""`file_ops`: reading, writing, moving files of the code base. Nothing on the user's disk changes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Text, refusal
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.outcome import Outcome, StepFailed

_NEEDS = {"write": ("path", "content"), "copy": ("path", "to"), "move": ("path", "to"), "list": ()}
_READING = ("read", "list", "exists")
_PATH_ALONE = ("path",)


class FileOps(Step):
    """`write` replaces the whole file. What is changed is part of the run's diff."""

    gives = ("content", "paths", "path", "exists", "count")
    changes_code = True

    type: Literal["file_ops"]
    operation: Literal["read", "write", "list", "exists", "copy", "move", "delete"]
    path: Text | None = Field(default=None, examples=["lib/shop/mailer.ex"])
    to: Text | None = Field(default=None, examples=["lib/shop/mail.ex"])
    content: Text | None = None
    glob: Text | None = Field(
        default=None, description="Of 'list', as in .gitignore", examples=["test/**/*_test.exs"]
    )

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> FileOps:
        for key in _NEEDS.get(self.operation, _PATH_ALONE):
            if getattr(self, key) is None:
                raise refusal(f"the operation {self.operation!r} needs {key!r}", f"write {key}: ...")
        return self

    def may_change_code(self) -> bool:
        return self.operation not in _READING

    async def run(self, here: Here) -> Outcome:
        path, to = (here.text(each) if each else "" for each in (self.path, self.to))
        content = here.text(self.content) if self.content else ""
        glob = here.text(self.glob) if self.glob else ""
        return await here.in_thread(lambda _: self._done(here, path, to, content, glob))

    def _done(self, here: Here, path: str, to: str, content: str, glob: str) -> Outcome:
        codebase = here.codebase
        match self.operation:
            case "list":
                paths = list(_given(codebase.paths(glob)))
                return Outcome(values={"paths": paths, "count": len(paths)}, text="\n".join(paths))
            case "exists":
                return Outcome(values={"exists": isinstance(codebase.content(path), bytes), "path": path})
            case "read":
                text = _decoded(path, _given(codebase.content(path)))
                return Outcome(values={"content": text, "path": path}, text=text)
            case "write":
                new: dict[str, bytes | None] = {path: content.encode("utf-8", "surrogateescape")}
            case "delete":
                new = {path: None}
            case "copy":
                new = {to: _given(codebase.content(path))}
            case "move":
                new = {to: _given(codebase.content(path)), path: None}
        if self.operation in ("copy", "move") and isinstance(codebase.content(to), bytes):
            raise StepFailed(f"{to} exists already")
        refused = codebase.lay(new)
        if refused is not None:
            raise StepFailed(refused.reason)
        return Outcome(values={"path": to or path})


def _given(answer: Any) -> Any:
    if isinstance(answer, Refused):
        raise StepFailed(answer.reason)
    return answer


def _decoded(path: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise StepFailed(f"{path} is not UTF-8 text") from error
