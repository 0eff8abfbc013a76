"""The three rings import inwards only, and what is slow to load is loaded when it is needed.

Each import happens in a fresh interpreter: this one has loaded everything already.
"""

import json
import subprocess
import sys

import pytest

PROTOCOL = {"pygls", "lsprotocol"}
VENDORS = {"anthropic", "google.genai"}

IMPORT_ALL = """
import importlib, pkgutil
package = importlib.import_module(name)
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
IMPORT_ONE = "import importlib; importlib.import_module(name)"


def loaded_by(name: str, how: str) -> set[str]:
    script = f"name = {name!r}\n{how}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout))


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("otp_genesis_analyzers", {*PROTOCOL, *VENDORS, "otp_genesis_refactorers", "otp_genesis_server"}),
        ("otp_genesis_refactorers", {*PROTOCOL, *VENDORS, "otp_genesis_server"}),
        ("otp_genesis_server", VENDORS),
    ],
)
def test_no_module_of_a_ring_imports_outwards_or_loads_a_vendor(package: str, forbidden: set[str]) -> None:
    assert loaded_by(package, IMPORT_ALL) & forbidden == set()


def test_the_command_line_starts_without_the_language_server() -> None:
    # `otp-genesis check` runs in commit hooks: the protocol's types alone would double its start.
    assert loaded_by("otp_genesis_server.cli", IMPORT_ONE) & {*PROTOCOL, *VENDORS, "asyncio"} == set()
