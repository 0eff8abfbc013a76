"""What other code may rely on is kept: modules, public functions, callbacks, child specs, struct fields.

More of each is fine. Callbacks of OTP are no promise to callers: a `handle_info/2` may become a
`handle_cast/2`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.gates.trial import Failed, Passed, Trial

RANK = 30
_PUBLIC = ("def", "defdelegate", "defmacro")
_SPECIFIED = frozenset(
    {"GenServer", "Supervisor", "DynamicSupervisor", "Agent", "Task", "GenStage", "Registry"}
)


def check(trial: Trial) -> Passed | Failed:
    before = _promised(trial.before, [file.path for file in trial.change.files if file.original_hash])
    after = _promised(
        trial.after, [file.path for file in trial.change.files if file.path not in trial.removed]
    )
    for module, promises in before.items():
        if module not in after:
            return Failed(f"the module {module} would be gone")
        missing = sorted(promises - after[module])
        if missing:
            return Failed(f"{module} would no longer have {_listed(missing)}, which others may use")
    return Passed()


def _promised(project: Project, paths: list[str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for path in paths:
        if path not in project.files or project.role_of(path).is_test:
            continue
        source = Source(path, project.read(path))
        for module in project.all_facts(path).modules:
            found[module.name] = frozenset(_promises(module, source))
    return found


def _promises(module: Module, source: Source) -> Iterator[str]:
    internal = {function.id for function in callbacks(module)}
    for function in module.functions:
        if function.kind in _PUBLIC and function.id not in internal and not _implements(function):
            for arity in range(function.arity - function.defaults, function.arity + 1):
                yield f"{function.name}/{arity}"
    if any(use.module in _SPECIFIED for use in module.uses) or set(module.wrapped) & _SPECIFIED:
        yield "child_spec/1"
    node = source.root.descendant_for_byte_range(module.span.start, module.span.end)
    block = syntax.do_block(node) if node is not None else None
    for statement in syntax.children(block) if block is not None else []:
        yield from _declared(statement)


def _implements(function: Function) -> bool:
    return bool(function.clauses) and all(clause.impl for clause in function.clauses)


def _declared(statement: Node) -> Iterator[str]:
    """The fields of a struct, and the callbacks that a behaviour asks for."""
    if syntax.local_name(statement) in ("defstruct", "defexception"):
        yield "a struct"
        for argument in syntax.arguments(statement):
            yield from (f"the field {name}" for name in _field_names(argument))
    operand = syntax.operand(statement) if statement.type == "unary_operator" else None
    if operand is not None and syntax.local_name(operand) in ("callback", "macrocallback"):
        for argument in syntax.arguments(operand):
            head = syntax.left(argument) if argument.type == "binary_operator" else argument
            if head is not None and syntax.operator(argument) == "when":
                head = syntax.left(head) if head.type == "binary_operator" else head
            if head is not None and head.type == "call":
                yield f"the callback {syntax.local_name(head)}/{len(syntax.arguments(head))}"


def _field_names(node: Node) -> Iterator[str]:
    if node.type == "atom":
        yield syntax.text(node).lstrip(":")
    elif node.type == "pair":
        yield syntax.text(node.named_children[0]).strip().rstrip(":")
    elif node.type in ("list", "keywords"):
        for child in syntax.children(node):
            yield from _field_names(child)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
