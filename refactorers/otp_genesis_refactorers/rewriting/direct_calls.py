"""Who calls a callback as a function: tests do, and servers that wrap another one."""

from __future__ import annotations

from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.rewriting.call_site import place


def direct_call_refusal(project: Project, module: Module, callback: str, then: str) -> Refused | None:
    """Why a callback can't change: a place outside of its module calls it.

    `callback` is `init/1` or the like, `then` what the caller would get from it: "would return `:ignore`".
    """
    name, _, arity = callback.partition("/")
    for facts in project.naming(module.name):
        for other in facts.modules:
            calls = (
                call
                for function in other.functions
                for clause in function.clauses
                for call in clause.calls
                if other.name != module.name
            )
            for call in calls:
                if call.module == module.name and call.name == name and call.arity == int(arity):
                    where = place(Source(facts.path, project.read(facts.path)), call.head.start)
                    return Refused(
                        f"`{module.name}.{callback}` is called as a function at {where}, and {then} from "
                        f"now on: let {where} ask a running server first"
                    )
    return None
