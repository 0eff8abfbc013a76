"""What a model may read of a project by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import pytest

from otp_genesis_refactorers.codebase import Codebase, open_files
from otp_genesis_refactorers.llm.conversation import ToolRefused
from otp_genesis_refactorers.llm.privacy.fencing import Fence, fenced
from otp_genesis_refactorers.llm.privacy.withholding import Withholding
from otp_genesis_refactorers.llm.tools import reading_tools

Tools: TypeAlias = Mapping[str, Callable[[Mapping[str, object]], str]]
FENCE = Fence.fresh()
SECRET = "hJx8Qz1LmV0pYt5RwK3nBc7UeS9dGf2A"
FILES = {
    "mix.exs": "defmodule Shop.MixProject do\nend\n",
    "lib/shop.ex": "defmodule Shop do\n  def total, do: 42\nend\n",
    "lib/secret.ex": f'defmodule Secret do\n  @key "{SECRET}"\n  # {FENCE.nonce}\nend\n',
    "lib/patents/idea.ex": "defmodule Idea do\n  # total\nend\n",
    "config/prod.secret.exs": "import Config\n# total\n",
    ".otp-genesis-ignore": "/lib/patents/\n",
}


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    root = tmp_path_factory.mktemp("shop")
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "lib" / "long.ex").write_text("".join(f"# {number}\n" for number in range(1, 1001)))
    (root / "lib" / "latin.ex").write_bytes(b"# caf\xe9\n")
    (root / "lib" / "link.ex").symlink_to("/etc/passwd")
    withholding = Withholding.of(root, {})
    codebase = open_files(root)
    assert isinstance(codebase, Codebase)
    return {tool.name: tool.run for tool in reading_tools(codebase, withholding, FENCE) if tool.run}


def use(tools: Tools, name: str, **arguments: object) -> tuple[str, str]:
    ((label, text),) = fenced(FENCE.nonce, tools[name](arguments))
    return label, text


def test_a_file_is_read_fenced(tools: Tools) -> None:
    label, text = use(tools, "read", path="lib/shop.ex")
    assert label == "lib/shop.ex, lines 1 to 3 of 3"
    assert text == FILES["lib/shop.ex"].removesuffix("\n")


def test_a_long_one_in_parts(tools: Tools) -> None:
    assert use(tools, "read", path="lib/long.ex")[0] == "lib/long.ex, lines 1 to 400 of 1000"
    assert use(tools, "read", path="lib/long.ex", first_line=999)[1] == "# 999\n# 1000"
    assert use(tools, "read", path="lib/long.ex", first_line=5, last_line=5)[1] == "# 5"


def test_secrets_are_hidden_and_so_is_the_nonce(tools: Tools) -> None:
    _, text = use(tools, "read", path="lib/secret.ex")
    assert text.splitlines()[1:3] == ['  @key "«hidden»"', "  # …"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"path": "../../etc/passwd"}, ""),
        ({"path": "/etc/passwd"}, ""),
        ({"path": "lib/../../x"}, ""),
        ({"path": "lib/link.ex"}, ""),
        ({"path": "lib"}, ""),
        ({"path": "lib/none.ex"}, ""),
        ({"path": "lib/latin.ex"}, "no UTF-8 text"),
        ({"path": "config/prod.secret.exs"}, "hold keys"),
        ({"path": "./config/prod.secret.exs"}, ""),
        ({"path": "lib/patents/idea.ex"}, ".otp-genesis-ignore lists it"),
        ({"path": "lib/long.ex", "first_line": 1001}, "has 1000 lines"),
        ({"path": "lib/long.ex", "last_line": -1}, "none from 1 to -1"),
        ({"path": 7}, "Expected `str`"),
        ({"path": "lib/shop.ex", "mode": "write"}, "unknown field `mode`"),
        ({}, "missing required field `path`"),
    ],
)
def test_what_is_not_for_models_is_refused(
    tools: Tools, arguments: Mapping[str, object], reason: str
) -> None:
    with pytest.raises(ToolRefused) as caught:
        tools["read"](arguments)
    assert reason in str(caught.value)


def test_searching_finds_what_may_be_read(tools: Tools) -> None:
    label, text = use(tools, "search", text="total")
    assert label == "lines that hold total"
    assert text == "lib/shop.ex:2: def total, do: 42"


def test_searching_is_no_way_to_a_secret(tools: Tools) -> None:
    assert use(tools, "search", text=SECRET)[1] == "no line"
    assert use(tools, "search", text="@key")[1] == 'lib/secret.ex:2: @key "«hidden»"'


def test_searching_has_an_end(tools: Tools) -> None:
    label, text = use(tools, "search", text="#", files="lib/long.ex")
    assert label == "lines that hold #, and there are more"
    assert len(text.splitlines()) == 60
