"""What a name means at a place: aliases, imports and module attributes, by lexical scope.

A scope is frozen. A directive gives a new one; leaving a block goes back to the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from otp_genesis_analyzers.facts.model import Import
from otp_genesis_analyzers.terms import Term

KERNEL_PROCESS_FUNCTIONS = frozenset(
    {
        "spawn/1",
        "spawn/3",
        "spawn_link/1",
        "spawn_link/3",
        "spawn_monitor/1",
        "spawn_monitor/3",
        "send/2",
        "apply/2",
        "apply/3",
        "exit/1",
        "self/0",
        "then/2",
        "tap/2",
    }
)
"""The functions of Kernel that the facts name; all others are left as local calls."""

_KERNEL_NAMES = frozenset(function.partition("/")[0] for function in KERNEL_PROCESS_FUNCTIONS)


@dataclass(frozen=True, slots=True)
class Scope:
    module: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    imports: tuple[Import, ...] = ()
    attributes: Mapping[str, Term] = field(default_factory=dict[str, Term])

    def resolve(self, written: str) -> str:
        """The full name of a module as it is written here."""
        head, dot, rest = written.partition(".")
        if head == "Elixir":
            return rest or head
        module = self.aliases.get(head)
        return written if module is None else module + dot + rest

    def with_alias(self, name: str, module: str) -> Scope:
        return replace(self, aliases={**self.aliases, name: module})

    def with_import(self, directive: Import) -> Scope:
        return replace(self, imports=(*self.imports, directive))

    def with_attribute(self, name: str, value: Term) -> Scope:
        return replace(self, attributes={**self.attributes, name: value})

    def inside(self, module: str) -> Scope:
        """The scope in which the body of a module starts: attributes are not inherited."""
        return replace(self, module=module, attributes={})

    def home_of(self, name: str, arity: int) -> str:
        """The module that a local call reaches by import; empty when that is not known.

        "Kernel" only for `KERNEL_PROCESS_FUNCTIONS` that no import takes away.
        """
        if not self.imports and name not in _KERNEL_NAMES:
            return ""
        function = f"{name}/{arity}"
        for directive in reversed(self.imports):
            if directive.only is not None and function in directive.only:
                return directive.module
        if function not in KERNEL_PROCESS_FUNCTIONS:
            return ""
        for directive in self.imports:
            if directive.module != "Kernel":
                continue
            if function in directive.excepted:
                return ""
            if directive.only is not None and function not in directive.only:
                return ""
        return "Kernel"
