from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers.facts.declared_state import declared_collections
from otp_genesis_analyzers.facts.kinds import kinds
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.sites import production_modules
from otp_genesis_analyzers.facts.volatile_state import Evidence, Reason, declared_evidence, evidence_of
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.supervision import forest

_REPORTED_AT = 4
_MAX_RELATED = 8
_PERSISTENCE_NAMES = ("Persistence", "Persister", "Persistent", "Snapshot", "Snapshots", "Store", "Storage")


class VolatileState(Rule):
    """What callers gave a server is kept in its process alone, and lost when that ends.

    ## What it does
    """

    code = "OTP201"
    name = "volatile-state"
    severity = Severity.INFORMATION
    anchors = ("handle_call", "handle_cast", "schema:")
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = []
    VALID: ClassVar = []

    def check(self, file: FileView) -> Iterable[Finding]:
        """Also what scores one point too few: the project may give it that point."""
        for module in production_modules(file.facts, file.role):
            if not module.complete:
                continue
            if "GenServer" in kinds(module):
                evidence = evidence_of(file.source, file.facts, module)
                if evidence is not None and evidence.score >= _REPORTED_AT - 1:
                    yield self._finding(file, module, evidence)
            yield from self._declared(file, module)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        reasons = list(_project_reasons(finding, project))
        score = _score_in(finding) + sum(reason.points for reason in reasons)
        if score < _REPORTED_AT:
            return None
        words = "".join(f"; {reason}" for reason in reasons)
        head, _, tail = finding.message.partition(f"score {_score_in(finding)}")
        return structs.replace(finding, message=f"{head}score {score}{tail[:-1]}{words})")

    def _declared(self, file: FileView, module: Module) -> Iterator[Finding]:
        for field in declared_collections(file.source, module):
            evidence = declared_evidence(module, field)
            if evidence.score >= _REPORTED_AT - 1:
                yield self.report(
                    file.facts.path,
                    field.span,
                    f"`{field.name}` of `{module.name}` is lost when its process ends: {_in_words(evidence)}",
                    snippet=field.name,
                    scope=module.name,
                    confidence=Confidence.HEURISTIC,
                    fix=FixKind.LLM,
                )

    def _finding(self, file: FileView, module: Module, evidence: Evidence) -> Finding:
        return self.report(
            file.facts.path,
            module.name_span,
            f"what callers give `{module.name}` is lost when its process ends: {_in_words(evidence)}",
            snippet=module.name,
            scope=module.name,
            confidence=Confidence.HEURISTIC,
            fix=FixKind.LLM,
            related=tuple(
                Related(file.facts.path, message.clause.name_span, f"`{message.tag}` adds to the state here")
                for message in evidence.writes[:_MAX_RELATED]
            ),
        )


def _in_words(evidence: Evidence) -> str:
    reasons = "; ".join(map(str, evidence.reasons))
    fields = ", ".join(f"`{name}`" for name in evidence.fields if name)
    return f"score {evidence.score}{f' for {fields}' if fields else ''} ({reasons})"


def _score_in(finding: Finding) -> int:
    """The score that the file alone gave, as the message has it."""
    return int(finding.message.partition(": score ")[2].split(" ", 1)[0])


def _project_reasons(finding: Finding, project: Project) -> Iterator[Reason]:
    module = finding.scope
    places = forest(project).started.get(module, ())
    if any(child.restart == "temporary" for _, child in places):
        yield Reason(-2, "its supervisor never restarts it")
    elif any(node.children.kind == "dynamic" for node, _ in places):
        yield Reason(-2, "it is one of many that are started and ended at run time")
    store = _persistence_module(finding, project)
    if store:
        yield Reason(1, f"`{store}` is there to keep state, and is not used")


def _persistence_module(finding: Finding, project: Project) -> str:
    """A module of the same application that is named for keeping state, of which the file makes no use."""
    app = project.app_of(finding.path)
    used = project.files[finding.path].facts.references
    names = (
        module.name
        for facts in (project.files_of(app) if app is not None else ())
        if project.role_of(facts.path).is_application_code
        for module in facts.modules
        if module.kind == "defmodule" and module.name.endswith(_PERSISTENCE_NAMES)
    )
    return next((name for name in sorted(names) if name not in used and name != finding.scope), "")
