"""A small project on disk, findings made by hand, and the plan that they give."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from otp_genesis_analyzers.facts.model import FileFacts
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import FileAnalysis, MixApp, Project
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.plan.documents import Written, write_plan

UPLOADS_PATH, CART_PATH = "lib/shop/uploads.ex", "lib/shop/cart.ex"

UPLOADS = """\
defmodule Shop.Uploads do
  def store(file) do
    spawn(fn -> Store.put(file) end)
    :ok
  end

  def sweep(folder) do
    spawn(fn -> Store.sweep(folder) end)
    Task.start(fn -> Store.count(folder) end)
  end

  def audit(event) do
    Task.async(fn -> Audit.write(event) end)
    Task.async(fn -> Audit.copy(event) end)
    :ok
  end
end
"""

APPLICATION = """\
defmodule Shop.Application do
  use Application

  def start(_type, _args) do
    children = []
    Supervisor.start_link(children, strategy: :one_for_one)
  end
end
"""

CART = """\
defmodule Shop.Cart do
  use GenServer

  def handle_call(:total, _from, cart), do: {:reply, total(), cart}
  def total, do: GenServer.call(__MODULE__, :total)
end
"""


@dataclass
class Shop:
    """`find` makes a finding at the first occurrence of a text, `plan` writes the documents."""

    root: Path
    files: dict[str, str]
    broken: set[str] = field(default_factory=set)

    @property
    def project(self) -> Project:
        return Project(
            apps=(MixApp("", "shop", "Shop.Application", True),),
            files={
                path: FileAnalysis(FileFacts(path, (), (), broken=path in self.broken)) for path in self.files
            },
            read=lambda path: self.files[path].encode(),
        )

    def find(
        self,
        code: str,
        name: str,
        path: str,
        text: str,
        scope: str = "",
        *,
        message: str = "it is flawed",
        severity: Severity = Severity.WARNING,
        confidence: Confidence = Confidence.EXACT,
        fix: FixKind | None = FixKind.UNSAFE,
        related: tuple[Related, ...] = (),
    ) -> Finding:
        start = self.files[path].encode().index(text.encode())
        head = re.match(r"[\w.]+", text)
        width = len(head[0].encode()) if head else 1
        span = Span.between(start, start + width)
        return Finding(
            code, name, severity, confidence, path, span, message, fix, related, scope, " ".join(text.split())
        )

    def findings(self) -> dict[str, Finding]:
        """`store` has a fix, `sweep` is refused one, `audit` and `copy` share a function, `cart` has none."""
        spawn = partial(
            self.find,
            "OTP101",
            "unsupervised-spawn",
            UPLOADS_PATH,
            message="`spawn` starts it with no supervisor",
        )
        discarded = partial(
            self.find,
            "OTP103",
            "discarded-async-task",
            UPLOADS_PATH,
            scope="Shop.Uploads.audit/1",
            severity=Severity.INFORMATION,
            message="nobody takes the reply",
        )
        call = Related(CART_PATH, self.span(CART_PATH, "GenServer.call"), "the call")
        return {
            "store": spawn("spawn(fn -> Store.put(file) end)", "Shop.Uploads.store/1"),
            "sweep": spawn("spawn(fn -> Store.sweep(folder) end)", "Shop.Uploads.sweep/1"),
            "audit": discarded("Task.async(fn -> Audit.write(event) end)"),
            "copy": discarded("Task.async(fn -> Audit.copy(event) end)"),
            "cart": self.find(
                "OTP111",
                "self-call-deadlock",
                CART_PATH,
                "total(), cart}",
                "Shop.Cart.handle_call/3",
                severity=Severity.ERROR,
                message="`total/0` calls this server",
                fix=FixKind.LLM,
                related=(call,),
            ),
        }

    def span(self, path: str, text: str) -> Span:
        start = self.files[path].encode().index(text.encode())
        return Span(start, len(text.encode()))

    def plan(self, findings: Sequence[Finding], goal: str = "", out: Path | None = None) -> Written:
        return write_plan(self.project, findings, self.root, goal, out, supervise)

    def document(self, file: str) -> Path:
        return self.root / ".otp-genesis" / "plan" / file

    def read(self, file: str) -> str:
        return self.document(file).read_bytes().decode()

    def write(self, file: str, text: str) -> None:
        self.document(file).write_bytes(text.encode())

    def edit(self, file: str, old: str, new: str) -> None:
        """What a person does: the document must hold `old` exactly once."""
        text = self.read(file)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in:\n{text}"
        self.write(file, text.replace(old, new))

    def everything(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.document("").iterdir())}


def supervise(finding: Finding, project: Project) -> Change | Refused:
    """A fix over two files, as the real ones are: rewrite the call, give the application a supervisor."""
    if finding.scope == "Shop.Uploads.sweep/1":
        return Refused("the result of `spawn` is used.")
    content, tree = project.read(finding.path), project.read("lib/shop/application.ex")
    call_end = content.index(b"(", finding.span.start) + 1
    call = Edit(
        Span.between(finding.span.start, call_end), "Task.Supervisor.start_child(Shop.TaskSupervisor, "
    )
    children = tree.index(b"[]")
    child = Edit(Span(children, 2), "[{Task.Supervisor, name: Shop.TaskSupervisor}]")
    return Change(
        "Supervise it",
        FixKind.UNSAFE,
        (
            file_change(finding.path, content, [call]),
            file_change("lib/shop/application.ex", tree, [child]),
        ),
        ("adds a child to `Shop.Application`",),
    )


def write_shop(root: Path) -> Shop:
    """A shop whose plan goes below `root`."""
    files = {
        "lib/shop/application.ex": APPLICATION,
        "lib/shop/cart.ex": CART,
        "lib/shop/uploads.ex": UPLOADS,
    }
    return Shop(root, files)
