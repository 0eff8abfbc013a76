"""Atoms that are made at run time: where, out of what, and whether the number of them is bounded."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.atoms.checked_keys import is_checked_by_callers, key_of, taken_keys
from otp_genesis_analyzers.facts.atoms.membership_tests import membership_tests
from otp_genesis_analyzers.facts.atoms.open_texts import is_made_key, open_text
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.provenance import (
    Binding,
    argument_nodes,
    binding_of,
    defaults_to_number,
    handed_to,
    variables_in,
)
from otp_genesis_analyzers.facts.calls.sites import sites
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.processes.kinds import Kind, kinds
from otp_genesis_analyzers.source import Source, Span

From = Literal[
    "request",  # what somebody sends to a controller, a view, a channel
    "document",  # JSON or another text that is decoded here
    "id",  # the id of a record
    "packet",  # what comes over a socket
    "process",  # the text of a pid or of a reference
    "key",  # the keys of a map or of other pairs, all of them
    "piece",  # a part of a text
    "choice",  # what a list is sorted or filtered by
    "bounded",  # one of a few values that the code itself names
    "unknown",
]

_WORST_FIRST: tuple[From, ...] = ("request", "document", "id", "unknown", "bounded")
_CONVERSIONS = frozenset(
    {("String", "to_atom"), ("List", "to_atom")}
    | {(":erlang", "binary_to_atom"), (":erlang", "list_to_atom"), ("Module", "concat")}
)
_WEB_KINDS: frozenset[Kind] = frozenset({"Controller", "LiveView", "LiveComponent", "Channel", "Plug"})
_WEB_NAMES = ("Controller", "Channel", "Socket", "View", "JSON", "HTML", "Live")
_REQUEST_POSITIONS: dict[str, tuple[int, ...]] = {
    "handle_event/3": (0, 1),
    "handle_params/3": (0, 1),
    "mount/3": (0,),
    "handle_in/3": (0, 1),
    "join/3": (0, 1),
    "connect/3": (0,),
}
_REQUEST_FIELDS = frozenset(
    {"params", "query_params", "body_params", "path_params", "req_headers", "cookies", "query_string"}
)
_REQUEST_NAMES = frozenset(
    {"params", "payload", "query_params", "body_params", "path_params", "unsigned_params"}
)
_READERS = frozenset({"get", "get_lazy", "fetch", "fetch!", "pop", "pop!"})
_CHANGERS = frozenset(
    {"String", "List", "Macro", "URI", "Path", "Enum", "Regex", "Recase", "Inflex", "Kernel"}
)
_PLAIN_CHANGERS = frozenset({"to_string", "hd", "elem", "to_charlist"})
_DECODERS = frozenset({"Jason", "Poison", "JSON", "Jsonrs", "JSX", "Toml", "YamlElixir"})
_MATCHERS = frozenset({"run", "scan", "named_captures"})
"""What takes its parts out of a text: `Regex.scan(~r/name=(.+)/, text)`."""
_PARTS_OF_SYSTEM = frozenset(
    {"supervisor", "server", "process", "worker", "pool", "shard", "partition", "registry", "table", "node"}
    | {
        "coordination",
        "infrastructure",
        "instance",
        "system",
        "scheduler",
        "queue",
        "cluster",
        "app",
        "state",
    }
    | {"config", "opts", "options", "spec", "child", "test", "type", "self", "manager"}
)
"""Things of which a system has a few: an id of one names no record."""
_LITERALS = frozenset({"atom", "string", "quoted_atom", "integer", "alias", "boolean", "nil", "charlist"})
_MAX_DEPTH = 8


class MadeAtom(NamedTuple):
    """`head` is `String.to_atom`, or the whole `:"shop_#{id}"`; `value` what the atom is made of.

    `call` is None for an interpolated atom.
    """

    module: Module
    function: Function
    clause: Clause
    head: Span
    value: Node
    call: Call | None


def made_atoms(source: Source, module: Module) -> Iterator[MadeAtom]:
    """Atoms that the functions of a module make of something that is no literal."""
    for site in sites(module):
        if (site.call.module, site.call.name) in _CONVERSIONS:
            value = _converted(source, site.call)
            if value is not None and not _is_literal(value) and not _is_quoted(value):
                yield MadeAtom(module, site.function, site.clause, site.call.head, value, site.call)
    yield from _interpolated(source, module)


def origin_of(source: Source, graph: CallGraph, made: MadeAtom) -> From:
    """What decides which atom it is."""
    search = _Search(source, graph, made.function, made.clause)
    if _is_checked_before(source, made):
        return "bounded"
    origin = search.origin_of(made.value)
    if origin != "unknown":
        return origin
    return "key" if is_made_key(made.value, source.node_at(made.head)) else open_text(made.value) or origin


def is_web(module: Module) -> bool:
    last_part = module.name.rpartition(".")[2]
    # `Shop.JSON` reads and writes JSON of any kind, `ShopWeb.ProductJSON` is a view.
    is_named_so = last_part.endswith(_WEB_NAMES) and last_part not in _WEB_NAMES
    return bool(kinds(module) & _WEB_KINDS) or is_named_so


def names_process(source: Source, made: MadeAtom) -> bool:
    """The atom stands under `name:`."""
    node = source.node_at(made.head)
    while node.parent is not None and node.parent.type in ("call", "dot", "tuple", "binary_operator"):
        node = node.parent
    key = node.parent.child_by_field_name("key") if node.parent is not None else None
    return key is not None and syntax.keyword_name(key) == "name"


def names_node(made: MadeAtom) -> bool:
    """What it is made of, or bound to, is the name of a node or its cookie: those are atoms."""
    bound = made.call.bound_to if made.call is not None else None
    written = f"{syntax.text(made.value)} {bound.value if bound is not None else ''}".lower()
    return any(word in written for word in ("node", "cookie", "hostname", "@"))


def _converted(source: Source, call: Call) -> Node | None:
    if call.form == "capture":
        return handed_to(source.node_at(call.span))
    arguments = argument_nodes(source, call)
    if call.module == "Module":
        # Joining modules is what it is for; a text among them is another matter.
        parts = (node for argument in arguments for node in syntax.below(argument))
        return next((node for node in parts if _is_made_text(node)), None)
    return arguments[0] if arguments else None


def _is_made_text(node: Node) -> bool:
    """`"Plugin#{name}"`, `Macro.camelize(name)`."""
    if node.type == "string":
        return bool(_interpolations(node))
    return node.type == "call" and syntax.text(node).startswith(("Macro.camelize(", "String."))


def _interpolated(source: Source, module: Module) -> Iterator[MadeAtom]:
    """`:"shop_#{id}"`, found by its first two characters: no call stands for it."""
    at = source.content.find(b':"', module.span.start, module.span.end)
    while at >= 0:
        node = source.node_at(Span(at, 2))
        if node.type == "quoted_atom" and node.start_byte == at and _interpolations(node):
            for function in module.functions:
                if function.kind in ("def", "defp"):
                    for clause in function.clauses:
                        if clause.span.start <= at < clause.span.end and not _is_quoted(node):
                            span = Span.between(at, node.end_byte)
                            yield MadeAtom(module, function, clause, span, node, None)
        at = source.content.find(b':"', at + 2, module.span.end)


def _is_literal(value: Node) -> bool:
    return value.type in _LITERALS and not _interpolations(value)


def _interpolations(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type == "interpolation"]


def _is_quoted(node: Node) -> bool:
    """Inside `quote` it is made when the project is compiled."""
    outer = node.parent
    while outer is not None:
        if syntax.local_name(outer) in ("quote", "unquote"):
            return True
        outer = outer.parent
    return False


def _is_checked_before(source: Source, made: MadeAtom) -> bool:
    wanted = {syntax.text(made.value), *(syntax.text(name) for name in variables_in(made.value))}
    return any(
        node.start_byte < made.head.start and tested in wanted
        for node, tested in membership_tests(source, made.clause)
    )


@dataclass(frozen=True)
class _Search:
    """The way back from a value in `clause` to what it was made of."""

    source: Source
    graph: CallGraph
    function: Function
    clause: Clause
    depth: int = 0

    def origin_of(self, value: Node) -> From:
        if self.depth > _MAX_DEPTH:
            return "unknown"
        deeper = _Search(self.source, self.graph, self.function, self.clause, self.depth + 1)
        return deeper._origin_of(value)

    def _origin_of(self, value: Node) -> From:
        match value.type:
            case "identifier":
                return "bounded" if syntax.text(value) == "__MODULE__" else self._of_variable(value)
            case "access_call":
                return self._of_key(value)
            case "call":
                return self._of_call(value, None)
            case "binary_operator":
                return self._of_operator(value)
            case "string" | "quoted_atom":
                parts = [part for hole in _interpolations(value) for part in syntax.children(hole)]
                return self._worst(parts, in_text=True)
            case "list" | "tuple":
                return self._worst(syntax.children(value))
            case "unary_operator" if syntax.operator(value) == "@":
                return "bounded"
            case "unary_operator" if syntax.operator(value) == "&":
                return self._of_element(value)
            case "sigil":
                return "unknown" if _interpolations(value) else "bounded"
            case _:
                return "bounded" if value.type in _LITERALS or value.type == "range" else "unknown"

    def _worst(self, parts: list[Node], *, in_text: bool = False) -> From:
        origins: list[From] = [self._of_part(part) if in_text else self.origin_of(part) for part in parts]
        return _worst_of(origins, "bounded")

    def _of_part(self, part: Node) -> From:
        origin = self.origin_of(part)
        return "id" if origin == "unknown" and _is_id(part) and not defaults_to_number(part) else origin

    def _of_operator(self, value: Node) -> From:
        before, after = syntax.left(value), syntax.right(value)
        if before is None or after is None:
            return "unknown"
        if syntax.operator(value) == "|>":
            return self._of_call(after, before) if after.type == "call" else "unknown"
        if syntax.operator(value) == "..":
            return "bounded"
        return self._worst([before, after])

    def _of_key(self, value: Node) -> From:
        """`params["sort"]`: keys that are texts come from outside."""
        target, key = value.child_by_field_name("target"), value.child_by_field_name("key")
        if key is not None and key.type == "string":
            is_checked = target is not None and self._is_checked(target, syntax.text(key))
            return "bounded" if is_checked else self._of_text_key()
        return self.origin_of(target) if target is not None else "unknown"

    def _of_call(self, call: Node, piped: Node | None) -> From:
        arguments = syntax.arguments(call) if piped is None else [piped, *syntax.arguments(call)]
        target = syntax.call_target(call)
        if target is None:
            return "unknown"
        if target.type == "identifier":
            return self._worst(arguments[:1]) if syntax.text(target) in _PLAIN_CHANGERS else "unknown"
        module, name = syntax.left(target), syntax.right(target)
        if target.type != "dot" or module is None or name is None:
            return "unknown"
        written, function = syntax.text(module), syntax.text(name)
        if not syntax.has_arguments(call):
            is_request = function in _REQUEST_FIELDS and written.endswith("conn")
            return "request" if is_request else self._of_field(module)
        if written in _DECODERS:
            return "document"
        if written == "Regex" and function in _MATCHERS:
            origin = self._worst(arguments[1:2])
            return "document" if origin == "unknown" else origin
        if written in ("Map", "Access", "Keyword") and function in _READERS and arguments:
            is_text = len(arguments) > 1 and arguments[1].type == "string"
            return self._of_text_key() if is_text else self.origin_of(arguments[0])
        return self._worst(arguments[:1]) if written in _CHANGERS else "unknown"

    def _of_text_key(self) -> From:
        """What stands under a key that is a text: of a request where one is answered, else of JSON or so."""
        return "request" if is_web(self.graph.module) else "document"

    def _of_field(self, holder: Node) -> From:
        """`config.level`: what a field holds is only followed for what a request brought."""
        return "request" if self.origin_of(holder) == "request" else "unknown"

    def _of_variable(self, variable: Node) -> From:
        binding = binding_of(variable)
        if binding is None:
            return "unknown"
        if binding.pattern.type != "identifier" and _has_literal_alternative(binding.pattern, variable):
            return "bounded"
        match binding.way:
            case "head":
                return self._of_parameter(binding, syntax.text(variable))
            case "closure":
                keys = taken_keys(binding.pattern, syntax.text(variable))
                is_taken = keys is not None and self.origin_of(keys) == "bounded"
                return "bounded" if is_taken else self._of_element(binding.pattern)
            case "match" | "subject":
                return self._of_bound(binding, syntax.text(variable))
            case _:
                return "unknown"

    def _is_checked(self, holder: Node, key: str) -> bool:
        return is_checked_by_callers(self.source, self.graph, self.function, holder, key)

    def _of_bound(self, binding: Binding, name: str) -> From:
        value = binding.value
        if value is None:
            return "unknown"
        if self._is_checked(value, key_of(binding.pattern, name)):
            return "bounded"
        origin = self.origin_of(value)
        if origin in ("bounded", "unknown") and _has_text_key(binding.pattern):
            return "document"
        if origin == "bounded" and binding.pattern.type != "identifier":
            return "unknown"
        return origin

    def _of_element(self, parameter: Node) -> From:
        """An element of what the `fn`, or the `&(...)`, goes over."""
        closure = parameter.parent
        while closure is not None and closure.type not in ("anonymous_function", "unary_operator"):
            closure = closure.parent
        collection = handed_to(closure) if closure is not None else None
        return self.origin_of(collection) if collection is not None else "unknown"

    def _of_parameter(self, binding: Binding, name: str) -> From:
        function, position = self.function, _position_of(binding.pattern)
        if is_web(self.graph.module):
            if name in _REQUEST_NAMES or _has_text_key(binding.pattern):
                return "request"
            if position in _REQUEST_POSITIONS.get(function.id, ()):
                return "request"
        elif _has_text_key(binding.pattern):
            return "document"
        return self._of_callers(position) if function.kind == "defp" else "unknown"

    def _of_callers(self, position: int) -> From:
        """What the callers of a private function give it."""
        origins: set[From] = set()
        for caller, clause, call in self.graph.callers(self.function):
            arguments = argument_nodes(self.source, call) if call.form == "call" else []
            if position >= len(arguments) or caller is self.function:
                return "unknown"
            search = _Search(self.source, self.graph, caller, clause, self.depth + 2)
            origins.add(search.origin_of(arguments[position]))
        return _worst_of(origins, "unknown")


def _worst_of(origins: Collection[From], default: From) -> From:
    for origin in _WORST_FIRST:
        if origin in origins:
            return origin
    return default


def _position_of(pattern: Node) -> int:
    siblings = syntax.children(pattern.parent) if pattern.parent is not None else []
    return siblings.index(pattern) if pattern in siblings else 0


def _has_text_key(pattern: Node) -> bool:
    """`%{"sort" => sort}`."""
    return any(
        node.type == "binary_operator"
        and syntax.operator(node) == "=>"
        and (key := syntax.left(node)) is not None
        and key.type == "string"
        for node in syntax.below(pattern)
    )


def _has_literal_alternative(pattern: Node, variable: Node) -> bool:
    """`"asc" = direction`: the clause is for one value."""
    name = syntax.text(variable)
    for node in syntax.below(pattern):
        if node.type == "binary_operator" and syntax.operator(node) == "=":
            sides = (syntax.left(node), syntax.right(node))
            texts = [side for side in sides if side is not None]
            if any(syntax.text(side) == name for side in texts):
                return any(side.type in _LITERALS for side in texts)
    return False


def _is_id(part: Node) -> bool:
    """`user.id`, `device_id`, `id`; not the id of a part of the system itself."""
    if part.type not in ("identifier", "call"):
        return False
    text = syntax.text(part)
    of = text.removesuffix("id").removesuffix("uu").rstrip("_.").rpartition(".")[2].rpartition("_")[2]
    is_of_record = text.endswith(("_id", ".id", "_uuid", ".uuid")) and of not in _PARTS_OF_SYSTEM
    return is_of_record or text in ("id", "uuid")
