"""Every fix on one real project: it compiles as before, and its tests pass as before.

The project is the example project with `flaws/`: what it has not to show of what can be fixed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.rules import all_rules
from otp_genesis_refactorers.applying.write import write_files
from otp_genesis_refactorers.fix_all import FixResult, fix_all
from otp_genesis_refactorers.fixes import find_fix
from tests.fixes.judging import DETERMINISTIC, STRICT

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "shaky_shop"
_PLACE = re.compile(r"(:\d+)+|line \d+")


def project_with_flaws(folder: Path) -> Path:
    built = shutil.ignore_patterns("_build", "deps")
    root = Path(shutil.copytree(EXAMPLE, folder / "shop", ignore=built))
    shutil.copytree(HERE / "flaws" / "lib", root / "lib" / "more")
    shutil.copytree(HERE / "flaws" / "test", root / "test", dirs_exist_ok=True)
    application = root / "lib" / "shaky_shop" / "application.ex"
    last = "      ShakyShop.BackOffice\n"
    assert last in application.read_text()
    supervised = last.replace("BackOffice", "BackOffice,\n      ShakyShop.More.Postman")
    application.write_text(application.read_text().replace(last, supervised))
    return root


def mix_test(root: Path) -> tuple[int, set[str], str]:
    """The exit status of `mix test`, what the compiler warned of, and all that was said."""
    ran = subprocess.run(
        ["mix", "test", "--seed", "1"], cwd=root, capture_output=True, text=True, check=False, timeout=200
    )
    said = ran.stdout + ran.stderr
    lines = said.splitlines()
    warnings = {_PLACE.sub("", line) for line in lines if line.startswith(("warning:", "error:", "** ("))}
    return ran.returncode, warnings, said


def fixed(root: Path) -> FixResult:
    project = engine.load(root).project
    findings = engine.check(project, STRICT)
    result = fix_all(project, findings, DETERMINISTIC, STRICT)
    write_files(root, result.changed, result.original_hashes)
    return result


def test_every_fix_leaves_a_project_that_compiles_and_passes_its_tests(tmp_path: Path) -> None:
    root = project_with_flaws(tmp_path)
    status, known, said = mix_test(root)
    assert status == 0, said
    result = fixed(root)
    fixable = {rule.code for rule in all_rules() if find_fix(rule.name) is not None}
    assert fixable - {finding.code for finding in result.applied} == set()
    status, warnings, said = mix_test(root)
    assert status == 0, said
    assert warnings - known == set()
