"""The same Elixir written otherwise: what people do to code that a fix must still understand.

A spelling is a function from a `Base` to the files as they would be, None where there is nothing to write
otherwise. Those of `FORMATTED` are laid out by the real formatter before they are used; those of `ROUGH` stay
as they are, since the formatter would undo them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import reduce

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.source import Source
from tests.fixes.respelling import (
    Base,
    Edits,
    Files,
    Spelling,
    above,
    changed,
    definitions,
    each_call,
    each_file,
    first_behind_uses,
    modules,
    statements,
)

# --- laid out by the formatter ------------------------------------------------------------------


def as_it_is(base: Base) -> Files:
    return base.files


def _comments_between(source: Source) -> Edits:
    for number, statement in enumerate(statements(source)):
        yield above(source, statement, f"# note {number}: spawn(fn -> :x end), 'quoted' \"text\" # twice")


def _blank_lines_between(source: Source) -> Edits:
    for statement in statements(source):
        if statement.prev_named_sibling is not None:
            yield above(source, statement, "")


def _heredocs(source: Source) -> Edits:
    for definition in definitions(source, "def"):
        quotes = '"""'
        yield above(
            source,
            definition,
            f"@doc {quotes}",
            "Größe 🛒: not code.",
            "",
            "    spawn(fn -> Process.monitor(pid) end)",
            "  end",
            quotes,
        )
    for definition in definitions(source):
        block = syntax.do_block(definition)
        first = next(iter(syntax.children(block)), None) if block is not None else None
        if first is not None and first.type not in ("stab_clause", "rescue_block", "catch_block"):
            yield above(source, first, 'Shop.Notes.put("""', "  end # 🛒 is no comment", '""")', "")


def _module_inside(source: Source) -> Edits:
    for _, block in modules(source):
        first = first_behind_uses(block)
        if first is not None:
            lines = ("defmodule Inner do", "  @moduledoc false", "  def run(x), do: x", "end", "")
            yield above(source, first, *lines)


def module_around(base: Base) -> Files | None:
    if len(base.sources) != 1:
        return None
    (path,) = base.sources
    if "application.ex" in path:
        return None
    lines = [f"  {line}" if line.strip() else line for line in base.files[path].splitlines()]
    return {**base.files, path: "\n".join(["defmodule Outer do", *lines, "end"]) + "\n"}


def _one_liners(source: Source) -> Edits:
    """`do` and `end` around one line become `do:`."""
    for node in syntax.below(source.root):
        block = syntax.do_block(node) if syntax.local_name(node) in ("def", "defp", "if", "unless") else None
        body = syntax.children(block) if block is not None else []
        if block is None or len(body) != 1 or len(block.named_children) != 1 or body[0].type == "stab_clause":
            continue
        if body[0].start_point.row == body[0].end_point.row and "_block" not in body[0].type:
            head = source.content[: block.start_byte].rstrip()
            yield len(head), block.end_byte, f", do: {syntax.text(body[0])}"


def _blocks(source: Source) -> Edits:
    """`def f(x), do: y` becomes a block."""
    for definition in definitions(source):
        keywords, given = syntax.body_keywords(definition), syntax.arguments(definition)
        if list(keywords) == ["do"] and len(given) == 2 and given[1].type == "keywords":
            yield given[0].end_byte, definition.end_byte, f" do\n{syntax.text(keywords['do'])}\nend"


def _pipe(source: Source, call: Node) -> Edits:
    given, target = syntax.arguments(call), syntax.call_target(call)
    parent = call.parent
    piped = parent is not None and syntax.operator(parent) == "|>"
    if not given or target is None or given[0].type in ("keywords", "binary_operator") or piped:
        return
    rest = syntax.text(call)[len(syntax.text(target)) :]
    if not rest.startswith("("):
        return
    end = given[1].start_byte if len(given) > 1 else given[0].end_byte
    tail = source.content[end : call.end_byte].decode()
    yield call.start_byte, call.end_byte, f"{syntax.text(given[0])} |> {syntax.text(target)}({tail}"


def _applied(source: Source, call: Node) -> Edits:
    target = syntax.call_target(call)
    receiver = syntax.left(target) if target is not None else None
    name = syntax.right(target) if target is not None else None
    if receiver is None or name is None or target is None or target.type != "dot":
        return
    given = ", ".join(map(syntax.text, syntax.arguments(call)))
    yield call.start_byte, call.end_byte, f"apply({syntax.text(receiver)}, :{syntax.text(name)}, [{given}])"


def _around(opening: str, closing: str) -> Callable[[Source, Node], Edits]:
    """The whole statement of a call, inside something."""

    def rewrite(source: Source, call: Node) -> Edits:
        statement = _statement_of(call)
        if statement is not None:
            yield statement.start_byte, statement.start_byte, opening
            yield statement.end_byte, statement.end_byte, closing

    return rewrite


def _statement_of(node: Node) -> Node | None:
    while node.parent is not None:
        parent = node.parent
        if parent.type in ("do_block", "body", "else_block", "after_block"):
            owner = parent.parent
            in_module = owner is not None and syntax.local_name(owner) in ("defmodule", "test", "setup")
            return None if in_module and syntax.local_name(node) in ("def", "defp", "test") else node
        node = parent
    return None


def _bound(source: Source, call: Node) -> Edits:
    statement = _statement_of(call)
    if statement is not None and (statement.start_byte, statement.end_byte) == (
        call.start_byte,
        call.end_byte,
    ):
        yield call.start_byte, call.start_byte, "taken = "
        yield call.end_byte, call.end_byte, "\nShop.Notes.put(taken)"


def _aliased_modules(source: Source) -> Edits:
    """Own modules are called by the last part of their name."""
    for _, block in modules(source):
        first = first_behind_uses(block)
        if first is None:
            continue
        names: dict[str, str] = {}
        for node in syntax.below(block):
            full, outer = syntax.text(node), node.parent
            if node.type != "alias" or not full.startswith("Shop.") or full.count(".") != 1:
                continue
            if outer is not None and syntax.local_name(outer) in ("alias", "defmodule"):
                return
            last = full.rpartition(".")[2]
            if names.setdefault(last, full) == full and last not in _STANDARD:
                yield node.start_byte, node.end_byte, last
        lines = [f"alias {full}" for last, full in sorted(names.items()) if last not in _STANDARD]
        if lines:
            yield above(source, first, *lines, "")


_STANDARD = frozenset(
    {"Agent", "Application", "DynamicSupervisor", "Enum", "File", "GenServer", "Keyword", "Logger", "Mailer"}
    | {"Map", "Module", "Process", "Registry", "Stream", "String", "Supervisor", "System", "Task"}
)
"""Names that an alias had better not take."""


def _aliased_standard(source: Source) -> Edits:
    """`alias GenServer, as: Srv`, and the like."""
    short = {"GenServer": "Srv", "Task": "Job", "Process": "Proc", "Supervisor": "Sup", "Application": "App"}
    for _, block in modules(source):
        first, used = first_behind_uses(block), set[str]()
        if first is None:
            continue
        for node in syntax.below(block):
            head, dot, rest = syntax.text(node).partition(".")
            outer = node.parent.parent if node.parent is not None else None
            directive = outer is not None and syntax.local_name(outer) in (
                "use",
                "alias",
                "import",
                "require",
            )
            if (
                node.type == "alias"
                and head in short
                and not directive
                and node.start_byte >= first.start_byte
            ):
                used.add(head)
                yield node.start_byte, node.end_byte, f"{short[head]}{dot}{rest}"
        if used:
            yield above(source, first, *(f"alias {name}, as: {short[name]}" for name in sorted(used)), "")


def _shadowed(source: Source) -> Edits:
    """The names of OTP that a module does not use mean something else in it."""
    text = source.content.decode()
    free = [
        name
        for name in ("Application", "GenServer", "Process", "Registry", "Supervisor", "Task")
        if not re.search(rf"(?<![\w.]){name}\b", text)
    ]
    for _, block in modules(source):
        first = first_behind_uses(block)
        if first is not None and free:
            yield above(source, first, f"alias Shop.Own.{{{', '.join(free)}}}", "")
        return


def _own_name(source: Source) -> Edits:
    """`__MODULE__` is written out."""
    for module, block in modules(source):
        name = syntax.text(syntax.arguments(module)[0])
        for node in syntax.below(block):
            if node.type == "identifier" and syntax.text(node) == "__MODULE__":
                yield node.start_byte, node.end_byte, name


def _attributes(base: Base) -> Files | None:
    """Literals that a call is given, and the module's name, stand in attributes."""
    edits: list[tuple[Source, tuple[int, int, str]]] = []
    for source in base.sources.values():
        for _, block in modules(source):
            first = first_behind_uses(block)
            values: dict[str, str] = {}
            for node in syntax.below(block) if first is not None else ():
                inside = node.parent
                given = (
                    inside is not None and inside.type == "arguments" and node.type in ("integer", "alias")
                )
                call = inside.parent if inside is not None else None
                known = call is not None and (source.path, call.start_byte) in {
                    (each.path, found.start_byte) for each, found in base.found_calls()
                }
                if given and known:
                    name = values.setdefault(syntax.text(node), f"given_{len(values)}")
                    edits.append((source, (node.start_byte, node.end_byte, f"@{name}")))
            if values and first is not None:
                lines = [f"@{name} {value}" for value, name in values.items()]
                edits.append((source, above(source, first, *lines, "")))
    return changed(base, edits)


def umbrella(base: Base) -> Files | None:
    if any(path.endswith("mix.exs") for path in base.files):
        return None
    root = 'defmodule All.MixProject do\n  use Mix.Project\n\n  def project, do: [apps_path: "apps"]\nend\n'
    other = "defmodule Other.MixProject do\n  use Mix.Project\n\n  def project, do: [app: :other]\nend\n"
    from tests.example_project import DEFAULT_APPLICATION, DEFAULT_MIX

    defaults = {"mix.exs": DEFAULT_MIX, "lib/shop/application.ex": DEFAULT_APPLICATION}
    moved = {f"apps/shop/{path}": text for path, text in {**defaults, **base.files}.items()}
    return {"mix.exs": root, "apps/other/mix.exs": other, **moved}


def long_names(base: Base) -> Files | None:
    """Names so long that lines must break."""
    text = "\n".join(source.content.decode() for source in base.sources.values())
    names = sorted(set(re.findall(r"defmodule Shop\.(\w+) do", text)) - _STANDARD)
    if not names:
        return None
    pattern = re.compile(rf"(?<=Shop\.)({'|'.join(names)})\b|(?<![\w.:@])({'|'.join(names)})(?=\.\w)")
    longer = {
        path: pattern.sub(lambda match: f"{match[0]}OfTheWholesaleDepartmentForReturns", given)
        for path, given in base.files.items()
    }
    return longer if longer != base.files else None


# --- left as they are ---------------------------------------------------------------------------


def _in_each_file(change: Callable[[str], str]) -> Spelling:
    def spelling(base: Base) -> Files | None:
        return {path: change(text) if path in base.sources else text for path, text in base.files.items()}

    return spelling


def _tabbed(text: str) -> str:
    return re.sub(r"(?m)^(?:  )+", lambda match: "\t" * (len(match[0]) // 2), text)


def _behind_lines(source: Source) -> Edits:
    for number, statement in enumerate(statements(source)):
        end = source.lines.line_end(statement.end_point.row)
        if statement.end_byte == end:
            yield end, end, f"   # behind {number}"


def _semicolons(source: Source) -> Edits:
    """Statements of a function, not the definitions of a module."""
    for statement in statements(source):
        before, owner = statement.prev_named_sibling, statement.parent
        in_module = owner is not None and owner.parent is not None and syntax.local_name(owner.parent)
        one_line = statement.start_point.row == statement.end_point.row
        if in_module in ("defmodule", "describe") or before is None or not one_line:
            continue
        if before.type != "comment" and "_block" not in before.type + statement.type:
            yield before.end_byte, statement.start_byte, "; "


def _no_parentheses(source: Source, call: Node) -> Edits:
    statement, given = _statement_of(call), syntax.arguments(call)
    target = syntax.call_target(call)
    if statement is None or target is None or not given or statement.end_byte != call.end_byte:
        return
    if statement.start_byte == call.start_byte and call.end_byte == given[-1].end_byte + 1:
        inside = source.content[given[0].start_byte : given[-1].end_byte].decode()
        yield target.end_byte, call.end_byte, f" {inside}"


def _chained(*spellings: Spelling) -> Spelling:
    """One after another; the calls that findings are about are only known to the first."""

    def spelling(base: Base) -> Files | None:
        def step(done: Base | None, one: Spelling) -> Base | None:
            files = one(done) if done is not None else None
            return Base(files, ()) if files is not None else None

        last = reduce(step, spellings, base)
        return last.files if last is not None else None

    return spelling


_comments, _inner = each_file(_comments_between), each_file(_module_inside)
_crlf = _in_each_file(lambda text: text.replace("\n", "\r\n"))

FORMATTED: Mapping[str, Spelling] = {
    "as it is": as_it_is,
    "comments between": _comments,
    "blank lines": each_file(_blank_lines_between),
    "heredocs near by": each_file(_heredocs),
    "nested module": _inner,
    "inside a module": module_around,
    "do:": each_file(_one_liners),
    "do … end": each_file(_blocks),
    "piped": each_call(_pipe),
    "apply/3": each_call(_applied),
    "in an if": each_call(_around("if Shop.Notes.any?() do\n", "\nend")),
    "in a case": each_call(_around("case Shop.Notes.all() do\n[] ->\n", "\n_ -> :ok\nend")),
    "in a with": each_call(_around("with [] <- Shop.Notes.all() do\n", "\nend")),
    "bound": each_call(_bound),
    "aliases": each_file(_aliased_modules),
    "aliases of OTP": each_file(_aliased_standard),
    "shadowing aliases": each_file(_shadowed),
    "own name": each_file(_own_name),
    "attributes": _attributes,
    "umbrella": umbrella,
    "long names": long_names,
    "long names, comments": _chained(long_names, _comments),
    "piped, heredocs": _chained(each_call(_pipe), each_file(_heredocs)),
    "in an if, aliases of OTP": _chained(
        each_call(_around("if Shop.Notes.any?() do\n", "\nend")), each_file(_aliased_standard)
    ),
    "do:, umbrella": _chained(each_file(_one_liners), umbrella),
}
ROUGH: Mapping[str, Spelling] = {
    "CRLF": _crlf,
    "CRLF, comments": _chained(_comments, _crlf),
    "CRLF, heredocs": _chained(each_file(_heredocs), _crlf),
    "tabs": _in_each_file(_tabbed),
    "byte order mark": _in_each_file(lambda text: "\ufeff" + text),
    "no last line break": _in_each_file(str.rstrip),
    "comments behind": each_file(_behind_lines),
    "semicolons": each_file(_semicolons),
    "no parentheses": each_call(_no_parentheses),
}
