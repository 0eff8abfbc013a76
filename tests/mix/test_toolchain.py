"""Elixir is found wherever people install it, and runs from there in the sandbox."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from otp_genesis_refactorers import mix
from otp_genesis_refactorers.machine.toolchain import NoToolchain, Toolchain, find_toolchain
from tests.mix.projects import trusted_shadow, write, write_till

ERLANG, ELIXIR = (Path(shutil.which(name) or "").resolve().parent.parent for name in ("erl", "elixir"))


def install(root: Path, elixir: str = "1.17.3", otp: str = "27") -> None:
    """What is looked at of an Elixir, or an Erlang, without any code."""
    app = f'{{application,elixir,[{{description,"elixir"}},\n {{vsn,"{elixir}"}}]}}.'
    if root.parent.name == "elixir":
        write(root, {"bin/elixir": "", "bin/mix": "", "lib/elixir/ebin/elixir.app": app})
    else:
        write(root, {"bin/erl": "", f"releases/{otp}/OTP_VERSION": f"{otp}.1.2\n"})
    for program in (root / "bin").iterdir():
        program.chmod(0o755)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def found(project: Path, home: Path, **environment: str) -> Toolchain:
    toolchain = find_toolchain(project, {"HOME": str(home), "PATH": "", **environment})
    assert isinstance(toolchain, Toolchain), toolchain
    return toolchain


ASDF, MISE = ".asdf/installs", ".local/share/mise/installs"


@pytest.mark.parametrize(
    ("manager", "files"),
    [
        (ASDF, {".tool-versions": "# tools\nnodejs 20\nelixir 1.15.7-otp-26\nerlang 26.2.1 27.0\n"}),
        (MISE, {"mise.toml": '[tools]\nelixir = "1.15"\nerlang = "26"\n'}),
        (MISE, {".mise.toml": '[tools]\nelixir = ["1.15.7-otp-26"]\nerlang = {version = "26.2.1"}\n'}),
        (MISE, {".tool-versions": "elixir 1.15.7-otp-26\nerlang 26.2.1\n"}),
    ],
)
@pytest.mark.parametrize("place", ["code/shop", "code", "."])
def test_what_a_version_manager_has_for_the_project(
    home: Path, manager: str, files: dict[str, str], place: str
) -> None:
    for elixir, otp in (("1.15.7-otp-26", "26.2.1"), ("1.17.3-otp-27", "27.1.0")):
        install(home / manager / "elixir" / elixir, elixir=elixir)
        install(home / manager / "erlang" / otp, otp=otp[:2])
    write(home / place, files)
    project = write_till(home / "code/shop")
    toolchain = found(project, home)
    assert toolchain.elixir_root == home / manager / "elixir/1.15.7-otp-26"
    assert toolchain.erlang_root == home / manager / "erlang/26.2.1"
    assert (toolchain.elixir_version, toolchain.otp_version) == ("1.15.7-otp-26", "26.1.2")


def test_the_newest_that_is_installed_where_nobody_asks_for_one(home: Path) -> None:
    for version in ("1.9.4", "1.17.3", "1.16.0"):
        install(home / ASDF / "elixir" / version, elixir=version)
    install(home / ASDF / "erlang/27.0")
    assert found(write_till(home / "shop"), home).elixir_version == "1.17.3"


@pytest.mark.parametrize("version", ["../../../elsewhere", "/elsewhere", "path:/elsewhere", "ref:main", ""])
def test_a_project_can_only_name_what_is_installed(home: Path, tmp_path: Path, version: str) -> None:
    install(tmp_path / "elsewhere/elixir/x")
    install(home / ASDF / "elixir/1.17.3")
    install(home / ASDF / "erlang/27.0")
    project = write_till(home / "shop", {".tool-versions": f"elixir {version}\n"})
    assert found(project, home).elixir_root == home / ASDF / "elixir/1.17.3"


@pytest.mark.parametrize(
    "text", ["[tools", "tools = 1", "[tools]\nelixir = 3", "[tools]\nelixir = []", "\xff"]
)
def test_a_file_that_cannot_be_read_asks_for_nothing(home: Path, text: str) -> None:
    install(home / MISE / "elixir/1.17.3")
    install(home / MISE / "erlang/27.0")
    project = write_till(home / "shop", {"mise.toml": text, ".tool-versions": text})
    assert found(project, home).elixir_version == "1.17.3"


def test_a_shim_in_the_path_is_no_elixir(home: Path) -> None:
    install(home / ASDF / "elixir/1.17.3")
    install(home / ASDF / "erlang/27.0")
    shims = write(home / ".asdf/shims", {"elixir": "#!/bin/sh\nexec asdf exec elixir", "erl": "#!/bin/sh"})
    for shim in shims.iterdir():
        shim.chmod(0o755)
    assert found(write_till(home / "shop"), home, PATH=str(shims)).elixir_version == "1.17.3"


def test_what_is_in_the_path_comes_before_what_nobody_asked_for(home: Path, tmp_path: Path) -> None:
    install(home / ASDF / "elixir/1.17.3")
    install(home / ASDF / "erlang/27.0")
    install(tmp_path / "elixir/own", elixir="1.18.0")
    toolchain = found(write_till(home / "shop"), home, PATH=str(tmp_path / "elixir/own/bin"))
    assert toolchain.elixir_version == "1.18.0"
    assert toolchain.erlang_root == home / ASDF / "erlang/27.0"


def test_all_of_homebrew_is_needed_by_what_it_installs(home: Path, tmp_path: Path) -> None:
    cellar = tmp_path / "brew/Cellar"
    install(cellar / "elixir/1.17.3")
    install(cellar / "erlang/27.0")
    links = tmp_path / "brew/bin"
    links.mkdir()
    (links / "elixir").symlink_to("../Cellar/elixir/1.17.3/bin/elixir")
    (links / "erl").symlink_to("../Cellar/erlang/27.0/bin/erl")
    toolchain = found(write_till(home / "shop"), home, PATH=str(links))
    assert toolchain.elixir_root == cellar / "elixir/1.17.3"
    assert toolchain.needed_folders == (tmp_path / "brew",)


def test_hex_is_looked_for_where_mix_keeps_it(home: Path) -> None:
    root = home / ASDF / "elixir/1.17.3"
    install(root)
    install(home / ASDF / "erlang/27.0")
    project = write_till(home / "shop")
    assert (found(project, home).mix_home, found(project, home).hex_version) == (None, "")
    hex_app = "archives/hex-{0}/hex-{0}/ebin/hex.app"
    app = '{{application,hex,[{{vsn,"{}"}}]}}.'
    for version in ("2.0.6", "2.1.10"):
        write(home / ".mix", {hex_app.format(version): app.format(version)})
    assert (found(project, home).mix_home, found(project, home).hex_version) == (home / ".mix", "2.1.10")
    write(root / ".mix", {hex_app.format("2.2.0"): app.format("2.2.0")})
    assert (found(project, home).mix_home, found(project, home).hex_version) == (root / ".mix", "2.2.0")
    elsewhere = found(project, home, MIX_HOME=str(home / ".mix"))
    assert (elsewhere.mix_home, elsewhere.hex_version) == (home / ".mix", "2.1.10")
    assert elsewhere.mix_home in elsewhere.needed_folders


def test_what_is_missing_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otp_genesis_refactorers.machine.toolchain._USUAL_PLACES", ())
    project = write_till(home / "shop")
    environment = {"HOME": str(home), "PATH": ""}
    assert "Elixir was not found" in reason(project, environment)
    install(home / ASDF / "elixir/1.17.3")
    assert "no Erlang was found" in reason(project, environment)
    (home / ASDF / "elixir/1.17.3/bin/mix").unlink()
    assert "has no mix" in reason(project, environment)


def reason(project: Path, environment: dict[str, str]) -> str:
    missing = find_toolchain(project, environment)
    assert isinstance(missing, NoToolchain)
    return missing.reason


def test_one_under_a_home_folder_runs_in_the_sandbox(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elixir, erlang = home / ASDF / "elixir/1.14.0", home / ASDF / "erlang/25.2.3"
    shutil.copytree(ELIXIR, elixir)
    shutil.copytree(ERLANG, erlang, symlinks=True)
    starter = erlang / "bin/erl"  # it holds the path that it was installed to
    starter.write_text(starter.read_text().replace(str(ERLANG), str(erlang)))
    write(home, {".ssh/id_ed25519": "secret"})
    monkeypatch.setenv("HOME", str(home))
    root = write_till(tmp_path / "till", {".tool-versions": "elixir 1.14.0\nerlang 25.2.3\n"})
    code = f"""
    IO.puts(Path.expand(:code.lib_dir(:elixir)))
    IO.puts(:code.root_dir())
    IO.inspect(File.ls("{home}/.ssh"))
    IO.inspect(File.ls("{home}"))
    """
    with trusted_shadow(root) as shadow:
        result = mix.run(shadow, ["run", "-e", code])
        assert mix.test(shadow).run.status == "ok"
    assert (result.status, result.isolation) == ("ok", "bubblewrap")
    assert result.stdout.splitlines()[-4:] == [
        f"{elixir}/lib/elixir",
        str(erlang),
        "{:error, :enoent}",
        '{:ok, [".asdf"]}',
    ]
