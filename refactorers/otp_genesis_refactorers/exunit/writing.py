"""A test file as text, laid out as `mix format` would leave it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from otp_genesis_refactorers.exunit.answers import Answer
from otp_genesis_refactorers.exunit.cases import Assertion, Case
from otp_genesis_refactorers.exunit.starting import OF_NAME, Starting
from otp_genesis_refactorers.exunit.subject import SERVER

_INDENT = "    "

CRASHES = "crashes"
"""In a probe, the process is killed here."""
CHANGE = "change"
"""In a probe, what has changed in the state since its beginning."""

_RESTARTED = """\
  # The supervisor starts it again before it answers: asking again is waiting enough.
  defp restarted(supervisor, old, tries \\\\ 1_000) do
    case CHILDREN do
      FOUND when is_pid(new) and new != old -> new
      _ when tries > 0 -> restarted(supervisor, old, tries - 1)
      _ -> flunk("it does not come back")
    end
  end
"""
_SUPERVISOR_OF = """\
  defp supervisor_of(name) do
    {:dictionary, dictionary} = Process.info(Process.whereis(name), :dictionary)
    hd(Keyword.fetch!(dictionary, :"$ancestors"))
  end
"""


@dataclass(frozen=True)
class Page:
    """`module` is that of the test, `tested` the one that it is for, `shared` when both go by a name."""

    module: str
    tested: str
    start: Starting
    line_length: int
    alone: bool
    """Nothing that other tests might use is touched, so that it may run beside them."""

    @property
    def alias(self) -> str:
        """How the tested module is written: by its last part, unless that is all of it."""
        return self.tested.rpartition(".")[2]


def file_text(page: Page, cases: Sequence[Case]) -> str | None:
    """The whole file; None when no case can be written within the length of a line."""
    tests = [text for case in cases if (text := _test(page, case)) is not None]
    if not tests or not all(_fits(page, line) for line in setup_lines(page)):
        return None
    crashes = any(case.crashes for case in cases)
    helpers = [_restarted(page)] if crashes else []
    helpers += [_SUPERVISOR_OF] if page.start.supervisor == OF_NAME else []
    opening = [f"  use ExUnit.Case, async: {'true' if page.alone else 'false'}\n"]
    if page.alias != page.tested:
        opening.append(f"  alias {page.tested}\n")
    parts = [*opening, _setup(page), *tests, *helpers]
    return f"defmodule {page.module} do\n" + "\n".join(parts) + "end\n"


def setup_lines(page: Page) -> list[str]:
    """The statements that start the process, the last of which gives it to the tests as `pid`."""
    start = page.start
    name, child = _aliased(page, start.name), _aliased(page, start.child)
    supervisor = _aliased(page, start.supervisor)
    started = [f"%{{pid: start_supervised!({child})}}"]
    if not _fits(page, started[0]):
        started = [*_bound(page, child), "%{pid: start_supervised!(child)}"]
    if not start.supervisor:
        return started
    child_id = _child_id(page)
    lines: list[str] = []
    if start.supervisor == OF_NAME:
        lines.append(f"supervisor = supervisor_of({name})")
        supervisor = "supervisor"
    lines.append(f":ok = Supervisor.terminate_child({supervisor}, {child_id})")
    if not child:
        lines.append(f"{{:ok, pid}} = Supervisor.restart_child({supervisor}, {child_id})")
        lines.append(f"%{{pid: pid{', supervisor: supervisor' if supervisor == 'supervisor' else ''}}}")
        return lines
    restart = f"Supervisor.restart_child({supervisor}, {child_id})"
    line = f"on_exit(fn -> {restart} end)"
    lines += [line] if _fits(page, line) else ["", "on_exit(fn ->", f"  {restart}", "end)", ""]
    return [*lines, *started]


def _bound(page: Page, child: str) -> list[str]:
    """The child under a name of its own; a specification over several lines where it is long."""
    line = f"child = {child}"
    if _fits(page, line) or not child.startswith("%{id: "):
        return [line]
    name, start = child.removeprefix("%{").removesuffix("}").split(", ", 1)
    return ["child = %{", f"  {name},", f"  {start}", "}", ""]


def _setup(page: Page) -> str:
    lines = setup_lines(page)
    note = "    # The application runs one of its own, which makes room while a test lasts.\n"
    body = "".join(f"{_INDENT}{line}\n" if line else "\n" for line in lines)
    return f"  setup do\n{note if page.start.supervisor else ''}{body}  end\n"


def _test(page: Page, case: Case) -> str | None:
    lines: list[str] = []
    for assertion in case.assertions:
        lines += _asserted(page, assertion, "pid")
    if case.crashes:
        lines += ["", *_crash(page)] if lines else _crash(page)
        for assertion in case.afterwards:
            lines += _asserted(page, assertion, "new")
    if not any(line.startswith("assert ") for line in lines):
        return None
    words = {word for line in lines for word in _words(line)}
    uses_supervisor = "supervisor" in words and _keeps_supervisor(page)
    context = _context("pid" if "pid" in words else "", uses_supervisor)
    body = "".join(f"{_INDENT}{line}\n" if line else "\n" for line in lines)
    return f"  test {_quoted(case.title)}{context} do\n{body}  end\n"


def _restarted(page: Page) -> str:
    """The function that waits for the new process: the one child of the test's supervisor, or one of many."""
    children, found = "Supervisor.which_children(supervisor)", "[{_, new, _, _}]"
    if not page.start.child:
        children, found = f"List.keyfind({children}, {_child_id(page)}, 0)", "{_, new, _, _}"
    return _RESTARTED.replace("CHILDREN", children).replace("FOUND", found)


def _words(line: str) -> list[str]:
    """The names in a line, and what else looks like one."""
    return "".join(sign if _is_of_name(sign) else " " for sign in line).split()


def _keeps_supervisor(page: Page) -> bool:
    return page.start.supervisor == OF_NAME and not page.start.child


def _context(pid: str, with_supervisor: bool) -> str:
    names = [f"{name}: {name}" for name in (pid, "supervisor" if with_supervisor else "") if name]
    return f", %{{{', '.join(names)}}}" if names else ""


def _crash(page: Page) -> Iterator[str]:
    if page.start.child:
        yield "{:ok, supervisor} = ExUnit.fetch_test_supervisor()"
    yield "reference = Process.monitor(pid)"
    yield "Process.exit(pid, :kill)"
    yield "assert_receive {:DOWN, ^reference, :process, ^pid, :killed}, 5_000"
    yield ""
    own = page.start.child or _keeps_supervisor(page)
    supervisor = "supervisor" if own else _aliased(page, page.start.supervisor)
    yield f"new = restarted({supervisor}, pid)"
    yield "assert Process.alive?(new)"


def _child_id(page: Page) -> str:
    return _aliased(page, page.start.child_id or page.tested)


def _asserted(page: Page, assertion: Assertion, server: str) -> list[str]:
    """The lines of an assertion; none when it can't be written within the length of a line."""
    call = _aliased(page, assertion.call.replace(SERVER, server))
    if not assertion.expected:
        return [call] if _fits(page, call) else []
    if len(assertion.expected) == 1:
        return _single(page, call, assertion.expected[0])
    parts = [_told(_aliased_answer(page, each)) for each in assertion.expected]
    lines = [f"answer = {call}", f"assert {' or '.join(parts)}"]
    return lines if all(_fits(page, line) for line in lines) else []


def _single(page: Page, call: str, answer: Answer) -> list[str]:
    text = _aliased(page, answer.text)
    line = f"assert {call} == {text}" if answer.exact else f"assert {text} = {call}"
    if _fits(page, line):
        return [line]
    lines = [f"answer = {call}", f"assert answer == {text}" if answer.exact else f"assert {text} = answer"]
    return lines if all(_fits(page, each) for each in lines) else []


def _told(answer: Answer) -> str:
    return f"answer == {answer.text}" if answer.exact else f"match?({answer.text}, answer)"


def _aliased_answer(page: Page, answer: Answer) -> Answer:
    return Answer(_aliased(page, answer.text), answer.exact)


def _fits(page: Page, line: str) -> bool:
    return "\n" not in line and len(_INDENT) + len(line) <= page.line_length


def _aliased(page: Page, text: str) -> str:
    """The tested module by its alias, and what lies in it."""
    if page.alias == page.tested:
        return text
    parts = text.split(page.tested)
    joined = parts[0]
    for part in parts[1:]:
        is_part = _is_of_name(joined[-1:]) or joined.endswith(".") or _is_of_name(part[:1])
        joined += (page.tested if is_part else page.alias) + part
    return joined


def _is_of_name(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


def _quoted(title: str) -> str:
    return '"' + title.replace("\\", "\\\\").replace('"', '\\"') + '"'


def probe_text(page: Page, scenarios: Sequence[Sequence[tuple[str, str]]]) -> str:
    """A test file that reports what expressions give: a test a scenario, a name and an expression a line."""
    tests: list[str] = []
    for number, scenario in enumerate(scenarios):
        lines: list[str] = []
        server = "pid"
        for name, expression in scenario:
            if expression == CRASHES:
                lines += _crash(page)
                server = "new"
                continue
            if expression == CHANGE:
                state = "fn -> :sys.get_state(pid) end"
                lines.insert(0, "before = :sys.get_state(pid)")
                lines.append(f"OtpGenesis.Recording.record_change({_quoted(name)}, before, {state})")
                continue
            call = _aliased(page, expression.replace(SERVER, server))
            lines.append(f"OtpGenesis.Recording.record({_quoted(name)}, fn -> {call} end)")
        context = _context("pid", _keeps_supervisor(page))
        body = "".join(f"{_INDENT}{line}\n" for line in lines)
        tests.append(f'  test "{number}"{context} do\n{body}    _ = {{pid}}\n  end\n')
    helpers = [_restarted(page)]
    helpers += [_SUPERVISOR_OF] if page.start.supervisor == OF_NAME else []
    alias = [f"  alias {page.tested}\n"] if page.alias != page.tested else []
    opening = ["  use ExUnit.Case, async: false\n", "  @moduletag timeout: 10_000\n"]
    parts = [*opening, *alias, _setup(page), *tests, *helpers]
    return f"defmodule OtpGenesis.ProbeTest do\n{chr(10).join(parts)}end\n"
