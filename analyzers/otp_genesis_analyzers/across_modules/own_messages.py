"""Whether a message that a server sends itself comes from other modules too."""

from __future__ import annotations

from collections.abc import Mapping

from otp_genesis_analyzers.facts.messages.client_api import addressee
from otp_genesis_analyzers.facts.messages.shapes import Sent, Way, may_match, sent
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.addresses import constant_name
from otp_genesis_analyzers.facts.processes.registered_names import registered_names
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.terms import Term


def sent_by_others(project: Project, module: Module, way: Way, pattern: Term) -> bool:
    """Another module, of the tests too, sends what fits `pattern` to this server or to an unknown process."""
    names = {"", module.name, *map(constant_name, registered_names(module))}
    return any(
        entry.module.name != module.name
        and other.way == way
        and may_match(pattern, other.message)
        and addressee(entry.module, other.server) in names
        for entry, other in project.derived(_by_tag).get(pattern.tag or "", ())
    )


def _by_tag(project: Project) -> Mapping[str, list[tuple[ModuleEntry, Sent]]]:
    found: dict[str, list[tuple[ModuleEntry, Sent]]] = {}
    for path, analysis in project.files.items():
        for module in analysis.facts.modules:
            for message in sent(module):
                found.setdefault(message.message.tag or "", []).append((ModuleEntry(path, module), message))
    return found
