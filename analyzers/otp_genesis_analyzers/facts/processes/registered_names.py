"""The names under which a module's server is registered, as far as the module itself says."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.processes.starts import start_of
from otp_genesis_analyzers.terms import Term

_CONSTANT = frozenset({"module", "atom", "tuple", "string", "int"})


def registered_names(module: Module) -> tuple[Term, ...]:
    """The constant names that its start functions or `init` give it: `Shop.Cart`, `:cart`."""
    return tuple(dict.fromkeys(name for name in _names(module) if _is_constant(name)))


def _names(module: Module) -> Iterator[Term]:
    for call in _calls(module):
        start = start_of(call)
        if start is not None and not start.is_supervisor and start.module in (module.name, "Agent", ""):
            if start.name is not None:
                yield start.name
        elif call.is_to("Process", "register") and len(call.args) == 2 and is_self(call.args[0]):
            yield call.args[1]


def is_self(term: Term) -> bool:
    """`self()`."""
    return term.kind == "call" and term.value in ("self", "Kernel.self", ":erlang.self") and not term.items


def _is_constant(name: Term) -> bool:
    return not name.is_atom("nil") and all(part.kind in _CONSTANT for part in name.walk())


def _calls(module: Module) -> Iterator[Call]:
    for function in module.functions:
        for clause in function.clauses:
            yield from clause.calls
