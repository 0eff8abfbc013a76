"""A test written by a model: believed only after the same proofs as any other, at most three tries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers import mix
from otp_genesis_refactorers.applying.diff import unified
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.exunit.acceptance import objection
from otp_genesis_refactorers.exunit.generating import (
    NO_TRUST,
    Generated,
    Wanted,
    finished,
    laboratory,
    named,
    proved,
)
from otp_genesis_refactorers.exunit.mutants import Mutant, mutants
from otp_genesis_refactorers.exunit.placing import scratch_path, test_module
from otp_genesis_refactorers.exunit.proving import Proof
from otp_genesis_refactorers.gates.running.experiment import Experiment, GivenTest
from otp_genesis_refactorers.llm.asking import ask_for
from otp_genesis_refactorers.llm.connecting import Connection
from otp_genesis_refactorers.llm.context.outline import supervision_tree
from otp_genesis_refactorers.llm.context.surroundings import Excerpt, callers, sent_to, starters
from otp_genesis_refactorers.llm.conversation import Request, User
from otp_genesis_refactorers.llm.failures import ModelFailure
from otp_genesis_refactorers.llm.mending.mend import MOST_TRIES, Watch
from otp_genesis_refactorers.llm.playbooks import prompt
from otp_genesis_refactorers.llm.privacy.fencing import Fence
from otp_genesis_refactorers.llm.privacy.withholding import Withholding
from otp_genesis_refactorers.shadow.workspace import ShadowError

_SCRIPT = Path(__file__).with_name("elixir") / "format_file.ex"
_MOST_CHARACTERS = 60_000
_MOST_TREE = 8_000
_MOST_DETAILS = 4_000


class WrittenTest(BaseModel):
    """The test that was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="The whole text of the test file; empty when there is none.")
    cannot: str = Field(default="", description="Why there is no test; empty when there is one.")


@dataclass(frozen=True)
class Asking:
    """What a model is asked for. Withheld files are not among `excerpts`."""

    wanted: Wanted
    entry: ModuleEntry
    test_name: str
    """Of the test's module."""
    withholding: Withholding
    fence: Fence

    @property
    def trial_path(self) -> str:
        return scratch_path(self.wanted.project, self.entry.path, self.wanted.module)


@dataclass(frozen=True)
class _Try:
    text: str
    proof: Proof


def prepared(wanted: Wanted) -> Asking | Refused:
    """Why a model is not asked, or what it is asked. Raises OSError."""
    project = engine.with_wrappers(wanted.after)
    entry = project.module(wanted.module)
    if entry is None:
        return Refused(f"there is no module {wanted.module} in the project")
    withholding = Withholding.of(wanted.root)
    withheld = withholding.reason(entry.path)
    if withheld is not None:
        return Refused(f"{entry.path} is not sent to a model: {withheld}")
    name = test_module(project, wanted.module, wanted.function)
    if isinstance(name, Refused):
        return name
    return Asking(wanted, entry, name, withholding, Fence.fresh())


async def generate_with(
    asking: Asking, connection: Connection, watch: Watch | None = None
) -> Generated | Refused:
    """The first test that is proven, else the last that could be looked at, with why it is not."""
    watch = watch or Watch()
    last: _Try | None = None
    try:
        for _ in range(MOST_TRIES):
            request = replace(request_for(asking, last), on_event=watch.on_event)
            answer = await ask_for(connection, request, WrittenTest)
            source = answer.data.source.strip()
            if not source:
                why = " ".join(answer.data.cannot.split()) or "it gave no reason"
                return Refused(f"the model sees no test for {named(asking.wanted)}: {why}")
            last = await watch.in_thread(_judged, asking, f"{source}\n", watch)
            if last.proof.proven or not last.proof.ran:
                break
    except ModelFailure as failure:
        if last is None:
            return Refused(str(failure))
    finally:
        watch.cancel.set()  # who was cancelled leaves a thread behind, which looks at this
    assert last is not None
    made = finished(asking.wanted, asking.entry.path, last.text, last.proof)
    return replace(made, by_model=True)


def request_for(asking: Asking, failed: _Try | None = None) -> Request:
    """What is asked of the model; `failed` is its last answer."""
    said = [_task(asking)]
    if failed is not None:
        told = f"{failed.proof.reason}\n{failed.proof.details[-_MOST_DETAILS:]}".strip()
        said += [
            prompt("test_again"),
            _fenced(asking, "why it was not accepted", told),
            _fenced(asking, "the last answer", failed.text),
        ]
    return Request(
        system=f"{prompt('test')}\n{asking.fence.rules}",
        messages=(User(_context(asking), is_stable=True), User("\n\n".join(said))),
        nonce=asking.fence.nonce,
    )


def files_of(asking: Asking) -> tuple[str, ...]:
    """The files of which something is sent, sorted."""
    project = engine.with_wrappers(asking.wanted.after)
    changed = [path for path in asking.wanted.contents if asking.withholding.reason(path) is None]
    return tuple(sorted({*changed, *(excerpt.path for excerpt in _excerpts(asking, project))}))


def _task(asking: Asking) -> str:
    wanted = asking.wanted
    parts = [f"Write the module `{asking.test_name}`, a test for `{named(wanted)}`."]
    if wanted.contents:
        diff = "".join(_diff(asking, path) for path in sorted(wanted.contents))
        parts += [
            "The code above is as it is with this change; the test fails without it and passes with it:",
            _fenced(asking, "the change", diff),
        ]
    else:
        parts.append("It passes on the code as it is, and fails when that is broken.")
    return "\n\n".join(parts)


def _diff(asking: Asking, path: str) -> str:
    if asking.withholding.reason(path) is not None:
        return ""
    new = asking.wanted.contents[path] or b""
    try:
        old = asking.wanted.project.read(path)
    except OSError:
        old = None
    return unified(path, old, new)


def _context(asking: Asking) -> str:
    """The module, who starts it and calls it, the tree: the nearest first, up to a budget."""
    project = engine.with_wrappers(asking.wanted.after)
    tree = supervision_tree(project, project.app_of(asking.entry.path))[:_MOST_TREE]
    parts = ["## The project's supervisors and their children", _fenced(asking, "tree", tree or "none")]
    parts.append("## The code")
    parts += [
        _fenced(asking, f"{excerpt.path}:{excerpt.line} ({excerpt.why})", excerpt.text)
        for excerpt in _excerpts(asking, project)
    ]
    may_be_sent = (
        each
        for each in sent_to(project, asking.wanted.module)
        if asking.withholding.reason(each.path) is None
    )
    messages = "\n".join(f"{each.path}:{each.line} {each.text}" for each in may_be_sent)
    parts.append(_fenced(asking, "who sends it messages", messages[:_MOST_TREE] or "nobody"))
    return "\n\n".join(parts) + "\n"


def _excerpts(asking: Asking, project: Project) -> Iterator[Excerpt]:
    """The code to be tested, who starts it and who calls it, as far as it may be sent and the budget goes."""
    path, left = asking.entry.path, _MOST_CHARACTERS
    text = project.read(path).decode("utf-8", "replace")
    own = Excerpt(path, 1, text[:_MOST_CHARACTERS], "the code to be tested", is_whole=True)
    around = (*starters(project, asking.wanted.module), *callers(project, asking.wanted.module))
    for excerpt in (own, *(each for each in around if each.path != path)):
        if asking.withholding.reason(excerpt.path) is None and len(excerpt.text) <= left:
            left -= len(excerpt.text)
            yield excerpt


def _fenced(asking: Asking, name: str, text: str) -> str:
    return asking.fence.around(name, asking.withholding.masked("", text).text)


def _judged(asking: Asking, text: str, watch: Watch) -> _Try:
    wanted = asking.wanted
    test = GivenTest(asking.trial_path, text.encode())
    names = [module.name for module in read_facts(Source(test.path, test.source)).modules]
    if names[:1] != [asking.test_name] or any(not name.startswith(asking.test_name) for name in names):
        return _Try(text, Proof(f"the file must hold the module {asking.test_name} and no other"))
    wrong = objection(wanted.after, wanted.config, test)
    if wrong:
        return _Try(text, Proof(wrong))
    if not wanted.may_run:
        return _Try(text, Proof(NO_TRUST, ran=False))
    try:
        with laboratory(wanted, watch.cancel) as experiment:
            proof = proved(wanted, experiment, test, _mutants(asking), watch.on_gate or _ignore)
            return _Try(_formatted(experiment, test) if proof.proven else text, proof)
    except ShadowError as error:
        return _Try(text, Proof(str(error), ran=False))


def _mutants(asking: Asking) -> list[Mutant]:
    project, function = asking.wanted.after, asking.wanted.function
    source = Source(asking.entry.path, project.read(asking.entry.path))
    made = mutants(source, asking.entry.module)
    own = [each for each in made if not function or each.function == function]
    return own or made


def _formatted(experiment: Experiment, test: GivenTest) -> str:
    """The test as the project's formatter leaves it; as it is where that fails. Raises ShadowError."""
    experiment.lay(experiment.contents, {test.path: test.source})
    run, entries = mix.run_own_task(
        experiment.shadow, _SCRIPT, ["otp_genesis.format_file", test.path], cancel=experiment.cancel
    )
    experiment.log.append(run)
    texts = [entry.get("text") for entry in entries if entry.get("event") == "formatted"]
    text = texts[0] if len(texts) == 1 else None
    return f"{text.rstrip()}\n" if isinstance(text, str) else test.source.decode()


def _ignore(_step: str) -> None:
    """Nobody is told."""
