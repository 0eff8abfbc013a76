"""The messages of a project: which server each goes to, and whether any clause of it can take the message."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from otp_genesis_analyzers.across_modules.servers import server_named
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, sites
from otp_genesis_analyzers.facts.messages.client_api import looked_up
from otp_genesis_analyzers.facts.messages.shapes import (
    Sent,
    Taken,
    Way,
    has_shape_of,
    is_later,
    may_match,
    sent,
    sent_by,
    taken,
)
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.registered_names import is_self
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.terms import Term

HANDLER: Mapping[Way, str] = {
    "call": "handle_call/3",
    "cast": "handle_cast/2",
    "info": "handle_info/2",
}

_TAKES_BY_CLAUSES = frozenset({"GenServer", "GenStage", ":gen_server"})
_BRINGS_NO_CLAUSES = frozenset({"GenServer", "GenStage", "Logger", "Bitwise"})
_PROTOCOL_OF_SUPERVISORS = frozenset(
    {"count_children", "delete_child", "get_childspec", "restart_child", "start_child", "terminate_child"}
    | {"which_children"}
)
_KNOWN_IN_A_BODY = frozenset({"", "Kernel", "Application", "System", "String", "Enum", "Map", "Keyword"})

_SENDING = ("call", "cast", "send")
"""One of them stands wherever a message is sent."""
_NAMES_OF_SERVERS = ("server", "pid", "name", "process", "genserver", "gen_server")
"""What a client function calls the process of its own module."""


class Message(NamedTuple):
    """A message with the file it is sent in, and the server that it goes to."""

    path: str
    sent: Sent
    server: ModuleEntry


def messages(project: Project) -> tuple[Message, ...]:
    """What the application code sends to servers of the project that it names, or from their own module."""
    return project.derived(_messages)


def unmatched(project: Project) -> Iterator[Message]:
    """The messages that no clause of their server can take."""
    for message in (*messages(project), *_sent_to_oneself(project)):
        module, way = message.server.module, message.sent.way
        if shows_all_clauses(module):
            patterns = patterns_of(module, way)
            is_logged = way == "info" and not patterns
            if is_logged or any(may_match(pattern, message.sent.message) for pattern in patterns):
                continue
            if looked_up(message.sent.server).kind != "variable" or _is_own_process(project, message):
                yield message


def _sent_to_oneself(project: Project) -> Iterator[Message]:
    """`send(self(), message)` in the process of a server, at once or by a timer."""
    for path, analysis in sorted(project.files.items()):
        for module in production_modules(analysis.facts, project.role_of(path)):
            if not _is_server(module):
                continue
            own = callback_chains(call_graph(module))
            for message in sent(module):
                site = message.site
                runs_here = site.call.runs == "here" and not site.clause.receives
                if is_self(message.server) and runs_here and _runs_in_server_only(site, own):
                    yield Message(path, message, ModuleEntry(path, module))


def _runs_in_server_only(site: Site, own: Collection[str]) -> bool:
    """A callback, or a private function that callbacks lead to: `init/1` is run by nobody else."""
    is_callback = site.function.clauses[0].impl or site.function.id in (*HANDLER.values(), "init/1")
    return site.function.id in own and (is_callback or not site.function.public)


def _is_own_process(project: Project, message: Message) -> bool:
    """The parameter that is addressed stands for a process of this module, not for that of another.

    It is called so, or another client function addresses it with what the module takes; and no other server
    of the project takes this message.
    """
    module, parameter = message.server.module, message.sent.server.value
    own_names = (*_NAMES_OF_SERVERS, _underscored(module.name.rpartition(".")[2]))
    if parameter not in own_names and not any(_is_taken_from(module, parameter, way) for way in HANDLER):
        return False
    return not any(
        has_shape_of(pattern, message.sent.message)
        for entry in project.application_modules.values()
        if entry.module is not module and _is_server(entry.module)
        for pattern in patterns_of(entry.module, message.sent.way)
    )


def _is_taken_from(module: Module, parameter: str, way: Way) -> bool:
    """A client function of the module sends the process in `parameter` what the module takes."""
    return any(
        other.way == way
        and other.server.value == parameter
        and _is_first(other)
        and has_shape_of(pattern, other.message)
        for other in sent(module)
        for pattern in patterns_of(module, way)
    )


def _underscored(name: str) -> str:
    """`print_queue` for `PrintQueue`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def patterns_of(module: Module, way: Way) -> tuple[Term, ...]:
    """The patterns of the messages that a server takes in one way."""
    return tuple(clause.pattern for clause in taken(module) if clause.way == way)


def shows_all_clauses(module: Module) -> bool:
    """It says that it is a server, and no macro can bring a clause that is not written in it."""
    if not module.complete or not _is_server(module):
        return False
    if any(use.module not in _BRINGS_NO_CLAUSES for use in module.uses):
        return False
    if any(attribute.name in ("before_compile", "after_compile") for attribute in module.attributes):
        return False
    for function in module.functions:
        if function.kind == "block" or (function.kind == "defdelegate" and function.id in HANDLER.values()):
            return False
        if function.kind == "body" and any(
            call.module not in _KNOWN_IN_A_BODY and not call.module.startswith(":")
            for clause in function.clauses
            for call in clause.calls
        ):
            return False
    return True


def unsent(project: Project) -> Iterator[tuple[ModuleEntry, Taken]]:
    """The clauses for calls and casts with a tag that no code of the application sends.

    None of a published library, which others may call, and none of a server that is sent messages which only
    the run time knows, or none at all that anybody sees: who talks to it is out of sight.
    """
    tags, open_to = project.derived(_sent_tags)
    addressed = {message.server.module.name for message in messages(project)}
    for path, analysis in sorted(project.files.items()):
        app = project.app_of(path)
        for module in production_modules(analysis.facts, project.role_of(path)):
            if app is None or app.packaged or module.name in open_to or not shows_all_clauses(module):
                continue
            if module.name not in addressed and not any(message.way != "info" for message in sent(module)):
                continue
            known = tags | _PROTOCOL_OF_SUPERVISORS
            for clause in taken(module):
                tag = _tag(clause.pattern)
                if clause.way in ("call", "cast") and tag and tag not in known:
                    yield ModuleEntry(path, module), clause


def is_sent(project: Project, tag: str) -> bool:
    """Some code of the project, tests included, sends a message with this tag, to whomever."""
    return tag in project.derived(_sent_tags)[0] or any(
        tag == _tag(message[2])
        for facts in project.naming(f":{tag}", holding=_SENDING)
        if not project.role_of(facts.path).is_application_code
        for module in facts.modules
        for site in sites(module)
        if (message := sent_by(site.call)) is not None
    )


def _messages(project: Project) -> tuple[Message, ...]:
    return tuple(
        Message(path, message, server)
        for path, analysis in sorted(project.files.items())
        for module in production_modules(analysis.facts, project.role_of(path))
        for message in sent(module)
        if not is_later(message.site.call)
        if (server := _server(project, ModuleEntry(path, module), message)) is not None
    )


def _server(project: Project, entry: ModuleEntry, message: Sent) -> ModuleEntry | None:
    """Who is certainly addressed: a registered name, or in the client part of a server the server itself."""
    name = looked_up(message.server)
    if name.kind in ("module", "atom"):
        return server_named(project, name)
    if message.way == "info" or not _is_server(entry.module):
        return None
    site = message.site
    is_client = site.function.public and site.function.id not in callback_chains(call_graph(entry.module))
    return entry if is_client and message.server.kind == "variable" and _is_first(message) else None


def _is_first(message: Sent) -> bool:
    """The addressee is the first parameter, as it is in client functions."""
    head = message.site.clause.head
    first = head[0] if head else None
    if first is not None and first.kind == "operator" and first.value == "\\\\":
        first = first.items[0]
    return message.site.call.closure < 0 and first == message.server


def _sent_tags(project: Project) -> tuple[frozenset[str], frozenset[str]]:
    """Every tag that the application sends, and the modules to or in which it sends unknown messages."""
    tags: set[str] = set()
    open_to: set[str] = set()
    for module, call in _calls(project):
        message = sent_by(call)
        tag = _tag(message[2]) if message is not None else ""
        if message is not None and tag:
            tags.add(tag)
        elif message is not None:
            open_to.add(module.name)
            name = looked_up(message[1])
            server = server_named(project, name) if name.kind in ("module", "atom") else None
            if server is not None:
                open_to.add(server.module.name)
    return frozenset(tags), frozenset(open_to)


def _calls(project: Project) -> Iterator[tuple[Module, Call]]:
    for entry in project.application_modules.values():
        yield from ((entry.module, site.call) for site in sites(entry.module))


def _is_server(module: Module) -> bool:
    named = (*(use.module for use in module.uses), *module.behaviours)
    return any(name in _TAKES_BY_CLAUSES for name in named)


def _tag(term: Term) -> str:
    if term.kind == "match":
        return next((tag for part in term.items if (tag := _tag(part))), "")
    return term.tag or ""
