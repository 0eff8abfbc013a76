"""Two verbs for the tests of the fixes: a text is fixed, or the fix is refused.

Texts hold one file, or several under `# file: lib/a.ex` headers. Without `mix.exs` they belong to an
application `:shop` whose `Shop.Application` starts no children.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from inspect import cleandoc

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.discovery import find_apps
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.change import Change, Refused, apply_to
from otp_genesis_refactorers.fixes import fix
from otp_genesis_refactorers.gates import first_failure
from otp_genesis_refactorers.gates.trial import try_out
from tests.example_project import DEFAULT_APPLICATION, DEFAULT_MIX, parse

STRICT = Config(preset="strict")
CODES = ("OTP101", "OTP102", "OTP103")
WITH_SUPERVISOR = DEFAULT_APPLICATION.replace("[]", "[{Task.Supervisor, name: Shop.TaskSupervisor}]")


def files_of(text: str) -> dict[str, bytes]:
    """The files of an example, as bytes."""
    return {path: content.encode() for path, content in parse(cleandoc(text) + "\n").files.items()}


def project_of(files: Mapping[str, bytes], application: str = DEFAULT_APPLICATION) -> Project:
    """A project that lives in memory."""
    if not any(path.endswith("mix.exs") for path in files):
        defaults = {"mix.exs": DEFAULT_MIX, "lib/shop/application.ex": application}
        files = {path: text.encode() for path, text in defaults.items()} | dict(files)

    def read(path: str) -> bytes:
        if path not in files:
            raise FileNotFoundError(2, "No such file", path)
        return files[path]

    bare = Project(find_apps(list(files), read), {}, read)
    elixir = {path: text for path, text in files.items() if path.endswith((".ex", ".exs"))}
    analysed = {path: engine.analyze(Source(path, text), bare.role_of(path)) for path, text in elixir.items()}
    return Project(bare.apps, analysed, read)


def start_findings(project: Project) -> list[Finding]:
    """What the rules about unsupervised starts find, in order."""
    return [finding for finding in engine.check(project, STRICT) if finding.code in CODES]


def fixed(project: Project, codes: Collection[str] = CODES) -> Change | Refused:
    """The fix of the first finding of these rules, one that has a fix if any, put through the gates."""
    found = engine.check(project, STRICT)
    candidates = [finding for finding in found if finding.code in codes]
    finding = next((each for each in candidates if each.fix is not None), candidates[0])
    change = fix(finding, project)
    if isinstance(change, Change):
        assert change.kind is finding.fix
        failure = first_failure(try_out(finding, change, project, found, STRICT))
        assert failure is None, failure
    return change


def check_fix(before: str, after: str, application: str = WITH_SUPERVISOR) -> Change:
    """The first finding of `before` fixed gives the files of `after`, and changes no other."""
    project = project_of(files_of(before), application)
    change = fixed(project)
    assert isinstance(change, Change), change
    given, wanted = decoded(changed_files(change, project)), decoded(files_of(after))
    assert sorted(given) == sorted(wanted)
    for path, text in given.items():
        assert text == wanted[path], f"{path} became\n{text}"
    return change


def check_refused(text: str, *parts: str, application: str = WITH_SUPERVISOR) -> str:
    """The first finding is not fixed, and the reason holds all `parts`."""
    refusal = fixed(project_of(files_of(text), application))
    assert isinstance(refusal, Refused), refusal
    assert [part for part in parts if part not in refusal.reason] == [], refusal.reason
    assert "\n" not in refusal.reason
    return refusal.reason


def changed_files(change: Change, project: Project) -> dict[str, bytes]:
    return apply_to(change, {file.path: project.read(file.path) for file in change.files})


def decoded(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: content.decode() for path, content in files.items()}


def in_function(body: str) -> str:
    """A module whose function `run/1` has this body; `:ok` is what the function returns."""
    lines = [f"    {line}" if line else "" for line in [*cleandoc(body).splitlines(), ":ok"]]
    return "\n".join(["defmodule Shop.Mailer do", "  def run(user) do", *lines, "  end", "end"])
