"""What a `mix.exs` says of its project."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.reading.read_terms import read_term
from otp_genesis_analyzers.project import MixApp
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term


def read_mix_project(source: Source, folder: str) -> MixApp:
    """What a `mix.exs` says of the project. Only literals are believed."""
    project, application = _returned(source.root, "project"), _returned(source.root, "application")
    name = project.get("app") if project is not None else None
    started = application.get("mod") if application is not None else None
    literal = application is None or (application.kind == "list" and not _has_tail(application))
    module = started.items[0] if started is not None and started.kind == "tuple" and started.items else None
    known = literal and (started is None or (module is not None and module.kind == "module"))
    return MixApp(
        folder=folder,
        name=name.value if name is not None and name.kind == "atom" else "",
        application=module.value if module is not None and module.kind == "module" else "",
        application_known=known and not source.broken,
        umbrella=project is not None and project.get("apps_path") is not None,
        compiled=_compiled_folders(source.root),
        packaged=project is not None and project.get("package") is not None,
        releases_mix=_names_mix(source.root),
    )


def _has_tail(term: Term) -> bool:
    return any(item.kind != "pair" for item in term.items)


def _returned(root: Node, function: str) -> Term | None:
    """What `def function` of the first module returns; None without such a function."""
    for module in syntax.children(root):
        block = syntax.do_block(module) if syntax.local_name(module) == "defmodule" else None
        for statement in syntax.children(block) if block is not None else []:
            head, _ = syntax.definition_head(statement)
            if syntax.local_name(statement) not in ("def", "defp") or head is None:
                continue
            name = syntax.local_name(head) if head.type == "call" else syntax.text(head)
            if name == function:
                return _last_value(statement)
    return None


def _compiled_folders(root: Node) -> tuple[str, ...]:
    """ "lib", and every literal in `elixirc_paths`, be it a function or a key of `project/0`."""
    folders = {"lib"}
    for module in syntax.children(root):
        block = syntax.do_block(module)
        for statement in syntax.children(block) if block is not None else []:
            head, _ = syntax.definition_head(statement)
            name = "" if head is None else syntax.local_name(head) or syntax.text(head)
            value = _last_value(statement) if name in ("project", "elixirc_paths") else None
            paths = value.get("elixirc_paths") if value is not None and name == "project" else value
            folders |= {
                term.value.removeprefix("./").rstrip("/")
                for term in (paths.walk() if paths else ())
                if term.kind == "string"
            }
    return tuple(sorted(folders))


def _names_mix(node: Node) -> bool:
    """`:mix` in a list of applications, or `mix: :permanent`; what Dialyzer is to know is another matter."""
    if node.type == "pair":
        key = node.child_by_field_name("key")
        name = syntax.keyword_name(key) if key is not None else ""
        if name.startswith("plt_"):
            return False
        if name == "mix":
            return True
    if node.type == "list" and any(syntax.text(item) == ":mix" for item in syntax.children(node)):
        return True
    return any(_names_mix(child) for child in node.named_children)


def _last_value(definition: Node) -> Term:
    block = syntax.do_block(definition)
    statements = syntax.sections(block)[0] if block is not None else []
    value = statements[-1] if statements else syntax.body_keywords(definition).get("do")
    return read_term(value, Scope())
