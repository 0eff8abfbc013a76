from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.call_graph import call_graph
from otp_genesis_analyzers.facts.callbacks import callback_chains
from otp_genesis_analyzers.facts.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.sites import Site, production_modules, sites
from otp_genesis_analyzers.facts.stray_messages import Fate, fate_of_stray_message
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_WHAT_HAPPENS: dict[Fate, str] = {
    "logged": "the message is logged and dropped",
    "crash": "no clause matches the message, so it ends the server",
    "ignored": "the last clause drops the message",
}


class MonitorWithoutDown(Rule):
    """A server monitors a process, and no clause of it takes the `:DOWN` message.

    ## What it does
    Reports `Process.monitor` in the callbacks of a GenServer, GenStage or state machine, and in the
    functions that they call, when nothing in the module names `:DOWN` or the tag given as `tag:`.

    ## Why it matters on the BEAM
    A monitor has one effect: a message when the monitored process ends. A server that doesn't take the
    message keeps what it stored for the process for ever. Where `handle_info/2` has clauses but none that
    fits, the message even ends the server. Without any `handle_info/2`, `use GenServer` logs it.

    ## When it is legitimate
    When the message is taken: by a clause, by a `receive`, by a last clause that hands everything on to
    another function. In a module that is no process itself, since the message goes to whoever calls it. In
    views and channels, whose hooks take messages too. None of these is reported, nor is code in tests.

    ## Use instead
    ```elixir
    def handle_info({:DOWN, _ref, :process, pid, _reason}, state) do
      {:noreply, %{state | listeners: List.delete(state.listeners, pid)}}
    end
    ```
    The clause needs no `Process.demonitor/2`: a monitor is gone once its message has come.

    ## Fix safety
    Unsafe. The fix adds a clause that takes the pid out of the one container that it was put in. Whether
    more has to be cleaned up is not known to it.

    ## References
    - https://hexdocs.pm/elixir/Process.html#monitor/1
    - https://hexdocs.pm/elixir/GenServer.html#module-receiving-regular-messages
    """

    code = "OTP108"
    name = "monitor-without-down"
    severity = Severity.WARNING
    anchors = ("monitor",)
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = []
    VALID: ClassVar = []

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            if module.complete and kinds(module) & SERVERS:
                for site in _monitors(module):
                    fate = fate_of_stray_message(file.source, module)
                    if fate in _WHAT_HAPPENS and not _takes_down(file.source, module, site.call):
                        yield self._finding(file, site, fate)

    def _finding(self, file: FileView, site: Site, fate: Fate) -> Finding:
        tag = _tag(site.call)
        return self.report(
            file.facts.path,
            site.call.head,
            f"`{site.module.name}` monitors a process but takes no `:{tag}`: {_WHAT_HAPPENS[fate]}",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            fix=FixKind.UNSAFE if tag == "DOWN" and site.call.form == "call" else FixKind.LLM,
        )


def _monitors(module: Module) -> Iterator[Site]:
    """The monitors that the server itself sets up."""
    inside = callback_chains(call_graph(module))
    for site in sites(module):
        if site.call.runs == "here" and site.function.id in inside and _monitors_process(site):
            yield site


def _monitors_process(site: Site) -> bool:
    if site.call.form == "capture" or not _is_monitor(site.call):
        return False
    return not any(call.is_to("Process", "demonitor") for call in site.clause.calls)


def _is_monitor(call: Call) -> bool:
    if call.is_to("Process", "monitor"):
        return True
    return call.is_to(":erlang", "monitor") and bool(call.args) and call.args[0].is_atom("process")


def _tag(call: Call) -> str:
    """The atom at the head of the message that will come; empty where it is only known at run time."""
    options = call.args[-1] if call.args else None
    if options is None or options.kind != "list":
        return "DOWN" if call.arity < (2 if call.module == "Process" else 3) else ""
    tag = options.get("tag")
    return "DOWN" if tag is None else _head(tag)


def _head(tag: Term) -> str:
    return tag.tag or ""


def _takes_down(source: Source, module: Module, call: Call) -> bool:
    """The tag stands somewhere in the module: in the head of a clause, a `receive`, a `case`."""
    tag = _tag(call)
    if not tag:
        return True
    nodes = [source.node_at(module.span)]
    while nodes:
        node = nodes.pop()
        outside = node.end_byte <= call.span.start or call.span.end <= node.start_byte
        if outside and node.type == "atom" and syntax.text(node) == f":{tag}":
            return True
        nodes += node.named_children
    return False
