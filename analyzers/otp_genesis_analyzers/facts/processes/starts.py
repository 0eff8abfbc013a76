"""Calls that start a process, and what they say of its ties: link, monitor, name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Call, Function
from otp_genesis_analyzers.terms import Term

Tie = Literal["none", "link", "monitor", "unknown"]
"""What ties the starter to a spawned process; unknown when the options are a variable."""

_SPAWNS: dict[str, Tie] = {"spawn": "none", "spawn_link": "link", "spawn_monitor": "monitor"}
_OPTIONS_AT: dict[str, tuple[int, ...]] = {"Process": (2, 4), "Node": (3, 5), ":erlang": ()}

_SERVERS = frozenset({"GenServer", "GenStage", ":gen_server", ":gen_statem"})
_SUPERVISORS = frozenset({"Supervisor", "DynamicSupervisor", "PartitionSupervisor", "Task.Supervisor"})
_STARTS = frozenset({"start", "start_link"})
_START_FUNCTIONS = frozenset({"start_link", "start", "init", "child_spec", "start_child"})


@dataclass(frozen=True)
class Start:
    """A call like `GenServer.start_link(Shop.Cache, [], name: Shop.Cache)`.

    `module` is the module started; empty when it is not literal, `behaviour` itself for an Agent
    and for a supervisor given a list of children. `name` is the value of `name:`, or all options
    where these are only known at run time.
    """

    behaviour: str
    module: str
    linked: bool
    name: Term | None

    @property
    def is_supervisor(self) -> bool:
        return self.behaviour in _SUPERVISORS

    @property
    def runs_module(self) -> bool:
        """`module` holds the callbacks of the process."""
        return self.module not in ("", self.behaviour)

    @property
    def constant_name(self) -> str:
        """The registered name where it is one and the same at each call: `Shop.Cache`, `:cache`."""
        if self.name is None:
            return ""
        if self.name.kind == "module":
            return self.name.value
        return f":{self.name.value}" if self.name.kind == "atom" and self.name.value != "nil" else ""


def spawn_tie(call: Call) -> Tie | None:
    """How a spawned process is tied to its starter; None when the call spawns nothing."""
    if call.name == "spawn_opt" and call.module == ":erlang":
        return _tie_in(call.args[-1]) if call.args else "unknown"
    if call.name not in _SPAWNS or call.module not in ("Kernel", "Process", "Node", ":erlang"):
        return None
    if call.name == "spawn" and call.arity in _OPTIONS_AT.get(call.module, ()):
        return _tie_in(call.args[-1]) if call.args else "unknown"
    return _SPAWNS[call.name]


def start_of(call: Call) -> Start | None:
    """The server, agent or supervisor that a call starts."""
    if call.name not in _STARTS or call.form == "capture":
        return None
    if call.module not in _SERVERS and call.module not in _SUPERVISORS and call.module != "Agent":
        return None
    return Start(call.module, _started_module(call), call.name == "start_link", _name_given_to(call))


def is_start_function(function: Function) -> bool:
    """Named like the functions in which servers are started for a supervisor."""
    return function.name in _START_FUNCTIONS


def belongs_to_start(graph: CallGraph, function: Function) -> bool:
    """A start function, or a helper that nothing but start functions calls."""
    return _only_run_by(graph, function, _START_FUNCTIONS)


def belongs_to_start_link(graph: CallGraph, function: Function) -> bool:
    """Runs for a supervisor, which takes the process that is started here as its child."""
    return _only_run_by(graph, function, frozenset({"start_link"}))


def _only_run_by(graph: CallGraph, function: Function, names: frozenset[str], callers_up: int = 3) -> bool:
    if function.name in names:
        return True
    if function.kind != "defp" or callers_up == 0:
        return False
    callers = [caller for caller, _, _ in graph.callers(function) if caller is not function]
    return bool(callers) and all(_only_run_by(graph, caller, names, callers_up - 1) for caller in callers)


def _tie_in(options: Term) -> Tie:
    if options.kind != "list" or any(item.kind in ("tail", "variable", "other") for item in options.items):
        return "unknown"
    if any(item.is_atom("link") for item in options.items):
        return "link"
    monitored = any(item.is_atom("monitor") or item.tag == "monitor" for item in options.items)
    return "monitor" if monitored or options.get("monitor") is not None else "none"


def _started_module(call: Call) -> str:
    named_first = call.module.startswith(":") and call.arity == 4
    position = 1 if named_first else 0
    started = call.args[position] if len(call.args) > position else None
    if started is not None and started.kind == "module":
        return started.value
    return "" if call.module in _SERVERS else call.module


def _name_given_to(call: Call) -> Term | None:
    """The name, or the options as a whole where they are no literal list."""
    arguments = call.args
    if call.module.startswith(":"):
        if call.arity != 4 or not arguments:
            return None
        local = arguments[0].tag in ("local", "global") and len(arguments[0].items) == 2
        return arguments[0].items[1] if local else arguments[0]
    first_is_module = bool(arguments) and arguments[0].kind == "module"
    takes_options = {
        "Agent": call.arity in (2, 4),
        "Supervisor": call.arity == (3 if first_is_module else 2),
    }.get(call.module, call.arity == (1 if call.module in _SUPERVISORS and not first_is_module else 3))
    if not takes_options or not arguments:
        return None
    options = arguments[-1]
    return options.get("name") if options.kind == "list" else options
