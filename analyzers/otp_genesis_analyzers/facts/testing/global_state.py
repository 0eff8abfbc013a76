"""Calls that change what all code sees: the environment, the working directory, processes with a name."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.facts.messages.client_api import looked_up
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.terms import Term

_ANY_KEY = {
    ("Application", "put_all_env", 1),
    ("Application", "put_all_env", 2),
    ("Application", "stop", 1),
    ("Logger", "configure", 1),
    ("Logger", "put_module_level", 2),
    ("Logger", "put_application_level", 2),
    (":logger", "set_primary_config", 1),
    (":logger", "set_primary_config", 2),
    ("File", "cd!", 1),
    ("File", "cd!", 2),
    ("File", "cd", 1),
    ("File", "cd", 2),
    (":file", "set_cwd", 1),
    ("Mox", "set_mox_global", 0),
    ("Mox", "set_mox_global", 1),
    ("", "set_mox_global", 0),
    ("", "set_mox_global", 1),
}
_OF_A_KEY = {
    ("System", "put_env"): 0,
    ("System", "delete_env"): 0,
    (":persistent_term", "put"): 0,
    (":persistent_term", "erase"): 0,
    ("Application", "put_env"): 1,
    ("Application", "delete_env"): 1,
    (":application", "set_env"): 1,
    (":application", "unset_env"): 1,
}
"""Where the key stands among the arguments."""
_STOPS = {
    "GenServer": ("stop",),
    "Agent": ("stop",),
    "Supervisor": ("stop", "terminate_child", "delete_child"),
    "DynamicSupervisor": ("stop",),
}
_INVENTED = frozenset({"fake", "dummy", "sample", "example", "unknown", "test", "foo", "bar", "missing"})
_INVENTED_APPS = frozenset({"my_app", "some_app", "other_app", "app"})


def changes_global_state(module: Module, call: Call) -> bool:
    """A call that other tests may notice. What only this module can know of is left out.

    That are keys named after a module of the test itself, keys that are made at run time,
    applications that do not exist, and processes that the module starts.
    """
    if call.form == "capture":
        return False
    if (call.module, call.name, call.arity) in _ANY_KEY:
        return True
    if call.is_to("System", "put_env") and call.arity == 1:
        return any(_is_shared(module, call, key) for key, _ in call.args[0].pairs)
    position = _OF_A_KEY.get((call.module, call.name))
    if position is not None:
        return len(call.args) > position and _is_shared(module, call, call.args[position])
    return _stops_shared_process(module, call)


def own_key(call: Call, apps: list[str]) -> str:
    """The literal key of one of these applications that a call sets or deletes; empty for any other."""
    if call.is_to("Application", "put_env", "delete_env") and len(call.args) > 1:
        app, key = call.args[:2]
        return key.value if app.is_atom(*apps) and key.kind == "atom" else ""
    if call.is_to("System", "put_env", "delete_env") and call.args and call.args[0].kind == "string":
        key = call.args[0]
        return key.value if any(app and key.value.lower().startswith(f"{app}_") for app in apps) else ""
    return ""


def module_key(call: Call) -> str:
    """The module under whose name a call of `Application` sets or deletes something; empty for any other."""
    if not call.is_to("Application", "put_env", "delete_env") or len(call.args) < 2:
        return ""
    return call.args[1].value if call.args[1].kind == "module" else ""


def _is_shared(module: Module, call: Call, key: Term) -> bool:
    if call.module in ("Application", ":application") and not _is_real_app(call.args[0]):
        return False
    return not any(_is_private(module, part) for part in key.walk())


def _is_real_app(app: Term) -> bool:
    if app.kind != "atom":
        return False
    words = app.value.split("_")
    return app.value not in _INVENTED_APPS and not _INVENTED.intersection(words)


def _is_private(module: Module, part: Term) -> bool:
    """Known to one test only, or perhaps so."""
    if part.kind == "module":
        return part.value == module.name or part.value.startswith(f"{module.name}.")
    if part.kind in ("string", "atom"):
        return part.value.upper().startswith("TEST_")
    return part.kind in ("interpolation", "call", "variable", "other", "attribute")


def _stops_shared_process(module: Module, call: Call) -> bool:
    if not call.args:
        return False
    if call.name in _STOPS.get(call.module, ()):
        return _is_shared_name(module, call.args[0])
    if call.is_to("Process", "exit") and call.args[0].kind in ("call", "operator"):
        return _is_shared_name(module, looked_up(call.args[0]))
    return False


def _is_shared_name(module: Module, name: Term) -> bool:
    if name.kind != "module" or _is_private(module, name):
        return False
    return module.complete and name.value not in set(_started(module))


def _started(module: Module) -> Iterator[str]:
    """The modules and names that the module starts itself."""
    for function in module.functions:
        for clause in function.clauses:
            for call in clause.calls:
                if call.name in ("start_link", "start", "start_supervised", "start_supervised!"):
                    yield call.module
                    yield from (part.value for term in call.args for part in term.walk())
