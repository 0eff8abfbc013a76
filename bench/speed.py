"""How fast `check` is, in ratios of one run, on real Elixir.

    .venv/bin/python bench/speed.py DIR... [--runs 5] [--jobs 2]

The Elixir files below all DIRs are copied into one scratch folder, since one of them is changed. Each
ratio is of medians; the commands take turns. The first number is of wall time, the second of the processor
time of all processes, which a busy machine distorts less. ast-grep is installed from PyPI into the scratch
folder; where it can't be, its row says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parent))

from measuring import Command, copy_elixir, medians, peak_pss_megabytes, ratio, row

PROGRAMS = Path(__file__).parent / "programs"
OTP_GENESIS = Path(sys.executable).with_name("otp-genesis")
PATTERNS = {
    "unsupervised-spawn": ["spawn($$$)", "spawn_link($$$)"],
    "unsupervised-task": ["Task.start($$$)"],
    "discarded-async-task": ["Task.async($$$)"],
    "start-outside-tree": ["GenServer.start_link($$$)", "Agent.start_link($$$)"],
    "sleep-as-synchronisation": ["Process.sleep($$$)", ":timer.sleep($$$)"],
    "ets-read-modify-write": [":ets.lookup($$$)", ":ets.insert($$$)"],
    "monitor-leak": ["Process.monitor($$$)"],
    "infinite-timeout": ["GenServer.call($$$)"],
    "cast-needs-ack": ["GenServer.cast($$$)"],
    "raw-send-to-server": ["send($A, $B)", "Process.send_after($$$)"],
    "telemetry-handler-leak": [":telemetry.attach($$$)", ":telemetry.attach_many($$$)"],
    "hard-stop": ["Process.exit($$$)"],
}
"""Twelve of our rules, and what they look for, as far as a pattern can say it."""
_GATED = "the gate, and parsing what passes it"
_VISITED = "looking once at each node, nothing done with it"
SMALL = "defmodule Shop.Mail do\n  def send(mail), do: spawn(fn -> Shop.Smtp.deliver(mail) end)\nend\n"


@click.command()
@click.argument(
    "folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--runs", default=5, show_default=True)
@click.option("--jobs", default=2, show_default=True)
def main(folders: tuple[Path, ...], runs: int, jobs: int) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "elixir"
        files, size = copy_elixir(folders, root)
        print(f"{files} files, {size / 1e6:.1f} MB, {jobs} processes, medians of {runs} runs\n")
        print("| what | wall | processor | limit |\n|---|--:|--:|--:|")
        _cold(Path(scratch), root, runs, jobs)
        _ungated(root, runs)
        _warm(Path(scratch), root, runs, jobs)
        _start(Path(scratch), runs)


def _check(cache: Path, root: Path, jobs: int, rules: Iterable[str] = (), **more: object) -> Command:
    selected = [option for rule in rules for option in ("--select", rule)]
    arguments = [OTP_GENESIS, "check", "--jobs", str(jobs), *selected, root]
    return Command(arguments, {"XDG_CACHE_HOME": str(cache)}, **more)  # pyright: ignore[reportArgumentType]


def _parse(root: Path, jobs: int, *more: str) -> Command:
    return Command([sys.executable, PROGRAMS / "parse_all.py", root, str(jobs), *more])


def _cold(scratch: Path, root: Path, runs: int, jobs: int) -> None:
    cache = scratch / "cold"
    check = _check(cache, root, jobs, before=partial(shutil.rmtree, cache, ignore_errors=True))
    commands = {
        "check": check,
        "twelve": _check(cache, root, jobs, PATTERNS, before=check.before),
        "parse": _parse(root, jobs),
        "gated": _parse(root, jobs, "gated"),
        "visited": _parse(root, jobs, "gated", "visited"),
    }
    ast_grep = _ast_grep(scratch, root, jobs)
    if ast_grep is not None:
        commands["ast-grep"] = ast_grep
    costs = medians(commands, runs)
    print(ratio("`check` cold / parse alone", costs["check"], costs["parse"], 1.0))
    print(ratio("the same with 12 rules selected", costs["twelve"], costs["parse"], None))
    for name, what in (("gated", _GATED), ("visited", f"{_GATED}, and {_VISITED}")):
        print(ratio(f"{what} / parse alone", costs[name], costs["parse"], None))
    if ast_grep is None:
        print(row("`check` cold / ast-grep with 12 rules", "not installed", "", 1.0))
    else:
        twelve = "`check` cold, the 12 rules selected, / ast-grep with 12 rules like them"
        print(ratio(twelve, costs["twelve"], costs["ast-grep"], 1.0))
        print(ratio("`check` cold, all rules, / the same", costs["check"], costs["ast-grep"], None))
    print(row("peak memory of `check` cold, MB of PSS", f"{peak_pss_megabytes(check):.0f}", "", 150))


def _ungated(root: Path, runs: int) -> None:
    check = Command([sys.executable, PROGRAMS / "check_all.py", root])
    commands = {"check": check, "parse": _parse(root, 1), "visited": _parse(root, 1, "visited")}
    costs = medians(commands, runs)
    print(ratio("`check` with the gate off / parse, one process", costs["check"], costs["parse"], 1.3))
    print(ratio(f"parse, and {_VISITED} / parse", costs["visited"], costs["parse"], None))


def _warm(scratch: Path, root: Path, runs: int, jobs: int) -> None:
    cold, warm = scratch / "cold", scratch / "warm"
    changed = next(file for file in sorted(root.rglob("*.ex")) if b"use GenServer" in file.read_bytes())

    def change() -> None:
        changed.write_bytes(changed.read_bytes() + b"\n# changed\n")
        seconds = 1_000_000_000 + changed.stat().st_size
        os.utime(changed, (seconds, seconds))

    from_nothing = _check(cold, root, jobs, before=partial(shutil.rmtree, cold, ignore_errors=True))
    costs = medians({"warm": _check(warm, root, jobs), "cold": from_nothing}, runs)
    print(ratio("`check` warm, nothing changed / cold", costs["warm"], costs["cold"], 0.12))
    costs = medians({"edited": _check(warm, root, jobs, before=change), "cold": from_nothing}, runs)
    print(ratio("`check` warm, one file changed / cold", costs["edited"], costs["cold"], None))


def _start(scratch: Path, runs: int) -> None:
    (scratch / "small").mkdir()
    file = scratch / "small" / "mail.ex"
    file.write_text(SMALL)
    costs = medians(
        {
            "nothing": Command([sys.executable, "-c", "pass"]),
            "version": Command([OTP_GENESIS, "--version"]),
            "small": Command([OTP_GENESIS, "check", file], {"XDG_CACHE_HOME": str(scratch / "small")}),
        },
        runs * 4,
    )
    print(ratio("`--version` / `python -c pass`", costs["version"], costs["nothing"], 4))
    print(ratio("`check` of one small file / `python -c pass`", costs["small"], costs["nothing"], 6))


def _ast_grep(scratch: Path, root: Path, jobs: int) -> Command | None:
    """ast-grep with the patterns as rules; None where it can't be installed."""
    programs = scratch / "ast-grep"
    steps = [
        [sys.executable, "-m", "venv", programs],
        [programs / "bin" / "python", "-m", "pip", "install", "-qq", "ast-grep-cli"],
    ]
    for step in steps:
        if subprocess.run(step, capture_output=True, check=False).returncode != 0:
            return None
    rules = scratch / "rules"
    rules.mkdir()
    for name, patterns in PATTERNS.items():
        listed = "".join(f"    - pattern: {pattern!r}\n" for pattern in patterns)
        text = f"id: {name}\nlanguage: elixir\nmessage: {name}\nseverity: warning\nrule:\n  any:\n{listed}"
        (rules / f"{name}.yml").write_text(text)
    config = scratch / "sgconfig.yml"
    config.write_text("ruleDirs: [rules]\n")
    return Command([programs / "bin" / "ast-grep", "scan", "-c", config, "--threads", str(jobs), root])


if __name__ == "__main__":
    main()
