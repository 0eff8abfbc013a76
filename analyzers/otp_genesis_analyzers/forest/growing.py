"""From child lists to trees: each child with what it starts in turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from msgspec import structs

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.model import Call, Child, ChildList, Module
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.processes.starts import start_of
from otp_genesis_analyzers.forest.model import Place, Process, Started
from otp_genesis_analyzers.forest.names import own_name
from otp_genesis_analyzers.forest.restart import restart_of
from otp_genesis_analyzers.forest.roles import behaviour_of, own_lists, role_of, strategy_of
from otp_genesis_analyzers.forest.tasks import SupervisedTask
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.supervision import SupervisorNode

_AT_RUN_TIME = "part of the list is only known at run time"


@dataclass(frozen=True)
class Growing:
    """One growth of all trees. `grown` and `housed` are filled on the way."""

    project: Project
    added: dict[str, list[SupervisorNode]]
    """The calls of `start_child`, by the name of their supervisor."""
    tasks: dict[str, list[SupervisedTask]]
    """By the name of their supervisor."""
    grown: set[str] = field(default_factory=set[str])
    """The modules of the project that stand in a tree."""
    housed: set[str] = field(default_factory=set[str])
    """The names of supervisors whose `added` children and tasks stand in a tree."""

    def tree(self) -> GrowingTree:
        return GrowingTree(self)


@dataclass(frozen=True)
class GrowingTree:
    """One tree. What a supervisor starts is written out once; where it stands again it is `repeated`."""

    forest: Growing
    written: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Module and name of the supervisors whose children are written out."""

    @property
    def project(self) -> Project:
        return self.forest.project

    def application(self, entry: ModuleEntry) -> Process:
        """The application, with the supervisors that its `start/2` starts."""
        module = entry.module
        self.forest.grown.add(module.name)
        tops = [self._top(entry, children) for children in own_lists(module)]
        tops += self._started_by(entry)
        return Process(
            role="application",
            started="application",
            module=module.name,
            behaviour=behaviour_of(module),
            defined_at=Place(entry.path, module.name_span),
            children=tuple(tops),
            unknown=_broken(entry) or (() if tops else ("nothing seen in it starts a supervisor",)),
        )

    def module(
        self, entry: ModuleEntry, started: Started, starters: tuple[str, ...], place: Place | None
    ) -> Process:
        """A module that no list of children names."""
        child = Child(entry.module.name, entry.module.name_span)
        process = self._process(child, started=started, place=place)
        return structs.replace(process, starters=starters)

    def child(self, path: str, child: Child, *, started: Started, starters: tuple[str, ...] = ()) -> Process:
        process = self._process(child, started=started, place=Place(path, child.span))
        return structs.replace(process, starters=starters, restart=restart_of(self.project, child))

    def added(self, node: SupervisorNode) -> Iterator[Process]:
        """What one call of `start_child` starts."""
        starter = f"{node.module.name}.{node.children.function}"
        for child in node.children.children:
            yield self.child(node.path, child, started="dynamic", starters=(starter,))
        if not node.children.complete:
            place = Place(node.path, node.children.span)
            yield Process(role="unknown", started="dynamic", starters=(starter,), started_at=place)

    def _process(self, child: Child, *, started: Started, place: Place | None, address: str = "") -> Process:
        """`address` is by what code reaches it, where that is not its own name."""
        entry = self.project.modules.get(child.module)
        module = entry.module if entry is not None else None
        name = child.name or (own_name(module) if module is not None else "")
        key = child.module, name
        bare = Process(
            role=role_of(child.module, module),
            started=started,
            module=child.module,
            name=name,
            behaviour=behaviour_of(module) if module is not None else "",
            strategy=strategy_of(child, module),
            conditional=child.conditional,
            started_at=place,
            defined_at=Place(entry.path, entry.module.name_span) if entry is not None else None,
        )
        if key in self.written:
            return structs.replace(bare, repeated=True)
        if module is not None or name:
            self.written.add(key)
        if module is not None:
            self.forest.grown.add(module.name)
        children = tuple(self._children(child, entry, address or name or child.module))
        if not children:
            self.written.discard(key)
        unknown = tuple(self._unknown(entry)) if entry is not None else ()
        if child.module == "Supervisor":
            unknown = (_AT_RUN_TIME,)
        return structs.replace(bare, children=children, unknown=unknown)

    def _children(self, child: Child, entry: ModuleEntry | None, address: str) -> Iterator[Process]:
        if child.module == "PartitionSupervisor":
            yield from self._partitions(child, address)
            return
        listed: list[Process] = []
        if entry is not None:
            for children in own_lists(entry.module):
                if kinds(entry.module) & SERVERS:
                    listed.append(self._top(entry, children, started="by code"))
                else:
                    listed += self._listed(entry.path, children)
        yield from listed
        yield from self._added_to(address, {(process.module, process.name) for process in listed})

    def _listed(self, path: str, children: ChildList) -> Iterator[Process]:
        for child in children.children:
            yield self.child(path, child, started="static")

    def _added_to(self, name: str, listed: set[tuple[str, str]]) -> Iterator[Process]:
        """What code adds while it runs; a child of the list that is started again is no other one."""
        if not name:
            return
        self.forest.housed.add(name)
        added = [process for node in self.forest.added.get(name, ()) for process in self.added(node)]
        yield from _once(process for process in added if (process.module, process.name) not in listed)
        yield from (task.process for task in self.forest.tasks.get(name, ()))

    def _top(
        self,
        entry: ModuleEntry,
        children: ChildList,
        *,
        started: Started = "application",
    ) -> Process:
        """A supervisor without a module of its own, started with `Supervisor.start_link(children, …)`."""
        listed = list(self._listed(entry.path, children))
        listed += self._added_to(children.supervisor, {(process.module, process.name) for process in listed})
        return Process(
            role="supervisor",
            started=started,
            module="Supervisor",
            name=children.supervisor,
            strategy=children.strategy,
            starters=(f"{entry.module.name}.{children.function}",),
            started_at=Place(entry.path, children.span),
            children=tuple(listed),
            unknown=tuple(self._unknown_in(children)),
        )

    def _started_by(self, entry: ModuleEntry) -> Iterator[Process]:
        """The modules whose start functions run in the application's `start/2`."""
        graph = call_graph(entry.module)
        start = entry.module.function("start", 2)
        for function_id in graph.reached([start] if start is not None else []):
            for clause in graph.functions[function_id].clauses:
                for call in clause.calls:
                    other = self._started_module(entry.module, call)
                    if other is not None:
                        starter = f"{entry.module.name}.{function_id}"
                        yield self.module(other, "application", (starter,), Place(entry.path, call.head))

    def _started_module(self, application: Module, call: Call) -> ModuleEntry | None:
        start = start_of(call)
        name = start.module if start is not None else call.module if call.name == "start_link" else ""
        return self.project.modules.get(name) if name != application.name else None

    def _partitions(self, child: Child, address: str) -> Iterator[Process]:
        """One of the children that a PartitionSupervisor starts alike, for all of them."""
        given = child.argument.get("child_spec") if child.argument is not None else None
        if given is not None and given.kind == "tuple" and given.items:
            given = given.items[0]
        if given is not None and given.kind == "module":
            partition = Child(given.value, child.span)
            process = self._process(partition, started="static", place=None, address=address)
            yield structs.replace(process, restart=restart_of(self.project, partition))

    def _unknown(self, entry: ModuleEntry) -> Iterator[str]:
        yield from _broken(entry)
        if not kinds(entry.module) & SERVERS:
            for children in own_lists(entry.module):
                yield from self._unknown_in(children)

    def _unknown_in(self, children: ChildList) -> Iterator[str]:
        if children.complete:
            return
        named = [name for name in children.includes if name.rpartition(".")[0] in self.project.modules]
        for name in named:
            yield f"`{name}` adds children to the list"
        if not named:
            yield _AT_RUN_TIME


def _once(processes: Iterable[Process]) -> Iterator[Process]:
    """A module that several functions start in the same way stands there once, with all of them."""
    found: dict[tuple[str, str, str], Process] = {}
    for number, process in enumerate(processes):
        own = str(number) if process.module in ("", "Task") else ""  # each is other work
        key = process.module, process.name, own
        if key not in found:
            found[key] = process
        else:
            starters = tuple(dict.fromkeys((*found[key].starters, *process.starters)))
            found[key] = structs.replace(found[key], starters=starters)
    yield from found.values()


def _broken(entry: ModuleEntry) -> tuple[str, ...]:
    return () if entry.module.complete else ("the file of its module has syntax errors",)
