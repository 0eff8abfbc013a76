"""Whether a message that a server sends itself comes from elsewhere too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from otp_genesis_analyzers.facts.messages.client_api import addressee, looked_up
from otp_genesis_analyzers.facts.messages.shapes import Sent, Way, may_match, sent, sent_by
from otp_genesis_analyzers.facts.model import Call, FileFacts, Function, Module
from otp_genesis_analyzers.facts.processes.addresses import constant_name
from otp_genesis_analyzers.facts.processes.registered_names import registered_names
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.terms import Term

_CARRIERS = frozenset({"Phoenix.PubSub", ":timer", ":rpc", ":erpc"})
"""What their functions are given may reach any server as a message."""
_TO_MANY = ("broadcast", "local_broadcast", "publish", "dispatch", "notify", "abcast")
_HANDLER: Mapping[Way, str] = {
    "call": "handle_call",
    "cast": "handle_cast",
    "info": "handle_info",
    "continue": "handle_continue",
}
_WORDS = (*_TO_MANY, "PubSub", "timer", "rpc", "send", "GenServer", "GenStage", "GenStateMachine", "gen_")
"""One of them stands wherever a message is carried or sent."""
_CALLS_OF_CALLBACKS = (b".init", b".handle_", b"defdelegate")


def sent_by_others(project: Project, module: Module, way: Way, pattern: Term) -> bool:
    """Whether what fits `pattern` comes from anywhere but the plain sends of the server to itself.

    Another module sends it to this server or to an unknown process; a timer or a broadcast carries it;
    a test sends it, or calls the clause that takes it; a message made elsewhere is sent to the server's name;
    another module calls its callbacks.
    """
    names = {module.name, *map(constant_name, registered_names(module))}
    known = project.derived(_by_tag)
    tagged = (
        entry.module.name != module.name
        and other.way == way
        and may_match(pattern, other.message)
        and addressee(entry.module, other.server) in {"", *names}
        for entry, other in known.get(pattern.tag or "", ())
    )
    unknown = (
        other.way == way and constant_name(looked_up(other.server)) in names for _, other in known.get("", ())
    )
    return (
        any(tagged)
        or any(unknown)
        or is_carried(project, module, way, pattern)
        or _is_wrapped(project, module)
    )


def is_carried(project: Project, module: Module, way: Way, pattern: Term) -> bool:
    """Whether a timer, a broadcast or a test brings such a message, or calls the clause that takes it."""
    for facts in project.naming(f":{pattern.tag}", holding=(*_WORDS, _HANDLER[way])):
        outside = not project.role_of(facts.path).is_application_code
        for other, function, call in _calls(facts):
            if _carries(call, pattern):
                return True
            if other.name != module.name and (
                (outside and _sends(call, way, pattern))
                or _leads_to(call, function, module, way, pattern)
                or (call.name.startswith(_TO_MANY) and _names(project, facts.path, call, pattern))
            ):
                return True
    return False


def _is_wrapped(project: Project, module: Module) -> bool:
    """Another server, or a test, calls its callbacks as functions, with messages of its own."""
    return any(
        other.name != module.name and call.module == module.name and call.name in ("init", *_HANDLER.values())
        for path in project.paths_naming(module.name)
        if any(word in project.read(path) for word in _CALLS_OF_CALLBACKS)
        for other, _, call in _calls(project.all_facts(path))
    )


def _carries(call: Call, pattern: Term) -> bool:
    """A timer or a broadcast that is given the message, also as an argument of what it is to call."""
    if call.module not in _CARRIERS:
        return False
    parts = (part for argument in call.args for part in argument.walk())
    return any(part.tag == pattern.tag and may_match(pattern, part) for part in parts)


def _leads_to(call: Call, function: Function, module: Module, way: Way, pattern: Term) -> bool:
    if call.module == module.name:
        return call.name == _HANDLER[way]
    return function.kind in ("test", "block", "body") and _sends(call, way, pattern)


def _sends(call: Call, way: Way, pattern: Term) -> bool:
    message = sent_by(call)
    return message is not None and message[0] == way and may_match(pattern, message[2])


def _names(project: Project, path: str, call: Call, pattern: Term) -> bool:
    """The tag stands among the arguments, or may be what is piped in."""
    return call.piped or f":{pattern.tag}".encode() in project.read(path)[call.span.start : call.span.end]


def _calls(facts: FileFacts) -> Iterator[tuple[Module, Function, Call]]:
    for module in facts.modules:
        for function in module.functions:
            for clause in function.clauses:
                yield from ((module, function, call) for call in clause.calls)


def _by_tag(project: Project) -> Mapping[str, list[tuple[ModuleEntry, Sent]]]:
    """What the application sends, with who sends it."""
    found: dict[str, list[tuple[ModuleEntry, Sent]]] = {}
    for entry in project.application_modules.values():
        for message in sent(entry.module):
            found.setdefault(message.message.tag or "", []).append((entry, message))
    return found
