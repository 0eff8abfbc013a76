"""All rules, found by looking into the folders: a file `phase<N>/<rule_name>.py` holds one rule."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from otp_genesis_analyzers.rules.contract import Rule


@cache
def all_rules() -> tuple[Rule, ...]:
    """One instance of every rule, sorted by code."""
    rules: list[Rule] = []
    for folder in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
        if not folder.ispkg:
            continue
        package = importlib.import_module(folder.name)
        entries = pkgutil.iter_modules(package.__path__, prefix=f"{folder.name}.")
        rules.extend(rule_in(entry.name) for entry in entries)
    return tuple(sorted(rules, key=lambda rule: rule.code))


def find_rule(code_or_name: str) -> Rule | None:
    """The rule with this code (`OTP101`, any case) or kebab name."""
    wanted = code_or_name.strip().lower()
    return next((rule for rule in all_rules() if wanted in (rule.code.lower(), rule.name)), None)


@cache
def rule_in(module_name: str) -> Rule:
    """The one rule that a module holds. Raises ImportError."""
    module = importlib.import_module(module_name)
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Rule) and value.__module__ == module_name
    ]
    if len(classes) != 1:
        raise ImportError(f"{module_name} must hold exactly one rule, it holds {len(classes)}")
    return classes[0]()
