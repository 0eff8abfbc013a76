"""What it costs to run mix on a shadow, in ratios of one run to the same mix run in the project itself.

    .venv/bin/python bench/mix_speed.py [PROJECT] [--runs 5]

PROJECT is copied first and left alone. A mix project whose tests pass: by default examples/shaky_shop.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parent))

from measuring import row

from otp_genesis_refactorers import mix
from otp_genesis_refactorers.mix import Ready, readiness
from otp_genesis_refactorers.sandbox.bubblewrap import Room, wrapped
from otp_genesis_refactorers.sandbox.limits import DEFAULT_LIMITS
from otp_genesis_refactorers.sandbox.process import run_guarded
from otp_genesis_refactorers.shadow.workspace import Shadow, open_shadow

SHOP = Path(__file__).parents[1] / "examples" / "shaky_shop"


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def bare(root: Path, *arguments: str) -> Callable[[], object]:
    """mix as a user runs it."""
    environment = {**os.environ, "MIX_ENV": "test"}
    command = ["mix", *arguments]
    return lambda: subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)


def edited(shadow: Shadow, path: str) -> Callable[[], object]:
    """One module is changed, and compiled."""
    content = (shadow.original / path).read_bytes()

    def action() -> None:
        shadow.sync({path: content + b"# %d\n" % time.time_ns()})
        mix.compile(shadow)

    return action


def sandbox(ready: Ready, true: str) -> Callable[[], object]:
    """A program that does nothing, guarded and isolated."""
    assert ready.bubblewrap is not None
    command = wrapped(ready.bubblewrap, Room(), Path("/"), [true])
    return lambda: run_guarded(
        command, folder=Path("/"), environment={}, limits=DEFAULT_LIMITS, own_namespace=True
    )


def reopened(root: Path) -> None:
    with open_shadow(root):
        pass


@click.command()
@click.argument("project", type=click.Path(path_type=Path, exists=True, file_okay=False), default=SHOP)
@click.option("--runs", default=5, show_default=True)
def main(project: Path, runs: int) -> None:
    """Measure, each action in turn, so that a busy machine is busy for all of them."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        root = Path(folder, project.resolve().name)
        shutil.copytree(project, root, ignore=shutil.ignore_patterns("_build"))
        module = next(path.relative_to(root).as_posix() for path in sorted(root.glob("lib/**/*.ex")))
        bare_cold = seconds(bare(root, "compile"))
        opened = seconds(lambda: reopened(root))
        with open_shadow(root, trusted_for_this_run=True) as shadow:
            cold = seconds(lambda: mix.compile(shadow))
            ready = readiness(root.resolve(), trusted=True)
            assert isinstance(ready, Ready)
            actions: dict[str, Callable[[], object]] = {
                "mix compile in the project, nothing to do": bare(root, "compile"),
                "  on the shadow, with its diagnostics": lambda: mix.compile(shadow),
                "  after a change of one module": edited(shadow, module),
                "  every file anew": lambda: mix.compile(shadow, force=True),
                "mix test in the project": bare(root, "test", "--seed", "0"),
                "  on the shadow, with its results": lambda: mix.test(shadow),
                "mix format in the project, one file": bare(root, "format", "--check-formatted", module),
                "  on the shadow": lambda: mix.format_check(shadow, [module]),
                "bringing the copy up to date": lambda: shadow.sync({}),
                "guard and sandbox alone": sandbox(ready, shutil.which("true") or "true"),
            }
            found: dict[str, list[float]] = {name: [] for name in actions}
            for turn in range(runs + 1):
                for name, action in actions.items():
                    taken = seconds(action)
                    if turn:
                        found[name].append(taken)
    print(row("first compilation in the project", f"{bare_cold:.2f} s", "1.00", None))
    print(row("  on the shadow", f"{cold:.2f} s", f"{cold / bare_cold:.2f}", None))
    print(row("  making the copy", f"{opened:.2f} s", f"{opened / bare_cold:.2f}", None))
    base = 0.0
    for name, times in found.items():
        median = statistics.median(times)
        base = base if name.startswith(" ") else median
        print(row(name, f"{median:.2f} s", f"{median / base:.2f}", None))


if __name__ == "__main__":
    main()
