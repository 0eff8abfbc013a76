"""What a fix does not rewrite, it keeps to the byte."""

from __future__ import annotations

import pytest

from otp_genesis_refactorers.change import Change
from tests.fixes.fixing import (
    WITH_SUPERVISOR,
    changed_files,
    files_of,
    fixed,
    in_function,
    project_of,
)

BYTES: dict[str, tuple[bytes, bytes]] = {
    "crlf": (
        b"defmodule A do\r\n  def run(job) do\r\n    spawn(job)\r\n    :ok\r\n  end\r\nend\r\n",
        b"defmodule A do\r\n  def run(job) do\r\n    @new\r\n    :ok\r\n  end\r\nend\r\n",
    ),
    "byte order mark": (
        b"\xef\xbb\xbfdefmodule A do\n  def run(job) do\n    spawn(job)\n    :ok\n  end\nend\n",
        b"\xef\xbb\xbfdefmodule A do\n  def run(job) do\n    @new\n    :ok\n  end\nend\n",
    ),
    "no final newline": (
        b"defmodule A do\n  def run(job) do\n    spawn(job)\n    :ok\n  end\nend",
        b"defmodule A do\n  def run(job) do\n    @new\n    :ok\n  end\nend",
    ),
    "tabs and blanks": (
        b"defmodule A do\n\tdef run(job) do  \n\t\tspawn(job)\t\n\t\t:ok\n\tend\nend\n\n\n",
        b"defmodule A do\n\tdef run(job) do  \n\t\t@new\t\n\t\t:ok\n\tend\nend\n\n\n",
    ),
    "beyond the basic plane": (
        'defmodule A do\n  def run(job) do\n    log("🛒 groß"); spawn(job); log("🛒")\n  end\nend\n'.encode(),
        'defmodule A do\n  def run(job) do\n    log("🛒 groß"); @new; log("🛒")\n  end\nend\n'.encode(),
    ),
}


@pytest.mark.parametrize("name", BYTES)
def test_all_other_bytes_are_kept(name: str) -> None:
    before, after = BYTES[name]
    project = project_of({"lib/a.ex": before}, WITH_SUPERVISOR)
    change = fixed(project)
    assert isinstance(change, Change), change
    new = b"Task.Supervisor.start_child(Shop.TaskSupervisor, job)"
    assert changed_files(change, project) == {"lib/a.ex": after.replace(b"@new", new)}


def test_lines_broken_in_a_crlf_file_end_as_the_others() -> None:
    long = f"Shop.Store.put(job, :{'a' * 50})"
    before = (
        f"defmodule A do\r\n  def run(job) do\r\n    spawn(fn -> {long} end)\r\n    :ok\r\n  end\r\nend\r\n"
    )
    project = project_of({"lib/a.ex": before.encode()}, WITH_SUPERVISOR)
    change = fixed(project)
    assert isinstance(change, Change), change
    after = changed_files(change, project)["lib/a.ex"]
    assert f"fn ->\r\n      {long}\r\n    end)\r\n\r\n    :ok\r\n".encode() in after
    assert after.count(b"\n") == after.count(b"\r\n")


def test_the_edits_are_no_wider_than_needed() -> None:
    body = "\n".join(f"  step({number})" for number in range(30))
    project = project_of(files_of(in_function(f"spawn(fn ->\n{body}\nend)")), WITH_SUPERVISOR)
    change = fixed(project)
    assert isinstance(change, Change), change
    [edit] = change.files[0].edits
    assert edit.text == "Task.Supervisor.start_child(Shop.TaskSupervisor, "
    assert edit.span.end - edit.span.start == len("spawn(")
