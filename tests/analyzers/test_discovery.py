"""Which files are looked at, on the disk and in a list of paths."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from otp_genesis_analyzers.discovery import elixir_among, elixir_files
from tests.cli.command_line import write

folders = st.sampled_from(
    ["apps", "lib", "deps", "_build", "doc", "cover", "node_modules", ".git", "a", "a-b"]
)
names = st.sampled_from(
    ["mix.exs", "a.ex", "a.exs", ".a.ex", "a-b.ex", "a.eex", "README.md", ".formatter.exs"]
)
paths = st.tuples(st.lists(folders, max_size=3), names).map(lambda parts: "/".join([*parts[0], parts[1]]))


@given(st.lists(paths, max_size=12))
def test_a_list_of_paths_gives_what_the_same_files_on_the_disk_give(paths: list[str]) -> None:
    with TemporaryDirectory() as folder:
        root = write(Path(folder), dict.fromkeys(paths, ""))
        assert elixir_among(set(paths)) == list(elixir_files(root))
