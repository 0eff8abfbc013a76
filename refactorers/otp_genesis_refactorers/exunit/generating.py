"""From a module to a test of it, with what is known of that test's worth."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.applying.overlay import with_files
from otp_genesis_refactorers.applying.patch import NewContents
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.exunit.acceptance import objection
from otp_genesis_refactorers.exunit.cases import Case, cases_from_facts, cases_observed
from otp_genesis_refactorers.exunit.mutants import Mutant, mutants
from otp_genesis_refactorers.exunit.placing import placed, scratch_path, test_module, test_path
from otp_genesis_refactorers.exunit.proving import OnStep, Proof, prove_for_change, prove_for_code
from otp_genesis_refactorers.exunit.recording import NotStarted, observed
from otp_genesis_refactorers.exunit.starting import Starting, starting
from otp_genesis_refactorers.exunit.subject import Subject, subject_of
from otp_genesis_refactorers.exunit.writing import Page, file_text
from otp_genesis_refactorers.gates.running.experiment import Experiment, GivenTest
from otp_genesis_refactorers.gates.trial import Trial, try_contents
from otp_genesis_refactorers.machine import trust
from otp_genesis_refactorers.rewriting.formatter import DEFAULT_LINE_LENGTH, line_length_of
from otp_genesis_refactorers.shadow.workspace import ShadowError, open_shadow

NO_TRUST = "mix may not run here: allow it with --trust, or for good with 'otp-genesis trust'"
_SHARED = frozenset(
    {":ets", ":persistent_term", "Application", "Registry", ":pg", ":global", "Phoenix.PubSub"}
)


@dataclass(frozen=True)
class Wanted:
    """A test for a module of the project in `root`, or for one of its functions.

    With `contents`, the new contents of files, the test is for that change. `unsaved` is what `project` has
    of open editors.
    """

    root: Path
    project: Project
    config: Config
    module: str
    function: str = ""
    """`name/arity`; empty for all of them."""
    contents: NewContents = field(default_factory=dict[str, bytes | None])
    unsaved: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    trusted_for_this_run: bool = False

    @property
    def may_run(self) -> bool:
        return self.trusted_for_this_run or trust.is_trusted(self.root)

    @property
    def after(self) -> Project:
        """The project as the test is to find it."""
        return with_files(self.project, self.contents) if self.contents else self.project


@dataclass(frozen=True)
class Generated:
    """`change` brings the test into the project."""

    module: str
    path: str
    text: str
    change: Change
    proof: Proof
    left_out: tuple[str, ...] = ()
    by_model: bool = False

    @property
    def may_be_written(self) -> bool:
        """Nothing speaks against it; what a model has written needs what speaks for it."""
        return self.proof.proven or not (self.proof.ran or self.by_model)


@dataclass(frozen=True)
class Draft:
    """What is known before a test is written: `page` says how its file begins."""

    wanted: Wanted
    subject: Subject
    start: Starting
    page: Page

    @property
    def trial_path(self) -> str:
        return scratch_path(self.wanted.project, self.subject.entry.path, self.wanted.module)

    def finished(self, text: str, proof: Proof, left_out: list[str]) -> Generated:
        path = self.subject.entry.path
        return finished(self.wanted, path, text, proof, (*self.subject.left_out, *left_out))


def drafted(wanted: Wanted) -> Draft | Refused:
    """Why no test can be made, or what one is made from."""
    project = engine.with_wrappers(wanted.after)
    subject = subject_of(project, wanted.module)
    if isinstance(subject, Refused):
        return subject
    if wanted.function and wanted.function not in {client.id for client in subject.clients}:
        why = next((said for said in subject.left_out if said.startswith(f"{wanted.function} ")), "")
        return Refused(why or f"{wanted.module}.{wanted.function} asks nothing of the process")
    start = starting(subject)
    if isinstance(start, Refused):
        return start
    name = test_module(project, wanted.module, wanted.function)
    if isinstance(name, Refused):
        return name
    app = project.app_of(subject.entry.path)
    length = line_length_of(project, app) if app is not None else DEFAULT_LINE_LENGTH
    return Draft(wanted, subject, start, Page(name, wanted.module, start, length, _is_alone(subject, start)))


def generate(
    wanted: Wanted, *, cancel: Event | None = None, on_step: OnStep = lambda _: None
) -> Generated | Refused:
    """A test without a model: from the facts, and from what the code does where mix may run."""
    draft = drafted(wanted)
    if isinstance(draft, Refused):
        return draft
    if not wanted.may_run:
        return _from_facts(draft, NO_TRUST)
    try:
        with laboratory(wanted, cancel) as experiment:
            on_step("running the client functions")
            seen = observed(draft.subject, draft.page, experiment, draft.trial_path)
            if isinstance(seen, NotStarted):
                return Refused(f"no test can be made of {named(wanted)}: {seen.reason}")
            if isinstance(seen, Refused):
                return _from_facts(draft, seen.reason)
            cases, left_out = cases_observed(draft.subject, draft.start, seen)
            return _proved(draft, experiment, cases, left_out, on_step)
    except ShadowError as error:
        return _from_facts(draft, str(error))


@contextmanager
def laboratory(wanted: Wanted, cancel: Event | None) -> Generator[Experiment]:
    """The isolated copy in which the test is tried. Raises ShadowError."""
    trusted = wanted.trusted_for_this_run
    with open_shadow(wanted.root, trusted_for_this_run=trusted, cancel=cancel) as shadow:
        yield Experiment(_trial(wanted), wanted.contents, shadow, None, wanted.unsaved, cancel)


def proved(
    wanted: Wanted, experiment: Experiment, test: GivenTest, broken: list[Mutant], on_step: OnStep
) -> Proof:
    """What a test is worth; for code that is there already by the versions of it that are `broken`.

    Raises ShadowError.
    """
    if wanted.contents:
        on_step("running the test without the change and with it")
        return prove_for_change(replace(experiment, test=test))
    entry = wanted.project.module(wanted.module)
    path = entry.path if entry is not None else ""
    return prove_for_code(experiment, test, path, broken, on_step)


def finished(wanted: Wanted, path: str, text: str, proof: Proof, left_out: Iterable[str] = ()) -> Generated:
    """A test with its place in the project. `path` is the file of the code."""
    place = test_path(wanted.project, path, wanted.module)
    change = placed(wanted.project, place, text, f"Add a test for {named(wanted)}")
    function = wanted.function
    mine = tuple(said for said in left_out if not function or said.startswith(f"{function} "))
    return Generated(wanted.module, place, text, change, proof, mine)


def named(wanted: Wanted) -> str:
    return f"{wanted.module}.{wanted.function}" if wanted.function else wanted.module


def _from_facts(draft: Draft, why_not_proven: str) -> Generated | Refused:
    if draft.start.guess:
        return Refused(
            f"{draft.wanted.module} is started with a {draft.start.guess}, and what that must be is decided"
            " out of sight; with --trust it is tried"
        )
    cases, left_out = cases_from_facts(draft.subject, draft.start)
    text = file_text(draft.page, _of_function(draft, cases))
    refusal = _refusal(draft, text, left_out)
    if refusal is not None or text is None:
        return refusal or Refused("there is nothing to test")
    return draft.finished(text, Proof(why_not_proven, ran=False), left_out)


def _proved(
    draft: Draft, experiment: Experiment, cases: list[Case], left_out: list[str], on_step: OnStep
) -> Generated | Refused:
    """The test, without the cases that did not pass every time."""
    while True:
        text = file_text(draft.page, _of_function(draft, cases))
        refusal = _refusal(draft, text, left_out)
        if refusal is not None or text is None:
            return refusal or Refused("there is nothing to test")
        tested = {case.function for case in _of_function(draft, cases)}
        test = GivenTest(draft.trial_path, text.encode())
        proof = proved(draft.wanted, experiment, test, _mutants(draft, tested), on_step)
        kept = [case for case in cases if case.title not in proof.failing]
        if len(kept) in (0, len(cases)) or draft.wanted.contents:
            return draft.finished(text, proof, left_out)
        left_out += [f"{title} is left out: it does not pass every time" for title in proof.failing]
        cases = kept


def _refusal(draft: Draft, text: str | None, left_out: list[str]) -> Refused | None:
    if text is None:
        none = "a line of it would be too long" if draft.subject.clients else "it has no client functions"
        why = next(iter([*draft.subject.left_out, *left_out]), none)
        return Refused(f"nothing of {named(draft.wanted)} can be tested: {why}")
    test = GivenTest(draft.trial_path, text.encode())
    wrong = objection(draft.wanted.after, draft.wanted.config, test)
    return Refused(f"no sound test can be made of {named(draft.wanted)}: {wrong}") if wrong else None


def _of_function(draft: Draft, cases: list[Case]) -> list[Case]:
    function = draft.wanted.function
    return [case for case in cases if not function or case.function == function]


def _mutants(draft: Draft, tested: Collection[str]) -> list[Mutant]:
    """Of the code that the test is for: the functions tested, with what the process does for them."""
    subject = draft.subject
    clients = [client for client in subject.clients if client.id in tested]
    functions = subject.graph.reached([client.function for client in clients])
    messages = {request.message.tag for client in clients for request in client.requests}
    made = mutants(subject.source, subject.module)
    return [each for each in made if each.concerns(functions, messages, whole=not draft.wanted.function)]


def _is_alone(subject: Subject, start: Starting) -> bool:
    """Whether nothing that it touches can be seen from other tests."""
    if start.name or start.supervisor:
        return False
    others = set(subject.project.modules) - {subject.module.name}
    return not any(
        call.module in _SHARED or call.module in others
        for function in subject.module.functions
        for clause in function.clauses
        for call in clause.calls
    )


def _trial(wanted: Wanted) -> Trial:
    if wanted.contents:
        found = engine.check(wanted.project, wanted.config)
        return try_contents(None, wanted.contents, wanted.project, found, wanted.config)
    return Trial(None, Change("Add a test", FixKind.SAFE, ()), wanted.project, wanted.project, (), ())
