"""Who emits the telemetry events that a file handles."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.across_modules.telemetry_events import emitters, handled_events

HANDLER = """
defmodule Shop.Handler do
  @placed [:shop, :order, :placed]

  def setup do
    :telemetry.attach("one", @placed, &__MODULE__.on/4, nil)
    :telemetry.attach_many("two", [[:shop, :sent], [:shop, :query, :stop]], &__MODULE__.on/4, nil)
  end

  def on(_event, _measurements, _metadata, _config), do: :ok
end
"""


@pytest.mark.parametrize(
    ("code", "emits"),
    [
        (":telemetry.execute([:shop, :order, :placed], %{}, %{})", True),
        (":telemetry.execute([:shop, :sent], %{count: 1})", True),
        (":telemetry.span([:shop, :query], %{}, fn -> {1, %{}} end)", True),
        ("[:shop, :sent] |> :telemetry.execute(%{}, %{})", True),
        (":telemetry.execute([:shop, :order, :closed], %{}, %{})", False),
        (":telemetry.span([:shop, :sent], %{}, fn -> {1, %{}} end)", False),
        (":telemetry.execute(event, %{}, %{})", False),
        ("Shop.execute([:shop, :sent], %{}, :telemetry)", False),
    ],
)
def test_it_is_the_same_event(code: str, emits: bool, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "mix.exs").write_text("defmodule S.MixProject do\n  use Mix.Project\nend\n")
    (tmp_path / "lib/handler.ex").write_text(HANDLER)
    (tmp_path / "lib/order.ex").write_text(
        f"defmodule Shop.Order do\n  def run(event) do\n    {code}\n  end\nend\n"
    )
    project = engine.load(tmp_path).project
    events = handled_events(project.all_facts("lib/handler.ex"))
    assert len(events) == 3
    assert ([*emitters(project, events)] == ["lib/order.ex"]) is emits
