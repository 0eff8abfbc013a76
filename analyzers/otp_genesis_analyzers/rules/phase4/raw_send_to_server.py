from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.callbacks import callbacks
from otp_genesis_analyzers.facts.client_api import addressee, looked_up
from otp_genesis_analyzers.facts.clause_results import results
from otp_genesis_analyzers.facts.messages import Sent, has_shape_of, is_later, sent, sent_by, taken
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.sites import Site, production_modules, site_at
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.servers import server_named
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_HANDS_OVER = ("deliver", "route", "distribute", "delegate", "dispatch", "submit")


class RawSendToServer(Rule):
    """A request goes to a server as a plain message, past the functions that the server offers.

    ## What it does
    Reports `send` and `Process.send` of a tagged message to a named server of the project, from outside its
    module, when its `handle_info/2` has a clause for exactly that message. A function that is named after
    handing something over (`deliver`, `route`, `delegate`) and answers `:ok` after a `send` to a pid that it
    was given gets a **hint**.

    ## Why it matters on the BEAM
    `send/2` returns the message, whatever becomes of it. A pid may be dead, which nobody is told; a name that
    is not registered raises. `GenServer.call/3` is what confirms that the server has done its part.
    `GenServer.cast/2` confirms no more than `send/2` does: it returns `:ok` even for a name that
    nobody has. It only keeps to the protocol of the server.

    ## When it is legitimate
    From the server's own module, where a `send` is a nudge to itself. To `self()`, and later through a timer.
    As the answer to somebody who asked (`{ref, reply}`), as news to those who subscribed. To a process that
    is no server of the project, such as a port or a logger. None of these is reported, nor is code in tests.

    ## Use instead
    ```elixir
    Shop.Mailer.deliver(mail)

    # in Shop.Mailer
    def deliver(mail), do: GenServer.call(__MODULE__, {:deliver, mail})
    ```

    ## Fix safety
    Unsafe. The clause of `handle_info/2` becomes one of `handle_call/3` that answers `:ok`, the server gets a
    client function, and the `send` becomes a call of it. The caller now waits, and exits when the server
    doesn't answer. Refused when the message is sent from more than one place.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#module-receiving-regular-messages
    - https://hexdocs.pm/elixir/process-anti-patterns.html#scattered-process-interfaces
    """

    code = "OTP401"
    name = "raw-send-to-server"
    severity = Severity.INFORMATION
    anchors = ("send",)
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = []
    VALID: ClassVar = []

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for message in _requests(module):
                if _is_name(message.server) and addressee(module, message.server) != module.name:
                    yield self._sent_to_name(file, message)
                elif _confirms_a_send(file.source, module, message):
                    yield self._sent_to_argument(file, message.site)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        if finding.severity is Severity.HINT:
            return finding
        site = site_at(project.files[finding.path].facts, finding.span)
        message = sent_by(site.call) if site is not None else None
        if site is None or message is None:
            return None
        server = server_named(project, looked_up(message[1]))
        if server is None or server.module.name == site.module.name:
            return None
        for clause in taken(server.module):
            if clause.way == "info" and has_shape_of(clause.pattern, message[2]):
                related = Related(server.path, clause.clause.name_span, "the message is handled here")
                return structs.replace(finding, related=(related,))
        return None

    def _sent_to_name(self, file: FileView, message: Sent) -> Finding:
        site = message.site
        name = looked_up(message.server)
        written = name.value if name.kind == "module" else f":{name.value}"
        return self.report(
            file.facts.path,
            site.call.head,
            f"`:{message.message.tag}` goes to the server `{written}` as a plain message: nothing confirms it, "
            "which only `GenServer.call/3` does",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            confidence=Confidence.STRONG,
            fix=FixKind.UNSAFE if site.call.form == "call" else FixKind.LLM,
        )

    def _sent_to_argument(self, file: FileView, site: Site) -> Finding:
        return self.report(
            file.facts.path,
            site.call.head,
            f"`{site.function.id}` answers `:ok` after a `send`, which says nothing of whether it arrived",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=Severity.HINT,
            confidence=Confidence.HEURISTIC,
            fix=FixKind.LLM,
        )


def _requests(module: Module) -> Iterator[Sent]:
    """Plain messages with a tag, sent at once and written out here."""
    for message in sent(module):
        if message.way == "info" and message.message.tag is not None and not is_later(message.site.call):
            yield message


def _is_name(server: Term) -> bool:
    return looked_up(server).kind in ("module", "atom")


def _confirms_a_send(source: Source, module: Module, message: Sent) -> bool:
    """`def deliver(pid, mail)` that gives `:ok` whatever became of its message."""
    site = message.site
    if not site.function.public or site.call.closure >= 0 or site.function in callbacks(module):
        return False
    given = {part.value for parameter in site.clause.head for part in parameter.walk() if part.kind == "variable"}
    if not site.function.name.startswith(_HANDS_OVER) or message.server.value not in given:
        return False
    return message.server.kind == "variable" and any(
        syntax.text(node) == ":ok" for node in results(source, site.clause)
    )
