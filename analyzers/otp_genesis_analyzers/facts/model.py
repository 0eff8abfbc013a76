"""What one file says, as plain frozen data that can be cached and sent between processes.

A file holds modules, a module functions, a function clauses, a clause calls, closures and
receives. Everything that a rule asks for is derived from these by functions, never stored twice.
"""

from __future__ import annotations

from sys import intern
from typing import Literal

from msgspec import Struct
from msgspec.structs import force_setattr

from otp_genesis_analyzers.source import Span
from otp_genesis_analyzers.terms import Term

Result = Literal[
    "discarded",  # a statement whose value nobody takes
    "returned",  # the value of the function clause
    "yielded",  # the value of the closure it stands in
    "bound",  # the right side of `=`
    "piped",  # the left side of `|>`
    "argument",  # an argument of another call
    "subject",  # matched by case, with, for
    "tested",  # the condition of if, cond, &&, ||
    "stored",  # inside a tuple, list or map that is built
]
"""What happens to the value of a call."""

Runs = Literal["here", "elsewhere", "unknown"]
"""In which process code runs: the process that entered the function, another, or not known.

A `fn` handed to Enum runs here, one handed to Task.start elsewhere; one that is stored,
returned, or handed to a function we know nothing about is unknown.
"""

CallForm = Literal["call", "capture", "apply"]

ModuleKind = Literal["defmodule", "defimpl", "defprotocol"]

FunctionKind = Literal[
    "def",
    "defp",
    "defmacro",
    "defmacrop",
    "defdelegate",
    "defguard",
    "test",  # test, setup, setup_all, on the module's level
    "block",  # the do block of any other macro on the module's level
    "body",  # what stands directly in the module
]


class Call(Struct, frozen=True, array_like=True, gc=False):
    """One call site, with its arity counted as Elixir counts it: the piped argument included.

    `module` is the full name ("Task.Supervisor", ":ets", "Kernel" for spawn, send and the like),
    empty for a local call, "?" when the receiver is only known at run time.
    `args` is filled for calls of OTP and the standard library (`OTP_MODULES`) and for what a
    `defdelegate` calls, which counts as `apply`, else empty.
    `head` covers `Task.start`, `spawn`, `&spawn/1`; `span` the whole call without what is piped in.
    """

    module: str
    name: str
    arity: int
    head: Span
    span: Span
    form: CallForm
    result: Result
    runs: Runs
    closure: int
    """Index into the clause's closures, -1 outside any."""
    piped: bool = False
    args: tuple[Term, ...] = ()
    bound_to: Term | None = None
    """The pattern on the left of `=` when the result is bound."""
    guarded_by_rescue: bool = False
    """Stands in the `do` part of a `try` or of a function with rescue or catch."""
    branch: tuple[int, ...] = ()
    """Start offsets of the enclosing branches (case, if, with, rescue clauses), outermost first."""

    def __post_init__(self) -> None:
        # Most names are repeated all over a project. What is decoded would hold each of them anew, and
        # each number.
        force_setattr(self, "module", intern(self.module))
        force_setattr(self, "name", intern(self.name))
        if self.head.start == self.span.start:
            force_setattr(self.head, "start", self.span.start)

    @property
    def target(self) -> str:
        """`Task.start/1`, `notify/2`."""
        prefix = f"{self.module}." if self.module else ""
        return f"{prefix}{self.name}/{self.arity}"

    def is_to(self, module: str, *names: str) -> bool:
        return self.module == module and self.name in names


class Closure(Struct, frozen=True, array_like=True, gc=False):
    """A `fn` or `&(...)` and who receives it (`Task.start/1`; empty when nobody known does)."""

    span: Span
    runs: Runs
    receiver: str
    parent: int
    params: tuple[Term, ...] = ()


class Receive(Struct, frozen=True, array_like=True, gc=False):
    span: Span
    runs: Runs
    closure: int
    patterns: tuple[Term, ...]
    has_after: bool
    after: Term | None = None


class Clause(Struct, frozen=True, array_like=True):
    """One clause of a function, or one test block."""

    span: Span
    name_span: Span
    head: tuple[Term, ...]
    guard: Span | None
    body: Span | None
    calls: tuple[Call, ...]
    closures: tuple[Closure, ...]
    receives: tuple[Receive, ...]
    impl: bool = False

    def __post_init__(self) -> None:
        kept: dict[tuple[int, ...], tuple[int, ...]] = {}
        for call in self.calls:
            if call.branch:
                force_setattr(call, "branch", kept.setdefault(call.branch, call.branch))


class Function(Struct, frozen=True, array_like=True):
    """All clauses of a name and arity in one module. `arity` counts the defaults in."""

    kind: FunctionKind
    name: str
    arity: int
    defaults: int
    clauses: tuple[Clause, ...]

    def __post_init__(self) -> None:
        force_setattr(self, "kind", intern(self.kind))
        force_setattr(self, "name", intern(self.name))

    @property
    def public(self) -> bool:
        return self.kind in ("def", "defdelegate")

    @property
    def id(self) -> str:
        return f"{self.name}/{self.arity}"

    def accepts(self, arity: int) -> bool:
        return self.arity - self.defaults <= arity <= self.arity


class Use(Struct, frozen=True, array_like=True, gc=False):
    """`use Module, options`."""

    module: str
    options: Term | None
    span: Span


class Import(Struct, frozen=True, array_like=True, gc=False):
    """`import Module`; `only` and `excepted` hold `name/arity`, `only` is None when all are."""

    module: str
    only: tuple[str, ...] | None
    excepted: tuple[str, ...]
    span: Span


class Child(Struct, frozen=True, array_like=True, gc=False):
    """One entry of a child list.

    `module` is the module started ("Task.Supervisor"; empty when not known), `argument` what its
    start function is given, `name` the registered name when it is literal, `start` the
    `Module.function/arity` of an explicit `start:`, `restart` what the list itself says ("?" when
    that is only known at run time).
    """

    module: str
    span: Span
    argument: Term | None = None
    name: str = ""
    start: str = ""
    restart: str = ""
    id: str = ""
    conditional: bool = False
    """Only started in some configuration: it stands in an `if`, a `case`, a filtered list."""


class ChildList(Struct, frozen=True, array_like=True):
    """The children that one call of `Supervisor.start_link`, `Supervisor.init`, `start_child` gives.

    `complete` is false when part of the list is only known at run time (`++ extra()`, a filter).
    `includes` names functions, `Module.name/arity`, whose result is part of the list.
    """

    kind: Literal["static", "dynamic", "test"]
    span: Span
    function: str
    """`name/arity` of the function that the call stands in."""
    children: tuple[Child, ...]
    complete: bool
    strategy: str = ""
    supervisor: str = ""
    """Registered name or module that children are added to; empty for the module's own tree."""
    includes: tuple[str, ...] = ()
    options: Term | None = None


class Attribute(Struct, frozen=True, array_like=True, gc=False):
    name: str
    value: Term
    span: Span


class Module(Struct, frozen=True, array_like=True):
    """One `defmodule`, `defimpl` or `defprotocol`. Nested modules are modules of their own.

    `complete` is false when the file is broken somewhere in or after the module: what is absent
    from the facts may then only be out of sight, and no rule may conclude from its absence.
    """

    kind: ModuleKind
    name: str
    name_span: Span
    span: Span
    complete: bool
    uses: tuple[Use, ...]
    behaviours: tuple[str, ...]
    imports: tuple[Import, ...]
    attributes: tuple[Attribute, ...]
    functions: tuple[Function, ...]
    child_lists: tuple[ChildList, ...]
    injects: tuple[tuple[str, Use], ...] = ()
    """`use` directives inside `quote`, by the function that quotes them: what `use ThisModule` adds."""
    wrapped: tuple[str, ...] = ()
    """What the wrappers of the project that it uses bring: their names, what they use for it (GenServer for
    `use MyApp.Server`), the functions that they define (`start_link/1`), `?` for what can't be told."""
    quoted: tuple[str, ...] = ()
    """The functions that `use ThisModule` defines, `start_link/1`; `?` for what can't be told."""

    def function(self, name: str, arity: int) -> Function | None:
        for function in self.functions:
            if function.name == name and function.accepts(arity):
                return function
        return None


class Suppression(Struct, frozen=True, array_like=True, gc=False):
    """`# otp-genesis:ignore OTP101 -- reason`; `line` is 0-based, -1 for the whole file."""

    rules: tuple[str, ...]
    reason: str
    line: int
    span: Span


class FileFacts(Struct, frozen=True, array_like=True):
    path: str
    modules: tuple[Module, ...]
    suppressions: tuple[Suppression, ...]
    broken: bool
    """The tree has errors and these facts are of its healthy part only."""
    references: tuple[str, ...] = ()
    """Every module named in the file, resolved, sorted."""
    mentions: tuple[str, ...] = ()
    """The modules named as values (`{Shop.Cache, []}`), not as the receiver of a call; sorted."""
    unread: tuple[str, ...] = ()
    """Modules, as they are written, of a file in which nothing can matter by itself."""
    whole: bool = False
    """Every definition was read. Else some are known by their heads alone."""

    def __post_init__(self) -> None:
        force_setattr(self, "references", tuple(map(intern, self.references)))
