"""What is broken to see whether a test notices."""

from __future__ import annotations

from difflib import ndiff

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.exunit.mutants import Mutant, mutants
from tests.exunit.shop import COUNTER, FLAGS, STACK

EXPECTED = [
    (
        "the reply in line 15",
        "{:reply, :otp_genesis_mutant, %{state | value: state.value + count * state.step}}",
    ),
    ("the new state in line 15", "{:reply, :ok, state}"),
    ("the new state in line 21", "def handle_cast(:reset, state), do: {:noreply, state}"),
    ("that it is started again", "use GenServer, restart: :temporary"),
    (
        "the message that add/1 sends in line 6",
        "def add(count) when is_integer(count), do: :ok",
    ),
    ("the clause of handle_call/3 in line 18", ""),
    ("the operator * in line 15", "{:reply, :ok, %{state | value: state.value + count + state.step}}"),
]


def broken(code: str) -> list[Mutant]:
    source = Source("lib/a.ex", code.encode())
    (module,) = read_facts(source).modules
    return mutants(source, module)


def changed(code: str, mutant: Mutant) -> str:
    """The new text of the one line that is changed."""
    lines = ndiff(code.splitlines(), mutant.content.decode().splitlines())
    return "".join(line[2:].strip() for line in lines if line.startswith("+ "))


def test_each_thing_that_a_server_does_is_broken_once() -> None:
    found = {mutant.what: changed(COUNTER, mutant) for mutant in broken(COUNTER)}
    for what, line in EXPECTED:
        assert found[what] == line


def test_the_first_few_are_of_all_kinds() -> None:
    kinds = [mutant.what.rpartition(" in line ")[0] or mutant.what for mutant in broken(COUNTER)[:5]]
    assert len({kind.split()[1] for kind in kinds}) == len(kinds)


def test_every_mutant_parses_and_differs() -> None:
    for code in (COUNTER, STACK, FLAGS):
        made = broken(code)
        assert len({mutant.content for mutant in made}) == len(made)
        for mutant in made:
            assert mutant.content.decode() != code
            assert syntax.first_error(Source("lib/a.ex", mutant.content).root) is None, mutant.what


def test_a_state_that_stays_can_not_be_forgotten() -> None:
    code = "defmodule A do\n  use GenServer\n  def handle_call(:a, _, state), do: {:reply, 1, state}\nend\n"
    assert not any("state" in mutant.what for mutant in broken(code))


def test_a_restart_that_is_written_is_replaced() -> None:
    code = "defmodule A do\n  use GenServer, restart: :transient\nend\n"
    (mutant,) = broken(code)
    assert changed(code, mutant) == "use GenServer, restart: :temporary"
    assert broken(code.replace("transient", "temporary")) == []


def test_which_concern_a_function() -> None:
    made = broken(COUNTER)
    of_add = [mutant.what for mutant in made if mutant.concerns({"add/1"}, {"add"}, whole=False)]
    assert of_add
    assert all("line 6" in what or "line 1" in what for what in of_add)
    assert "that it is started again" not in of_add
