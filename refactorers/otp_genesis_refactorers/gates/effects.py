"""A fix reaches for nothing that the program left alone before: commands, the environment, the network.

Files are such too, unless the finding is about state that is lost, which has to be kept somewhere.
Code that is run from a string counts, since nobody can see what it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from otp_genesis_analyzers.facts.model import Call, FileFacts
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

_HIDING: Mapping[str, frozenset[str]] = {
    "Kernel": frozenset({"apply"}),
    ":erlang": frozenset({"apply"}),
    ":rpc": _ANY,
    ":erpc": _ANY,
    "Function": frozenset({"capture"}),
    "Module": frozenset({"concat", "safe_concat"}),
    "?": frozenset({"cmd", "shell", "eval_string", "eval_quoted", "eval_file", "open_port", "load_nif"}),
}
"""What can call anything, where the function is not written out: nobody can see what it reaches for."""

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
                f"it would call {_target(call, watched)}, which the code did not do before and"
                f" {trial.finding.code} does not ask for"
            )
    return _beyond(trial, paths) or Passed()


def reach_of(facts: FileFacts) -> str:
    """The first call of a file that reaches out of the program, such as `System.cmd/2`; empty without one."""
    watched = {**_WORLD, **_FILES}
    return next((_target(call, watched) for call in _calls(facts) if _is_watched(call, watched)), "")


def _beyond(trial: Trial, paths: list[str]) -> Failed | None:
    """State may be kept in files, but not in just any, and none is there to be read that is not its own."""
    known = {call.args for call in _reached(trial.before, paths, _FILES)}
    for call in _reached(trial.after, paths, _FILES):
        if call.args not in known and _goes_too_far(call):
            return Failed(f"it would call {call.target} with {call.args[0].value!r}")
    return None


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
    kind = _target(call, watched) if watched.get(call.module, call.target) else call.module
    return kind.replace(".safe_concat/", ".concat/")  # the same reach, but for names that are there already


def _target(call: Call, watched: Mapping[str, frozenset[str]]) -> str:
    """`System.cmd/2`, also where that is handed to another function as a module, a name and arguments."""
    if call.module == "?":
        return f"{call.name}/{call.arity} of a module that only the run time knows"
    return (
        call.target if _names(call.module, call.name, watched) else _handed_over(call, watched) or call.target
    )


def _reached(project: Project, paths: list[str], watched: Mapping[str, frozenset[str]]) -> Iterator[Call]:
    for path in paths:
        if path not in project.files or project.role_of(path).is_test:
            continue
        yield from (call for call in _calls(project.all_facts(path)) if _is_watched(call, watched))


def _calls(facts: FileFacts) -> Iterator[Call]:
    for module in facts.modules:
        for function in module.functions:
            for clause in function.clauses:
                yield from clause.calls


def _is_watched(call: Call, watched: Mapping[str, frozenset[str]]) -> bool:
    if _names(call.module, call.name, watched) or _handed_over(call, watched):
        return True
    return _names(call.module, call.name, _HIDING) and not _is_written_out(call)


def _names(module: str, name: str, watched: Mapping[str, frozenset[str]]) -> bool:
    names = watched.get(module)
    return names is not None and (not names or name in names)


def _handed_over(call: Call, watched: Mapping[str, frozenset[str]]) -> str:
    """`:os.cmd` of `spawn(:os, :cmd, [command])`; empty where nothing that is watched is handed over."""
    for module, name in pairwise(call.args):
        written = f":{module.value}" if module.kind == "atom" else module.value
        if module.kind in ("atom", "module") and name.kind == "atom" and _names(written, name.value, watched):
            return f"{written}.{name.value}"
    return ""


def _is_written_out(call: Call) -> bool:
    """What it calls is there to be read: `apply(Shop.Cart, :put, [1])`, and a function that is at hand."""
    module, *rest = call.args or (None,)
    if call.arity == 2:
        return call.name == "apply"
    return module is not None and module.kind in ("atom", "module") and bool(rest) and rest[0].kind == "atom"
