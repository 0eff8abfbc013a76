"""A fix reaches for nothing that the program left alone before: commands, the environment, the network.

Files are such too, unless the finding is about state that is lost, which has to be kept somewhere.
Code that is run from a string counts, since nobody can see what it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.gates.trial import Failed, NotRun, Passed, Trial

RANK = 35
_STATE_PHASE = 2
_ANY = frozenset[str]()
_FILES: Mapping[str, frozenset[str]] = {"File": _ANY, ":file": _ANY, ":prim_file": _ANY, ":dets": _ANY}
_WORLD: Mapping[str, frozenset[str]] = {
    "System": frozenset(
        {"cmd", "shell", "halt", "stop", "get_env", "fetch_env", "fetch_env!", "put_env", "delete_env"}
    ),
    "Port": frozenset({"open"}),
    "Code": frozenset({"eval_string", "eval_quoted", "eval_file", "compile_string", "compile_quoted"})
    | {"require_file", "compile_file", "put_compiler_option", "compiler_options"},
    "Node": frozenset({"connect", "start", "spawn", "spawn_link"}),
    ":os": frozenset({"cmd", "getenv", "putenv"}),
    ":erlang": frozenset({"open_port", "halt", "load_nif", "binary_to_term"}),
    ":init": _ANY,
    ":httpc": _ANY,
    ":gen_tcp": _ANY,
    ":gen_udp": _ANY,
    ":ssl": _ANY,
    ":ssh": _ANY,
    ":inets": _ANY,
}
"""Functions by module; none means all of them."""

_SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD")


def check(trial: Trial) -> Passed | Failed | NotRun:
    if trial.finding is None:
        return _unasked(trial)
    watched = _WORLD if trial.finding.phase == _STATE_PHASE else {**_WORLD, **_FILES}
    paths = [file.path for file in trial.change.files]
    known = {_kind(call, watched) for call in _reached(trial.before, paths, watched)}
    for call in _reached(trial.after, paths, watched):
        if _kind(call, watched) not in known:
            return Failed(
                f"it would call {call.target}, which the code did not do before and"
                f" {trial.finding.code} does not ask for"
            )
    return Passed()


def _unasked(trial: Trial) -> Failed | NotRun:
    """Nobody knows what a change without a finding is for, but for keys and foreign folders it is not."""
    watched = {**_WORLD, **_FILES}
    paths = [file.path for file in trial.change.files]
    known = {call.args for call in _reached(trial.before, paths, watched)}
    for call in _reached(trial.after, paths, watched):
        if call.args not in known and _goes_too_far(call):
            return Failed(f"it would call {call.target} with {call.args[0].value!r}")
    return NotRun("no finding was named, so the change may be for anything", applies=False)


def _goes_too_far(call: Call) -> bool:
    if not call.args or call.args[0].kind != "string":
        return False
    text = call.args[0].value
    if call.module in _FILES:
        return text.startswith(("/", "~", "../")) and not text.startswith("/tmp/")
    return any(word in text.upper() for word in _SECRET_WORDS)


def _kind(call: Call, watched: Mapping[str, frozenset[str]]) -> str:
    """What is reached for: where all functions of a module are watched, they are one."""
    return call.target if watched[call.module] else call.module


def _reached(project: Project, paths: list[str], watched: Mapping[str, frozenset[str]]) -> Iterator[Call]:
    for path in paths:
        if path not in project.files or project.role_of(path).is_test:
            continue
        for module in project.all_facts(path).modules:
            for function in module.functions:
                for clause in function.clauses:
                    yield from (call for call in clause.calls if _is_watched(call, watched))


def _is_watched(call: Call, watched: Mapping[str, frozenset[str]]) -> bool:
    names = watched.get(call.module)
    return names is not None and (not names or call.name in names)
