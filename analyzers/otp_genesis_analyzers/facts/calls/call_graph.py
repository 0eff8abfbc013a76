"""Who calls whom inside one module, in the same process.

Edges are calls that run here: what a `fn` handed to a task or a new process calls is no edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module

Chain = tuple[str, ...]
"""`name/arity` of each function on a way through the module, the first caller first."""
Edge = tuple[Call, Function]


@dataclass(frozen=True)
class CallGraph:
    module: Module
    functions: Mapping[str, Function]
    _by_call: Mapping[tuple[str, int], Function] = field(repr=False)
    _edges: dict[str, tuple[Edge, ...]] = field(default_factory=dict[str, "tuple[Edge, ...]"], repr=False)
    _reached: dict[Chain, Mapping[str, Chain]] = field(
        default_factory=dict[Chain, Mapping[str, Chain]], repr=False
    )
    """What was asked before, by function and by roots: rules ask anew for each call of a module."""
    _callers: dict[str, list[tuple[Function, Clause, Call]]] = field(
        default_factory=dict[str, "list[tuple[Function, Clause, Call]]"], repr=False
    )

    def target(self, call: Call) -> Function | None:
        """The function of this module that a call reaches."""
        if call.module not in ("", self.module.name):
            return None
        return self._by_call.get((call.name, call.arity))

    def named(self, reference: str) -> Function | None:
        """The function behind `name/arity`, defaults counted out."""
        name, _, arity = reference.rpartition("/")
        return self._by_call.get((name, int(arity))) if arity.isdigit() else None

    def edges(self, function: Function) -> tuple[Edge, ...]:
        """The calls in `function` that go on in this module and in the same process.

        What is captured counts where its receiver calls it at once: `Enum.map(carts, &total/1)`.
        """
        if function.id not in self._edges:
            calls = (call for clause in function.clauses for call in clause.calls if call.runs == "here")
            edges = ((call, self.target(call)) for call in calls)
            self._edges[function.id] = tuple((call, to) for call, to in edges if to is not None)
        return self._edges[function.id]

    def reached(self, roots: Iterable[Function]) -> Mapping[str, Chain]:
        """Every function that runs when a root does, with a shortest chain to it; roots included."""
        ids = tuple(dict.fromkeys(root.id for root in roots))
        if ids not in self._reached:
            self._reached[ids] = self._chains(ids)
        return self._reached[ids]

    def _chains(self, roots: Chain) -> dict[str, Chain]:
        chains: dict[str, Chain] = {root: (root,) for root in roots}
        waiting = list(chains)
        for function_id in waiting:
            for _, target in self.edges(self.functions[function_id]):
                if target.id not in chains:
                    chains[target.id] = (*chains[function_id], target.id)
                    waiting.append(target.id)
        return chains

    def callers(self, function: Function) -> Iterator[tuple[Function, Clause, Call]]:
        """Every place in the module that calls or captures `function`, in whatever process."""
        if not self._callers:
            self._callers.update(self._all_callers())  # at once: several threads may ask
        yield from self._callers.get(function.id, ())

    def _all_callers(self) -> dict[str, list[tuple[Function, Clause, Call]]]:
        callers: dict[str, list[tuple[Function, Clause, Call]]] = {}
        for caller in self.functions.values():
            for clause in caller.clauses:
                for call in clause.calls:
                    target = self.target(call)
                    if target is not None:
                        callers.setdefault(target.id, []).append((caller, clause, call))
        return callers


class _Same:
    """Equal to itself alone: to compare what two modules hold takes longer than what is kept here."""

    __slots__ = ("module",)

    def __init__(self, module: Module) -> None:
        self.module = module

    def __hash__(self) -> int:
        return id(self.module)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.module is other.module


def call_graph(module: Module) -> CallGraph:
    """One after another, the rules ask for the graphs of the modules of one file."""
    return _call_graph(_Same(module))


@lru_cache(maxsize=16)
def _call_graph(same: _Same) -> CallGraph:
    module = same.module
    functions = {function.id: function for function in module.functions}
    by_call: dict[tuple[str, int], Function] = {}
    for function in module.functions:
        for arity in range(function.arity - function.defaults, function.arity + 1):
            by_call.setdefault((function.name, arity), function)
    return CallGraph(module, functions, by_call)
