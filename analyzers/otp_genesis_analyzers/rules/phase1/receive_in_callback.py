from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from otp_genesis_analyzers.facts.call_graph import call_graph
from otp_genesis_analyzers.facts.callbacks import callback_chains
from otp_genesis_analyzers.facts.messages import taken, unwrapped
from otp_genesis_analyzers.facts.model import Call, Clause, Module, Receive
from otp_genesis_analyzers.facts.results import kept_variables
from otp_genesis_analyzers.facts.sites import production_modules
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of
from otp_genesis_analyzers.terms import Term

_LAST_CALLBACKS = ("terminate/2", "terminate/3")


class _Judgement(NamedTuple):
    severity: Severity
    words: str


class ReceiveInCallback(Rule):
    """A callback of a server waits in `receive`, and the server does nothing else meanwhile.

    ## What it does
    Reports `receive` in the callbacks of a server, a view or a channel and in the functions that they call
    in the same process. It is a **warning** when nothing ends the wait, and when the wait for a monitored
    process gives up without `Process.demonitor(ref, [:flush])`. It is **information** when a timeout or the
    end of a process ends it, and a **hint** when that is done with care.

    ## Why it matters on the BEAM
    A server takes one message after the other. While a callback waits, calls queue up, timers are late and
    system messages, `:sys.get_state/1` and the supervisor's order to stop among them, stay unanswered. What
    arrives after a timeout meets `handle_info/2`, which was not written for it.

    ## When it is legitimate
    With `after 0`, to take what has already come. After `Process.cancel_timer/1`, to take the message of a
    timer that went off. In `terminate`, where no other message will be handled. In a function that runs in
    the caller or in another process. None of these is reported.

    ## Use instead
    ```elixir
    def handle_call(:ask, from, state) do
      send(state.peer, {:ask, self()})
      {:noreply, %{state | waiting: from}}
    end

    def handle_info({:answer, answer}, state) do
      GenServer.reply(state.waiting, answer)
      {:noreply, %{state | waiting: nil}}
    end
    ```
    A reply that is given later does not block the server.

    ## Fix safety
    There is no deterministic fix: the callback has to be cut in two where it waits.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#reply/2
    - https://www.erlang.org/doc/system/gen_server_concepts.html
    """

    code = "OTP110"
    name = "receive-in-callback"
    severity = Severity.WARNING
    anchors = ("receive",)
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = []
    VALID: ClassVar = []

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for function_id, chain in callback_chains(call_graph(module)).items():
                function = module.function(*_name_and_arity(function_id))
                if function is None or chain[0] in _LAST_CALLBACKS:
                    continue
                for clause in function.clauses:
                    for receive in clause.receives:
                        judgement = _judge(module, clause, receive)
                        if judgement is not None:
                            yield self._finding(file, scope_of(module, function), chain, receive, judgement)

    def _finding(
        self, file: FileView, scope: str, chain: tuple[str, ...], receive: Receive, judgement: _Judgement
    ) -> Finding:
        through = f" through `{chain[-1]}`" if len(chain) > 1 else ""
        return self.report(
            file.facts.path,
            receive.span,
            f"`{chain[0]}` waits in `receive`{through}: {judgement.words}",
            snippet=file.source.text(receive.span),
            scope=scope,
            severity=judgement.severity,
            fix=FixKind.LLM,
        )


def _name_and_arity(function_id: str) -> tuple[str, int]:
    name, _, arity = function_id.rpartition("/")
    return name, int(arity)


def _judge(module: Module, clause: Clause, receive: Receive) -> _Judgement | None:
    if receive.runs != "here" or _takes_what_is_there(clause, receive):
        return None
    ends_with_process = any(unwrapped(pattern).tag == "DOWN" for pattern in receive.patterns)
    if _waits_for_ever(receive):
        if ends_with_process:
            return _Judgement(Severity.INFORMATION, "until a process ends, the server answers nobody")
        return _Judgement(Severity.WARNING, "without an `after`, nothing ends the wait if no message comes")
    if not _monitors_before(clause, receive):
        return _Judgement(
            Severity.INFORMATION, "meanwhile the server answers nobody, and what comes too late stays to be handled"
        )
    if _demonitors_after(clause, receive):
        return _Judgement(Severity.HINT, "meanwhile the server answers nobody")
    if _takes_any_down(module):
        return _Judgement(Severity.INFORMATION, "meanwhile the server answers nobody")
    return _Judgement(
        Severity.WARNING,
        "after the timeout the monitor stays, and its `:DOWN` meets clauses that were not written for it: "
        "call `Process.demonitor(ref, [:flush])` there",
    )


def _waits_for_ever(receive: Receive) -> bool:
    return not receive.has_after or (receive.after is not None and receive.after.is_atom("infinity"))


def _takes_what_is_there(clause: Clause, receive: Receive) -> bool:
    if receive.after is not None and receive.after.kind == "int" and receive.after.value == "0":
        return True
    return any(
        call.is_to("Process", "cancel_timer") or call.is_to(":erlang", "cancel_timer")
        for call in _before(clause, receive)
    )


def _before(clause: Clause, receive: Receive) -> list[Call]:
    return [call for call in clause.calls if call.span.end <= receive.span.start]


def _monitors_before(clause: Clause, receive: Receive) -> bool:
    return any(call.is_to("Process", "monitor") and kept_variables(call) for call in _before(clause, receive))


def _demonitors_after(clause: Clause, receive: Receive) -> bool:
    return any(
        call.is_to("Process", "demonitor")
        and call.span.start > receive.span.end
        and len(call.args) == 2
        and any(option.is_atom("flush") for option in call.args[1].items)
        for call in clause.calls
    )


def _takes_any_down(module: Module) -> bool:
    """A clause was written for the end of any process for whatever reason: a late message does no harm."""
    return any(
        message.way == "info" and _is_any_down(unwrapped(message.pattern)) for message in taken(module)
    )


def _is_any_down(pattern: Term) -> bool:
    return pattern.tag == "DOWN" and all(item.kind in ("variable", "atom") for item in pattern.items[:-1]) and (
        pattern.items[-1].kind == "variable"
    )
