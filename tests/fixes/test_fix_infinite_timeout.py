"""OTP117: `:infinity` becomes an attribute that the configuration can set, where it stands in the call."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.fixes import fix
from tests.fixes.fixing import STRICT, changed_files, files_of, project_of
from tests.fixes.one_finding import check_becomes

MODULE = """
defmodule Shop.Press do
  @moduledoc "Prints."
  use GenServer
{}
  @doc "Prints an order."
  @spec run(pid, term) :: term
  def run(pid, order) do
    {}
  end
end
"""
ATTRIBUTE = "\n  @{0} Application.compile_env(:shop, [__MODULE__, :{0}], 60_000)\n"

APPLIED = {
    "a call": ("GenServer.call(pid, order, :infinity)", "GenServer.call(pid, order, @call_timeout)"),
    "piped": ("pid |> GenServer.call(order, :infinity)", "pid |> GenServer.call(order, @call_timeout)"),
    "of Erlang": (":gen_server.call(pid, order, :infinity)", ":gen_server.call(pid, order, @call_timeout)"),
    "a task": ("Task.await(order, :infinity)", "Task.await(order, @await_timeout)"),
    "tasks": ("order |> Task.await_many(:infinity)", "order |> Task.await_many(@await_timeout)"),
    "tasks, with options": (
        "Task.yield_many(order, timeout: :infinity)",
        "Task.yield_many(order, timeout: @await_timeout)",
    ),
    "a stream": (
        "Task.async_stream(order, pid, timeout: :infinity, ordered: false)",
        "Task.async_stream(order, pid, timeout: @stream_timeout, ordered: false)",
    ),
}
REFUSED = {
    "written elsewhere": (
        "\n  @timeout :infinity\n",
        "GenServer.call(pid, order, @timeout)",
        "`@timeout` at lib/",
    ),
    "a name that is taken": (
        "\n  @call_timeout :never\n",
        "GenServer.call(pid, order, :infinity)",
        "has an attribute @call_timeout already",
    ),
    "another name that is taken": (
        '\n  @await_timeout System.get_env("T")\n',
        "Task.await(order, :infinity)",
        "has an attribute @await_timeout already",
    ),
    "options that are written elsewhere": (
        "\n  @options [timeout: :infinity]\n",
        "Task.async_stream(order, pid, @options)",
        "is written elsewhere",
    ),
}


@pytest.mark.parametrize("name", APPLIED)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_applied(name: str, newline: str) -> None:
    before, after = APPLIED[name]
    attribute = ATTRIBUTE.format(after.partition("@")[2].partition(")")[0].partition(",")[0])
    old, new = MODULE.format("", before), MODULE.format(attribute, after)
    project = project_of({"lib/example.ex": old.replace("\n", newline).encode()})
    change = fix(found(project), project)
    assert isinstance(change, Change), change
    assert changed_files(change, project) == {"lib/example.ex": new.replace("\n", newline).encode()}
    assert "a minute" in change.notes[0]


def test_the_attribute_stands_in_the_module_itself() -> None:
    text = """
    defmodule Shop.Press do
      if Code.ensure_loaded?(Shop.Ink) do
        def ink, do: Shop.Ink.left()
      end

      def run(pid, order), do: GenServer.call(pid, order, :infinity)
    end
    """
    check_becomes(
        "OTP117", text, "defmodule Shop.Press do", "\n  @call_timeout ", "  if Code", "@call_timeout)"
    )


def test_the_attribute_of_an_earlier_fix_is_used_again() -> None:
    attribute = ATTRIBUTE.format("call_timeout")
    before, after = APPLIED["a call"]
    project = project_of({"lib/example.ex": MODULE.format(attribute, before).encode()})
    change = fix(found(project), project)
    assert isinstance(change, Change), change
    assert changed_files(change, project) == {"lib/example.ex": MODULE.format(attribute, after).encode()}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    attribute, call, reason = REFUSED[name]
    project = project_of(files_of(MODULE.format(attribute, call)))
    refusal = fix(found(project), project)
    assert isinstance(refusal, Refused), refusal
    assert reason in refusal.reason


def test_an_application_of_which_nothing_is_known() -> None:
    mix = "defmodule Shop.MixProject do\n  use Mix.Project\n  def project, do: [app: name()]\nend\n"
    text = MODULE.format("", APPLIED["a call"][0])
    project = project_of({"mix.exs": mix.encode(), "lib/example.ex": text.encode()})
    refusal = fix(found(project), project)
    assert isinstance(refusal, Refused)
    assert "write a number in milliseconds at lib/example.ex:9" in refusal.reason


def test_a_call_that_changed_meanwhile() -> None:
    old, new = (
        project_of(files_of(MODULE.format("", text))) for text in (APPLIED["a call"][0], "save(pid, order)")
    )
    refusal = fix(found(old), new)
    assert isinstance(refusal, Refused)
    assert "check it again" in refusal.reason


def found(project: Project) -> Finding:
    return next(finding for finding in engine.check(project, STRICT) if finding.code == "OTP117")
