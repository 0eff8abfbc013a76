"""The rules' pages as documents of this repository: `docs/rules/`, written by `make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from otp_genesis_analyzers.rules import all_rules
from otp_genesis_analyzers.rules.contract import Rule
from otp_genesis_analyzers.rules.page import page, presence
from otp_genesis_refactorers.plan.model import PHASES

FOLDER = Path(__file__).parent.parent / "docs" / "rules"

_SCRIPT = re.compile(r"`(tests/beam/\w+\.exs)`")
_ABOUT = """\
# The rules

What `otp-genesis check` reports, by the phase of a refactoring that it belongs to. Each rule has a page: what
it does, why it matters on the BEAM, when the code is legitimate, what to use instead, how safe its fix is.
What the pages say of the BEAM is shown by the scripts in [`tests/beam`](../../tests/beam).

`otp-genesis explain CODE` prints the same page; in an editor it is behind the finding's code. There the
setting `rulePages` can name another place: `https://example.org/rules`, to which `/OTP101` is added, or an
address with `{code}` in it. This folder is written by `make docs`.

`preset` in `.otp-genesis.toml`, or `--preset`, says which rules run: `default` those that are right on nearly
all code, `strict` all of them at all levels, `seed` all of them and a ban on each `spawn`, `send` and
`Process.put`, whatever its reason.
"""


def documents() -> dict[str, str]:
    """The Markdown of each file in the folder, by its name."""
    pages = {f"{rule.code}.md": _SCRIPT.sub(r"[`\1`](../../\1)", page(rule)) for rule in all_rules()}
    return {"README.md": "\n".join([_ABOUT, *_tables()]), **pages}


def _tables() -> Iterator[str]:
    titles = {phase.number: f"Phase {phase.number}: {phase.title}" for phase in PHASES}
    last = len(PHASES) + 1
    in_order = sorted(all_rules(), key=lambda rule: (rule.phase() or last, rule.code))
    for phase, rules in groupby(in_order, key=lambda rule: rule.phase()):
        yield f"## {titles.get(phase, 'About suppressions')}\n"
        yield "| rule | what it reports | level | fix |"
        yield "|---|---|---|---|"
        yield from map(_row, rules)
        yield ""


def _row(rule: Rule) -> str:
    level = f"{rule.severity.label}, {presence(rule)}"
    fixes = ", ".join(kind.value for kind in rule.fixes)
    return f"| [{rule.code}]({rule.code}.md) {rule.name} | {rule.summary()} | {level} | {fixes} |"


def main() -> None:
    made = documents()
    FOLDER.mkdir(exist_ok=True)
    for file in FOLDER.glob("*.md"):
        if file.name not in made:
            file.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
