"""What is shipped, what it is built from, and what the repository must not say."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = {
    "otp_genesis_analyzers": ROOT / "analyzers",
    "otp_genesis_refactorers": ROOT / "refactorers",
    "otp_genesis_server": ROOT / "server",
}
LOCKS = ["runtime", "dev"]

# Where packages are served from is the choice of whoever installs them.
REGISTRY_HOST = re.compile(
    r"\b(?:pypi|(?:files|registry|deb|repo\d?|proxy)\.[a-z0-9-]+)\.(?:org|com|net|io|pm)\b"
)
LOCKED_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ;.*?)?(?P<hashes>(?: +--hash=sha256:[0-9a-f]{64})+)$"
)


def locked_lines(lock: str) -> list[str]:
    """The requirements of a lock, a line each: continued lines joined, comments dropped."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def locked_versions(lock: str) -> dict[str, Version]:
    pins = [LOCKED_PIN.match(line) for line in locked_lines(lock)]
    return {canonicalize_name(pin["name"]): Version(pin["version"]) for pin in pins if pin}


def repository_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files belong to the repository is unknown")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    return [path for name in names if name and (path := ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel_names: set[str]) -> None:
    sources = {
        path.relative_to(root).as_posix()
        for package, root in PACKAGES.items()
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    shipped = {name for name in wheel_names if ".dist-info/" not in name}
    assert shipped == sources


def test_the_wheel_is_typed_licensed_and_has_the_command(wheel_names: set[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= wheel_names
    information = {name.partition(".dist-info/")[2] for name in wheel_names}
    assert {"METADATA", "entry_points.txt", "licenses/LICENSE"} <= information


def test_the_wheel_finds_and_fixes_where_nothing_else_is(wheel: Path, tmp_path: Path) -> None:
    depot = tmp_path / "depot"
    shutil.copytree(ROOT / "vscode-extension" / "test" / "depot", depot)
    environment = {
        "PATH": os.defpath,
        "HOME": str(tmp_path),
        "UV_CACHE_DIR": str(ROOT / "build" / "uv-cache"),
        **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))},
    }

    def run(program: Path, *words: str | Path, status: int = 0) -> str:
        command, options = [program, *words], {"env": environment, "cwd": depot, "text": True}
        ended = subprocess.run(command, check=False, capture_output=True, **options)
        assert ended.returncode == status, ended.stderr
        return ended.stdout

    uv, clean = Path(sys.executable).parent / "uv", tmp_path / "clean"
    run(uv, "venv", "--python", sys.executable, clean)
    python = ("--python", clean / "bin" / "python")
    run(uv, "pip", "install", *python, "--require-hashes", "-r", ROOT / "requirements" / "runtime.txt")
    run(uv, "pip", "install", *python, "--no-deps", wheel)
    program = clean / "bin" / "otp-genesis"
    assert "lib/depot/shelves.ex:22:5 warning OTP101" in run(program, "check", status=1)
    run(program, "fix", "--unsafe", "--write")
    assert run(program, "check").startswith("no findings")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_requirement_has_a_version_and_hashes(lock: str) -> None:
    lines = locked_lines(lock)
    assert lines
    assert [line for line in lines if not LOCKED_PIN.match(line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_hold_the_wheels_of_every_platform(lock: str) -> None:
    compiled = next(line for line in locked_lines(lock) if line.startswith("pydantic-core=="))
    assert compiled.count("--hash=") > 20


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_do_not_say_where_packages_come_from(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    assert not re.search(r"[a-z]+://|^-|@ ", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_satisfy_the_project(lock: str) -> None:
    wanted = list(PROJECT["project"]["dependencies"])
    if lock == "dev":
        wanted += [*PROJECT["dependency-groups"]["dev"], *PROJECT["build-system"]["requires"]]
    locked = locked_versions(lock)
    requirements = [Requirement(text) for text in wanted]
    unmet = [
        str(requirement)
        for requirement in requirements
        if (version := locked.get(canonicalize_name(requirement.name))) is None
        or version not in requirement.specifier
    ]
    assert unmet == []


def test_what_is_tested_is_what_is_shipped() -> None:
    assert locked_versions("runtime").items() <= locked_versions("dev").items()


def test_no_file_names_a_package_registry_or_the_place_of_this_checkout() -> None:
    # Only folders deep enough to be nobody else's: "/build/" and "//" stand in many a file.
    own_folders = [
        f"{folder}/" for folder, parts in ((ROOT, 3), (Path.home(), 2)) if len(folder.parts) >= parts
    ]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in repository_files()
        for number, line in enumerate(path.read_bytes().decode(errors="replace").splitlines(), start=1)
        if REGISTRY_HOST.search(line) or any(folder in line for folder in own_folders)
    ]
    assert found == []


def test_no_link_of_a_document_leads_out_of_the_repository() -> None:
    documents = [path for path in repository_files() if path.suffix == ".md"]
    targets = [
        (path, target)
        for path in documents
        for target in re.findall(r"\]\(([^)#\s:]+)[^)]*\)", path.read_text(encoding="utf-8"))
    ]
    astray = [
        f"{path.relative_to(ROOT)}: {target}"
        for path, target in targets
        if not (path.parent / target).resolve().is_relative_to(ROOT)
    ]
    assert astray == []
