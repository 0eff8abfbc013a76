"""Two readings of one file, what they have in common kept once."""

from __future__ import annotations

from msgspec import structs

from otp_genesis_analyzers.facts.model import FileFacts, Function


def sharing(facts: FileFacts, known: FileFacts) -> FileFacts:
    """The facts, their clauses those of `known` where they are equal."""
    clauses = {
        clause.span: clause
        for module in known.modules
        for function in module.functions
        for clause in function.clauses
    }

    def shared(function: Function) -> Function:
        found = (clauses.get(clause.span) for clause in function.clauses)
        both = zip(function.clauses, found, strict=True)
        return structs.replace(function, clauses=tuple(old if old == new else new for new, old in both))

    modules = (
        structs.replace(module, functions=tuple(map(shared, module.functions))) for module in facts.modules
    )
    return structs.replace(facts, modules=tuple(modules))
