"""Running mix with this tool's own Elixir modules, which report to it.

They are compiled once for each Elixir, by themselves: no project's code is there then, and none
can write to them later.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from tempfile import mkdtemp
from threading import Event

from otp_genesis_refactorers.mix.readiness import NotReady, Ready, readiness
from otp_genesis_refactorers.mix.results import MixResult
from otp_genesis_refactorers.mix.running import Entries, OnOutput, Run, execute, not_run, own_code_folder
from otp_genesis_refactorers.sandbox.limits import DEFAULT_LIMITS, Limits
from otp_genesis_refactorers.shadow.workspace import Shadow

_SCRIPTS = Path(__file__).with_name("elixir")
COMPILE, FORMATTED, TEST_FORMATTER = (
    _SCRIPTS / name for name in ("compile.ex", "formatted.ex", "test_formatter.ex")
)
_REPORT = _SCRIPTS / "report.ex"


def run_own_task(
    shadow: Shadow,
    script: Path,
    args: Sequence[str],
    *,
    limits: Limits = DEFAULT_LIMITS,
    on_output: OnOutput | None = None,
    cancel: Event | None = None,
) -> tuple[MixResult, Entries]:
    """`mix ARGS` with the modules of `script`, an Elixir file of this package, and what these reported.

    The script may call `OtpGenesis.Report.write(map)`; each map is one entry of the list given back.
    """
    asked = Run(("mix", *args), limits, on_output, cancel)
    ready = readiness(shadow.original, shadow.trusted)
    if isinstance(ready, NotReady):
        return not_run(asked, ready.reason), []
    try:
        modules = _compiled(shadow, ready, script, asked)
    except OSError as error:
        return not_run(asked, f"{error.filename or shadow.folder}: {error.strerror}"), []
    if isinstance(modules, MixResult):
        return modules, []
    command = [str(ready.toolchain.elixir), "-pa", str(modules), "-S", "mix", *args]
    return execute(shadow, ready, command, asked)


def _compiled(shadow: Shadow, ready: Ready, script: Path, asked: Run) -> Path | MixResult:
    """The folder of the compiled modules of all scripts beside `script`; how the run ended if that failed."""
    sources = sorted({_REPORT, *script.parent.glob("*.ex")})
    versions = f"{ready.toolchain.elixir_version} {ready.toolchain.otp_version}"
    digest = blake2b(versions.encode(), digest_size=8)
    for source in sources:
        digest.update(source.read_bytes())
    folder = own_code_folder() / digest.hexdigest()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    being_made = Path(mkdtemp(prefix="new-", dir=folder.parent))
    # The scripts lie wherever this package is installed, which the sandbox doesn't show.
    copies = [being_made / source.name for source in sources]
    for copy, source in zip(copies, sources, strict=True):
        copy.write_bytes(source.read_bytes())
    compiler = str(ready.toolchain.elixir.with_name("elixirc"))
    command = [compiler, "-o", str(being_made), *(str(copy) for copy in copies)]
    result, _ = execute(shadow, ready, command, asked, elsewhere=being_made)
    if result.status != "ok":
        shutil.rmtree(being_made, ignore_errors=True)
        return result
    try:
        being_made.rename(folder)
    except OSError:  # another process was quicker
        shutil.rmtree(being_made, ignore_errors=True)
    return folder
