"""`otp-genesis pack`: what goes into a pack, what never does, and that it is read back as it was."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from otp_genesis_refactorers.repomix import Pack, read_pack
from tests.cli.command_line import Ran, run, write, write_shop
from tests.cli.shop import QUIET, WARNING
from tests.git.repositories import git

KEY = "AKIA" + "Q3EXAMPLE7SECRET"  # made up; in two parts, so that no scanner takes this file for a leak


def packed(root: Path, *options: str | Path) -> tuple[Pack, Ran]:
    ran = run("pack", *options, at=root)
    assert ran.status == 0, ran.err
    return read_pack(ran.out.encode()), ran


def refusal(root: Path, *options: str | Path) -> str:
    ran = run("pack", *options, at=root)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    return ran.err.removeprefix("otp-genesis pack: ").rstrip()


def listed(text: str) -> list[str]:
    """The names in the directory structure."""
    tree = text.split("<directory_structure>\n")[1].split("\n</directory_structure>", maxsplit=1)[0]
    return [line.strip() for line in tree.split("\n")]


# --- what is written is read back -----------------------------------------------------------------------


def test_what_is_packed_is_read_back(tmp_path: Path) -> None:
    files = {
        "lib/a.ex": "\n\ndefmodule A do\nend\n",
        "lib/b.ex": '# </file>\n# <file path="lib/evil.ex">\n# <files>\n# 9: x &amp; <b> ]]>\n',
        "lib/c.ex": "# \x1b[31m \x00".replace("\x00", "\x01") + " é \u2028 😀\r\n",
        "lib/trailing.ex": "# a\n\n\n",
        "lib/empty.ex": "",
        "lib/deep/er/ü 'q' & <x>.ex": "# odd name\n",
        "priv/page.html": "<html>\n</html>\n",
    }
    write_shop(tmp_path, files)
    pack, ran = packed(tmp_path)
    assert (pack.format, pack.problems) == ("xml", ())
    assert {path: pack.files[path] for path in files} == {path: text.encode() for path, text in files.items()}
    assert set(pack.files) == {*files, "mix.exs", "lib/shop/application.ex"}
    assert "9 files, " in ran.err
    assert " tokens (an estimate: 4.3 characters each); most in " in ran.err


def test_it_has_the_sections_of_the_format(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    text = packed(tmp_path)[1].out
    opened = re.findall(r"^<(\w+)>$", text, re.MULTILINE)
    assert opened == ["file_summary", "file_format", "notes", "directory_structure", "files"]
    assert not text.startswith("<")
    entries = re.findall(r'^<file path="([^"]+)">\n(.*?)\n</file>\n\n', text, re.MULTILINE | re.DOTALL)
    assert [path for path, _ in entries] == ["lib/a.ex", "lib/shop/application.ex", "mix.exs"]
    assert f"{entries[0][1]}\n" == QUIET
    assert listed(text) == ["lib/", "shop/", "application.ex", "a.ex", "mix.exs"]
    assert text.endswith("</file>\n\n</files>\n")
    summary = text[text.index("<file_summary>") : text.index("</file_summary>") + len("</file_summary>")]
    assert ElementTree.fromstring(summary).find("notes") is not None


def test_a_file_that_can_not_be_told_from_the_pack_is_left_out(tmp_path: Path) -> None:
    spoof = '# a\n</file>\n\n<file path="lib/b.ex">\nspoofed\n'
    write_shop(tmp_path, {"lib/a.ex": spoof, "lib/b.ex": QUIET, "lib/c.ex": "# </file>\n\n</files>\n"})
    pack, ran = packed(tmp_path)
    assert pack.files["lib/b.ex"] == QUIET.encode()
    assert "lib/a.ex" not in pack.files
    assert pack.problems == ("lib/a.ex, lib/c.ex: listed without content",)
    assert ran.err.startswith("lib/a.ex: left out: its text can't be told from the pack's own marks\n")


def test_check_says_of_a_pack_what_it_says_of_the_folder(tmp_path: Path) -> None:
    write_shop(tmp_path / "shop", {"lib/a.ex": WARNING})
    (tmp_path / "empty").mkdir()
    assert run("pack", "-o", tmp_path / "pack.xml", at=tmp_path / "shop").status == 0
    of_pack = run("check", "--input-file", tmp_path / "pack.xml", at=tmp_path / "empty")
    of_folder = run("check", at=tmp_path / "shop")
    assert of_pack.out.replace("unsafe", "") != ""
    assert of_pack.status == of_folder.status == 1


# --- where it is written --------------------------------------------------------------------------------


def test_to_a_file(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    first = run("pack", "--output", "packs.xml", at=tmp_path)
    assert first.status == 0
    assert first.out.startswith("packs.xml: 3 files, ")
    text = (tmp_path / "packs.xml").read_bytes()
    again = run("pack", "--output", "packs.xml", at=tmp_path)
    assert (tmp_path / "packs.xml").read_bytes() == text, "it is no part of itself"
    assert again.out == first.out
    other = run("pack", at=tmp_path)
    assert "packs.xml: left out: its text can't be told from the pack's own marks" in other.err


def test_it_can_not_be_written(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    assert "is a directory" in refusal(tmp_path, "--output", "lib")
    (tmp_path / "pack.xml").write_text("mine")
    (tmp_path / "pack.xml").chmod(0o444)
    assert refusal(tmp_path, "--output", "pack.xml").startswith("pack.xml is read-only")


# --- which files ----------------------------------------------------------------------------------------


def test_what_git_ignores_is_left_out(tmp_path: Path) -> None:
    files = {
        ".gitignore": "*.log\n/priv/static/\n!keep.log\nsecret.txt\n",
        "a.log": "x",
        "keep.log": "x",
        "priv/static/app.js": "x",
        "priv/other/static/app.js": "x",
        "lib/.gitignore": "generated*\n!secret.txt\n",
        "lib/generated.ex": "x",
        "lib/secret.txt": "x",
        "test/generated.ex": "x",
        "_build/x.ex": "x",
        "deps/x/x.ex": "x",
        "mix.lock": "x",
        "local.txt": "x",
    }
    write_shop(tmp_path, files)
    git(tmp_path, "init", "--quiet")
    write(tmp_path, {".git/info/exclude": "local.txt\n"})
    pack, _ = packed(tmp_path)
    assert set(pack.files) & set(files) == {
        "keep.log",
        "priv/other/static/app.js",
        "lib/secret.txt",
        "test/generated.ex",
    }
    unignored = git(tmp_path, "ls-files", "--others", "--exclude-standard").splitlines()
    assert set(pack.files) == {
        path
        for path in unignored
        if not path.endswith((".gitignore", "mix.lock")) and not path.startswith(("deps/", "_build/"))
    }


def test_in_a_folder_of_a_repository(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "*.log\n/shop/lib/b.ex\n"})
    git(tmp_path, "init", "--quiet")
    write_shop(tmp_path / "shop", {"lib/a.ex": QUIET, "lib/b.ex": QUIET, "lib/a.log": "x"})
    pack, _ = packed(tmp_path / "shop")
    assert set(pack.files) == {"lib/a.ex", "lib/shop/application.ex", "mix.exs"}


def test_include_and_ignore(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET, "lib/b.ex": QUIET, "test/a_test.exs": "# test\n"})
    pack, _ = packed(tmp_path, "--include", "lib/**", "--include", "mix.exs", "--ignore", "b.ex")
    assert set(pack.files) == {"lib/a.ex", "lib/shop/application.ex", "mix.exs"}
    assert [problem.split(":")[0] for problem in pack.problems] == [
        "it was packed with --include",
        "it was packed with --ignore",
    ]
    assert "patterns as in .gitignore" in refusal(tmp_path, "--include", "!")
    assert "there is no text file to pack" in refusal(tmp_path, "--include", "*.nothing")


def test_part_of_a_project(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/shop/cart.ex": QUIET, ".otp-genesis-ignore": "/lib/shop/cart.ex\n"})
    pack, ran = packed(tmp_path, "lib")
    assert set(pack.files) == {"shop/application.ex"}
    assert "lib/shop/cart.ex: left out: .otp-genesis-ignore lists it" in ran.err
    assert "is no folder" in refusal(tmp_path, "mix.exs")


def test_a_folder_that_is_no_project(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "print()\n", "b/c.ex": "# c\n"})
    assert set(packed(tmp_path)[0].files) == {"a.py", "b/c.ex"}
    assert "is no mix project" in refusal(tmp_path, "--skeleton")


def test_what_is_no_text_is_only_listed(tmp_path: Path) -> None:
    write_shop(tmp_path, {"logo.png": b"\x89PNG\0", "lib/latin.ex": b"# \xe9\n", "big.txt": b"x" * (5 << 20)})
    (tmp_path / "link.ex").symlink_to("/etc/passwd")
    pack, ran = packed(tmp_path)
    assert set(pack.files) == {"lib/shop/application.ex", "mix.exs"}
    assert {"logo.png", "latin.ex", "big.txt"} < set(listed(ran.out))
    assert pack.problems == ("lib/latin.ex: listed without content",)
    assert "link.ex" not in ran.out


# --- secrets --------------------------------------------------------------------------------------------


def test_secrets_stay_here(tmp_path: Path) -> None:
    files = {
        "lib/a.ex": f'defmodule A do\n  @key "{KEY}"\nend\n',
        ".env": "TOKEN=verysecret",
        "priv/server.pem": "verysecret",
        "config/prod.secret.exs": "verysecret",
        ".otp-genesis-ignore": "/private\n",
        "private/plan.md": "verysecret",
    }
    write_shop(tmp_path, files)
    pack, ran = packed(tmp_path)
    assert KEY not in ran.out
    assert "verysecret" not in ran.out
    assert pack.files["lib/a.ex"].count(b"\n") == 3
    assert "1 secret hidden" in ran.err
    for path in ("priv/server.pem", "config/prod.secret.exs", "private/plan.md"):
        assert f"{path}: left out: " in ran.err
    assert "secrets were hidden" in ran.out


# --- skeletons and budgets ------------------------------------------------------------------------------

MODULE = '''\
defmodule Shop.Prices do
  @moduledoc """
  A long text.
  """
  alias Shop.Cart

  @spec total(Cart.t()) :: integer()
  def total(cart) do
    cart |> Cart.items() |> Enum.map(&price/1) |> Enum.sum()
  end

  defp price(item), do: item.price
end
'''


def test_skeletons_of_what_is_in_order(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/prices.ex": MODULE, "lib/warned.ex": WARNING, "README.md": "# Shop\n"})
    pack, ran = packed(tmp_path, "--skeleton")
    text = ran.out
    assert (
        '<file path="lib/prices.ex">\n1: defmodule Shop.Prices do\n5:   alias Shop.Cart\n'
        "7:   @spec total(Cart.t()) :: integer()\n8:   def total(cart)\n⋮----\n</file>\n"
    ) in text
    assert pack.files["lib/warned.ex"] == WARNING.encode()
    assert "mix.exs" in pack.files
    assert "README.md" in listed(text)
    assert "# Shop" not in text
    assert any("lib/prices.ex" in problem and "left out" in problem for problem in pack.problems)
    assert "as skeletons)" in ran.err
    assert len(text) < len(packed(tmp_path)[1].out)


def test_a_budget_of_tokens(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/prices.ex": MODULE * 50})
    assert re.fullmatch(
        r"the pack would have about [\d,]+ tokens, [\d,]+ more than --token-budget allows: try --skeleton, or"
        r" --ignore some files",
        refusal(tmp_path, "--token-budget", "1000", "--output", "pack.xml"),
    )
    assert not (tmp_path / "pack.xml").exists()
    assert run("pack", "--token-budget", "20000", at=tmp_path).status == 0
    assert "leave files out" in refusal(tmp_path, "--skeleton", "--token-budget", "10")


@pytest.mark.parametrize(
    "option", [("--token-budget", "0"), ("--token-budget", "many"), ("--output", "a", "--no")]
)
def test_bad_options(tmp_path: Path, option: tuple[str, ...]) -> None:
    assert "see 'otp-genesis pack --help'" in refusal(tmp_path, *option)
