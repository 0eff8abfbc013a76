"""The gates that read a change: what each stops, and what it lets pass."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_refactorers.gates import (
    effects,
    module_bodies,
    none_new,
    parses,
    public_api,
    scope,
    static_gates,
    suppression,
    tests_kept,
)
from otp_genesis_refactorers.gates.trial import Failed, NotRun, Passed, Trial, try_contents
from tests.fixes.fixing import STRICT, project_of

MAILER = """\
defmodule Shop.Mailer do
  use GenServer, restart: :temporary

  @callback deliver(mail :: term) :: :ok
  @callback bounce(term, reason) :: :ok when reason: atom
  defstruct [:to, from: nil]

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
  def send_all(mails, opts \\\\ []), do: Enum.each(mails, &send_one(&1, opts))
  defmacro traced(name), do: name

  def init(opts), do: {:ok, opts}
  def handle_info(:tick, state), do: {:noreply, state}

  defp send_one(mail, _opts), do: spawn(fn -> mail end)
end
"""
SHOP = {
    "lib/shop/mailer.ex": MAILER,
    "lib/shop/cart.ex": "defmodule Shop.Cart do\n  def done(cart), do: Shop.Mailer.send_all(cart)\nend\n",
    "lib/shop/stock.ex": 'defmodule Shop.Stock do\n  def left, do: System.get_env("STOCK")\nend\n',
    "test/shop/mailer_test.exs": (
        'defmodule Shop.MailerTest do\n  use ExUnit.Case\n\n  test "sends" do\n'
        "    {:ok, pid} = Shop.Mailer.start_link([])\n    assert is_pid(pid)\n  end\n\n"
        '  test "waits" do\n    assert true\n  end\nend\n'
    ),
    "test/test_helper.exs": "ExUnit.start()\n",
    "config/config.exs": "import Config\n",
}
TEST = "test/shop/mailer_test.exs"


def trial(new: Mapping[str, str | None], code: str = "OTP101") -> Trial:
    """The shop with these files changed, for its first finding of this code; none for the empty code."""
    project = project_of({path: text.encode() for path, text in SHOP.items()})
    found = engine.check(project, STRICT)
    finding = next(finding for finding in found if finding.code == code) if code else None
    contents = {path: None if text is None else text.encode() for path, text in new.items()}
    return try_contents(finding, contents, project, found, STRICT)


def changed(path: str, old: str, new: str) -> dict[str, str | None]:
    assert old in SHOP[path]
    return {path: SHOP[path].replace(old, new)}


def mailer(old: str, new: str) -> dict[str, str | None]:
    return changed("lib/shop/mailer.ex", old, new)


FIX = mailer("spawn(fn -> mail end)", "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> mail end)")


def check(gate: ModuleType, new: Mapping[str, str | None], part: str = "", code: str = "OTP101") -> None:
    """The gate lets it pass when `part` is empty, else stops it for a reason that holds `part`."""
    verdict = gate.check(trial(new, code))
    if not part:
        assert not isinstance(verdict, Failed), verdict
    else:
        assert isinstance(verdict, Failed), verdict
        assert part in verdict.reason


def test_cheap_ones_come_first_and_each_has_its_place() -> None:
    names = [gate.name for gate in static_gates()]
    assert names == [
        *("scope", "parses", "suppression", "tests_kept", "outside_modules", "module_bodies"),
        *("public_api", "effects", "finding_gone", "none_new"),
    ]


@pytest.mark.parametrize(
    "new",
    [
        FIX,
        FIX | changed("lib/shop/cart.ex", "send_all(cart)", "send_all(cart, [])"),
        FIX | {"lib/shop/application.ex": "defmodule Shop.Application do\n  use Application\nend\n"},
        FIX | {"lib/shop/mails.ex": "defmodule Shop.Mails do\nend\n"},
        FIX | {"test/shop/new_test.exs": "defmodule Shop.NewTest do\n  use ExUnit.Case\nend\n"},
    ],
    ids=["its own file", "who calls it", "the supervision tree", "a new module", "a new test"],
)
def test_in_scope(new: Mapping[str, str | None]) -> None:
    check(scope, new)


@pytest.mark.parametrize(
    ("new", "part"),
    [
        (changed("lib/shop/stock.ex", "STOCK", "STORE"), "nothing to do with OTP101"),
        (changed("test/test_helper.exs", "start()", "start(exclude: [:test])"), "how the project is built"),
        (changed("config/config.exs", "import Config", "import Config\nconfig :a, b: 1"), "how the project"),
        ({"mix.exs": "defmodule A do\nend\n"}, "how the project is built"),
        ({".credo.exs": "%{}"}, "how the project is built"),
        (changed(TEST, "assert true", "assert :ok"), "may not change with it"),
        ({TEST: None}, "which it removes"),
        ({"test/support/case.ex": "defmodule Shop.Case do\nend\n"}, "which all tests share"),
        ({"README.md": "better"}, "no Elixir source"),
        ({f"lib/shop/a{n}.ex": f"defmodule Shop.A{n} do\nend\n" for n in range(31)}, "too much"),
        ({f"test/shop/{name}_test.exs": "" for name in "ab"}, "several tests"),
    ],
)
def test_out_of_scope(new: Mapping[str, str | None], part: str) -> None:
    check(scope, FIX | dict(new), part)


def test_a_patch_without_a_finding_may_change_any_code_but_no_judge() -> None:
    check(scope, changed("lib/shop/stock.ex", "STOCK", "STORE"), code="")
    check(scope, changed(TEST, "assert true", "assert :ok"), "may not change", code="")


def test_a_finding_in_a_test_lets_that_test_change() -> None:
    check(scope, changed(TEST, "{:ok, pid} =", "{:ok, pid} = _ ="), code="OTP409")


def test_text_that_is_none() -> None:
    project = project_of({path: text.encode() for path, text in SHOP.items()})
    found = engine.check(project, STRICT)
    latin = try_contents(None, {"lib/shop/mailer.ex": MAILER.encode() + b"# \xfc\n"}, project, found, STRICT)
    assert parses.check(latin) == Failed("lib/shop/mailer.ex would be no UTF-8 text")
    assert parses.check(trial({"lib/shop/mailer.ex": None})) == Passed()


@pytest.mark.parametrize(
    "new",
    [
        mailer("  def init", "  # otp-genesis:ignore OTP101 -- fine\n  def init"),
        mailer("fn -> mail end)", "fn -> mail end) # credo:disable-for-this-line"),
        mailer("  def init", "  @dialyzer {:nowarn_function, init: 1}\n  def init"),
        mailer("  def init", "  @compile {:no_warn_undefined, Shop.Nowhere}\n  def init"),
        changed(TEST, '  test "sends"', '  @tag :skip\n  test "sends"'),
        changed(TEST, '  test "sends"', '  @moduletag skip: "later"\n  test "sends"'),
    ],
)
def test_silenced(new: Mapping[str, str | None]) -> None:
    check(suppression, new, "it silences instead of mending")


def test_what_only_reads_like_it_is_no_silencer() -> None:
    check(suppression, mailer("def init", '@doc "see # otp-genesis:ignore and credo:disable"\n  def init'))
    check(suppression, mailer("  def init", "  @compile :inline\n  # nothing is ignored\n  def init"))
    check(suppression, changed(TEST, '  test "sends"', '  @tag :slow\n  test "sends"'))


def test_tests_are_kept() -> None:
    check(tests_kept, changed(TEST, 'test "waits"', 'test "sits"'), "lost the test", "OTP409")
    check(tests_kept, changed(TEST, "    assert is_pid(pid)\n", "    pid\n"), "asserts less", "OTP409")
    check(
        tests_kept, changed(TEST, "assert is_pid(pid)", "assert is_pid(pid)\n    refute false"), "", "OTP409"
    )


@pytest.mark.parametrize(
    ("new", "part"),
    [
        (mailer("def send_all(mails, opts \\\\ [])", "def send_all(mails, opts)"), "send_all/1"),
        (mailer("def send_all(", "defp send_all("), "send_all/1, send_all/2"),
        (mailer("  defmacro traced(name), do: name\n", ""), "traced/1"),
        (mailer("  @callback deliver(mail :: term) :: :ok\n", ""), "the callback deliver/1"),
        (mailer("bounce(term, reason)", "bounce(reason)"), "the callback bounce/2"),
        (mailer("[:to, from: nil]", "[:to]"), "the field from"),
        (mailer("  defstruct [:to, from: nil]\n", ""), "a struct"),
        (mailer("  use GenServer, restart: :temporary\n", "  @behaviour GenServer\n"), "child_spec/1"),
        (mailer("defmodule Shop.Mailer", "defmodule Shop.Post"), "the module Shop.Mailer would be gone"),
        ({"lib/shop/mailer.ex": None}, "the module Shop.Mailer would be gone"),
    ],
)
def test_broken_promises(new: Mapping[str, str | None], part: str) -> None:
    check(public_api, new, part)


@pytest.mark.parametrize(
    "new",
    [
        FIX,
        mailer("  def init", "  def more(a), do: a\n  def init"),
        mailer("[:to, from: nil]", "[:to, :at, from: nil]"),
        mailer("defp send_one(mail, _opts)", "defp send_one(mail, _options)"),
        mailer("  def handle_info(:tick, state), do: {:noreply, state}\n", ""),
        mailer("use GenServer, restart: :temporary", "use GenServer"),
        {"lib/shop/mailer.ex": None, "lib/shop/post.ex": MAILER},
    ],
)
def test_kept_promises(new: Mapping[str, str | None]) -> None:
    check(public_api, new)


@pytest.mark.parametrize(
    "line",
    [
        'System.get_env("ANTHROPIC_API_KEY")',
        'System.cmd("curl", [])',
        'apply(System, :cmd, ["id", []])',
        ':os.cmd(~c"id")',
        'File.write!("/etc/passwd", "")',
        'Code.eval_string("1 + 1")',
        ":httpc.request(url)",
    ],
)
def test_reached_for(line: str) -> None:
    check(effects, mailer("  def init", f"  def more(url), do: {{url, {line}}}\n  def init"), "it would call")


def test_effects_that_were_there_or_belong() -> None:
    moved = {
        "lib/shop/stock.ex": "defmodule Shop.Stock do\nend\n",
        "lib/shop/mailer.ex": MAILER.replace(
            "  def init", '  def left, do: System.get_env("STOCK")\n  def init'
        ),
    }
    check(effects, moved)
    check(effects, {"test/shop/new_test.exs": 'File.write!("a", "")'})
    assert isinstance(effects.check(trial(FIX, "")), NotRun)


@pytest.mark.parametrize(
    "line", ['System.get_env("API_KEY")', 'File.write!("/etc/a", "")', 'File.read("../a")']
)
def test_without_a_finding_keys_and_foreign_folders_are_left_alone(line: str) -> None:
    check(effects, mailer("  def init", f"  def more, do: {line}\n  def init"), "it would call", code="")
    check(
        effects,
        mailer("  def init", '  def more, do: {System.get_env("HOME"), File.read("a")}\n  def init'),
        code="",
    )


STARTS = """\
defmodule Shop.Starts do
  def one(job) do
    spawn(job)
    :ok
  end

  def two(job) do
    Task.start(job)
    :ok
  end

  def three(job), do: job
end
"""
MOVED = STARTS.replace("def three(job), do: job", "def three(job) do\n    Task.start(job)\n    :ok\n  end")


@pytest.mark.parametrize(
    ("after", "part"),
    [
        (MOVED.replace("  def two(job) do\n    Task.start(job)", "  def two(job) do\n    job.()"), ""),
        (MOVED, "OTP102 would be found anew"),
        (
            MOVED.replace("Task.start(job)\n    :ok\n  end\nend", "spawn(job)\n    :ok\n  end\nend"),
            "OTP101 would be",
        ),
    ],
    ids=["another rule's, elsewhere", "one more", "its own, elsewhere"],
)
def test_as_many_of_another_rule_are_the_same(after: str, part: str) -> None:
    project = project_of({"lib/shop/starts.ex": STARTS.encode()})
    found = engine.check(project, STRICT)
    finding = next(finding for finding in found if finding.code == "OTP101")
    after = after.replace("    spawn(job)", "    Task.Supervisor.start_child(Shop.TaskSupervisor, job)", 1)
    verdict = none_new.check(
        try_contents(finding, {"lib/shop/starts.ex": after.encode()}, project, found, STRICT)
    )
    assert isinstance(verdict, Failed) == bool(part), verdict
    assert part in getattr(verdict, "reason", "")


@pytest.mark.parametrize(
    "lines",
    [
        "  @timeout :timer.seconds(5)\n",
        "  import Bitwise\n  alias Shop.Cart\n  require Logger\n",
        "  plug :authorize, only: [:show]\n  field :name, default: fn -> 1 end\n",
        "  for name <- [:a, :b] do\n    def unquote(name)(), do: unquote(name)\n  end\n",
        "  if Mix.env() == :test do\n    def reset, do: :ok\n  end\n",
        "  defmodule Inner do\n    defstruct [:a]\n  end\n",
        "  def run(x) do\n    y = x.make.()\n    for z <- y, do: z\n  end\n",
    ],
)
def test_what_belongs_in_a_module(lines: str) -> None:
    check(module_bodies, FIX | mailer("  use GenServer, restart: :temporary\n", "  use GenServer\n" + lines))


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        ('  system = Enum.random([:os])\n  system.cmd(~c"id")\n', "'system = Enum.random([:os])'"),
        ("  for _ <- 1..200, do: IO.puts(1)\n", "runs when lib/shop/mailer.ex is compiled"),
        ("  Enum.each(1..9, fn _ ->\n    IO.puts(1)\n  end)\n", "'Enum.each(1..9, fn _ ->'"),
        ("  [1] |> Enum.map(& &1)\n", "body of a module"),
        ("  @all Enum.map(1..9, fn n -> n end)\n", "'@all Enum.map"),
        ("  if true do\n    send(self(), :now)\n  end\n", "'if true do'"),
        ('  defmodule Inner do\n    :os.cmd(~c"id")\n  end\n', "':os.cmd("),
    ],
)
def test_what_runs_when_it_is_compiled(lines: str, part: str) -> None:
    check(
        module_bodies,
        FIX | mailer("  use GenServer, restart: :temporary\n", "  use GenServer\n" + lines),
        part,
    )
