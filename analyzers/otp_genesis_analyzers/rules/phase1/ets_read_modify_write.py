from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

from otp_genesis_analyzers.facts.call_graph import call_graph
from otp_genesis_analyzers.facts.callbacks import callback_chains
from otp_genesis_analyzers.facts.ets_races import Race, Step, client_side, entries_to, races
from otp_genesis_analyzers.facts.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.model import Call, Function, Module
from otp_genesis_analyzers.facts.sites import production_modules, site_at, sites
from otp_genesis_analyzers.facts.tables import Table, TableUse, table_uses, tables
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.terms import Term


class _Advice(NamedTuple):
    severity: Severity
    words: str


_ADVICE: dict[Step, _Advice] = {
    "update": _Advice(
        Severity.WARNING,
        "a row written in between is lost: `:ets.update_counter/4` adds to a number in one step, "
        "a server that owns the table does anything else",
    ),
    "claim": _Advice(
        Severity.WARNING, "two processes can both find the key free: `:ets.insert_new/2` tells who was first"
    ),
    "delete": _Advice(
        Severity.WARNING,
        "a row written in between is deleted unseen: `:ets.take/2` or `:ets.delete_object/2` do it in one step",
    ),
    "fill": _Advice(Severity.HINT, "two processes can both miss the row and compute it twice"),
    "overwrite": _Advice(Severity.HINT, "what was read may no longer hold when the row is written"),
    "rollback": _Advice(
        Severity.INFORMATION,
        "until the counter is lowered again others are turned away by a number that is too high: "
        "`:ets.update_counter/4` takes a limit",
    ),
}


class EtsReadModifyWrite(Rule):
    """A row of an ETS table is read and written in two steps by code that many processes run.

    ## What it does
    Reports a read of a key (`lookup`, `lookup_element`, `member`) on which the same function bases an
    `insert`, `update_element` or `delete` of that key, where the function runs in its callers and the
    table is public or comes from elsewhere. It is **information** for a counter that is raised and lowered
    again, and a **hint** when a missing row is computed and stored, when what is written doesn't depend on
    what was read, and when the table is only known at run time.

    ## Why it matters on the BEAM
    Each operation on a table is atomic, two of them are not. Between the read and the write another process
    can do the same: of two increments one is lost, of two claims both succeed.

    ## When it is legitimate
    When all writers run in the callbacks of one server, or before any other process can: in a start
    function, in `@on_load`. With a table that is private or protected, or was made in the same function. With
    a key that is the process's own pid. Under a lock of `:global`. With `insert_new`, `update_counter`,
    `delete_object`, `take` and `select_replace`, which are one step. None of these is reported.

    ## Use instead
    ```elixir
    :ets.update_counter(:hits, ip, {2, 1}, {ip, 0})
    # no more than `limit`, in one step:
    :ets.update_counter(:hits, ip, {2, 1, limit, limit + 1}, {ip, 0}) <= limit
    ```

    ## Fix safety
    Unsafe. A counter becomes `:ets.update_counter/4`, a claim `:ets.insert_new/2`, a counter that is lowered
    again one with a limit; any other shape is left alone. The table must be a set whose key is the first
    element, which is what `:ets.new/2` makes unless told otherwise.

    ## References
    - https://www.erlang.org/doc/apps/stdlib/ets.html#update_counter/4
    - https://www.erlang.org/doc/apps/stdlib/ets.html#insert_new/2
    """

    code = "OTP113"
    name = "ets-read-modify-write"
    severity = Severity.WARNING
    anchors = (":ets",)
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = []
    VALID: ClassVar = []

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for race in races(file.source, call_graph(module)):
                severity = _severity(module, race)
                if severity is not None:
                    yield self._finding(file, race, severity)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        site = site_at(project.files[finding.path].facts, finding.span)
        if site is None:
            return finding
        if _runs_in_one_process(project, site.module, site.function):
            return None
        use = next((use for use in table_uses(site.module) if use.call.head == finding.span), None)
        return finding if use is None else _seen_with_its_table(finding, project, use)

    def _finding(self, file: FileView, race: Race, severity: Severity) -> Finding:
        advice = _ADVICE[race.step]
        read, write = race.read.call, race.write.call
        return self.report(
            file.facts.path,
            read.head,
            f"`{read.target}` decides on `{write.target}` of the same key: {advice.words}",
            snippet=file.source.text(read.span),
            scope=race.read.site.scope,
            severity=severity,
            confidence=Confidence.STRONG,
            fix=FixKind.UNSAFE if race.step in ("update", "claim", "rollback") else FixKind.LLM,
            related=(Related(file.facts.path, write.head, "the row is written here"),),
        )


def _severity(module: Module, race: Race) -> Severity | None:
    """None when the table is not one that several processes write."""
    level = _ADVICE[race.step].severity
    made_here = _tables_behind(module, race.read.table)
    if made_here and not any(_can_be_raced(table, race.write) for table in made_here):
        return None
    return min(level, Severity.HINT) if _is_handed_in(race.read) else level


def _is_handed_in(use: TableUse) -> bool:
    """The table is an argument or part of one: perhaps of a process that alone has it."""
    found_here = any(call.bound_to == use.table for call in use.site.clause.calls)
    return not _is_constant(use.table) and not found_here and (use.table.kind != "call" or "?" in use.table.value)


def _tables_behind(module: Module, name: Term) -> list[Table]:
    """The tables of a module that a term can mean: the one of that name, any for a term known at run time."""
    return [table for table in tables(module) if table.name == name or not _is_constant(name)]


def _can_be_raced(table: Table, write: TableUse) -> bool:
    """An `insert` into a bag adds to what is there, so nothing is lost."""
    return table.access in ("public", "unknown") and not (table.is_bag and write.call.name == "insert")


def _is_constant(name: Term) -> bool:
    return name.kind in ("atom", "module")


def _seen_with_its_table(finding: Finding, project: Project, use: TableUse) -> Finding | None:
    """A table that another module makes: silent when it is not public."""
    if not _is_constant(use.table) or _tables_behind(use.site.module, use.table):
        return finding
    elsewhere = [
        table
        for entry in project.modules.values()
        for table in tables(entry.module)
        if table.named and table.name == use.table
    ]
    if elsewhere and not any(_can_be_raced(table, use) for table in elsewhere):
        return None
    return finding


def _runs_in_one_process(project: Project, module: Module, function: Function) -> bool:
    """Every caller in the project is in the callbacks of one and the same server, or starts the application."""
    callers = list(_callers(project, module, entries_to(call_graph(module), function)))
    return bool(callers) and None not in callers and len(set(callers)) == 1


def _callers(project: Project, module: Module, entries: list[Function]) -> Iterator[str | None]:
    """The server in whose process each call from another module runs; None for any process."""
    for path, analysis in project.files.items():
        if project.role_of(path).is_test:
            continue
        for other in analysis.facts.modules:
            for site in sites(other) if other.name != module.name else ():
                call = site.call
                if call.module == module.name and any(_is_call_of(call, entry) for entry in entries):
                    yield _process_of(other, site.function) if call.runs == "here" else None


def _is_call_of(call: Call, function: Function) -> bool:
    return call.name == function.name and function.accepts(call.arity)


def _process_of(module: Module, function: Function) -> str | None:
    """The server that alone runs a function; one name stands for the start of all applications."""
    graph = call_graph(module)
    if "Application" in kinds(module):
        return "Application" if function.name == "start" or function.kind == "defp" else None
    alone = kinds(module) & SERVERS and function.id in callback_chains(graph)
    return module.name if alone and function.id not in client_side(graph) else None
