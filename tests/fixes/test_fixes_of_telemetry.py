"""OTP504 and its kin: which handlers can be given a name, and which can't."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers.findings import FixKind
from otp_genesis_refactorers.change import Change, Refused
from tests.fixes.fixing import changed_files, decoded, files_of, fixed, project_of

PATH = "lib/shop/sales.ex"
LOG = """
# file: lib/shop/log.ex
defmodule Shop.Log do
  def sale(_event, _measurements, _metadata, _config), do: :ok
  defp hidden(_event, _measurements, _metadata, _config), do: :ok
  defmacro traced(_event, _measurements, _metadata, _config), do: nil
  def all, do: hidden(1, 2, 3, 4)
end
"""


def attaching(call: str) -> str:
    """A module that attaches a handler in `setup/1`, and what it may be named by."""
    lines = "\n".join(f"    {line}" for line in call.splitlines())
    return (
        f"{LOG}# file: {PATH}\ndefmodule Shop.Sales do\n  alias Shop.Log\n\n  def setup(limit) do\n{lines}\n"
        "  end\n\n  def sold(_event, _measurements, _metadata, _config), do: :ok\n\n"
        "  defp counted(_event, _measurements, _metadata, _config), do: :ok\nend\n"
    )


def run_fix(call: str) -> Change | Refused:
    return fixed(project_of(files_of(attaching(call))), ("OTP504",))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("&sold/4, nil", "&__MODULE__.sold/4, nil"),
        ("&(sold/4), nil", "&__MODULE__.sold/4, nil"),
        ("&sold(&1, &2, &3, &4), limit", "&__MODULE__.sold/4, limit"),
        ("fn e, m, d, c -> Shop.Log.sale(e, m, d, c) end, []", "&Shop.Log.sale/4, []"),
        ("&__MODULE__.sold(&1, &2, &3, &4), nil", "&__MODULE__.sold/4, nil"),
        ("fn e, m, d, _ -> Log.sale(e, m, d, limit) end, nil", "&Log.sale/4, limit"),
        ("fn e, m, d, _config -> sold(e, m, d, limit) end, %{}", "&__MODULE__.sold/4, limit"),
    ],
)
def test_a_handler_is_named(before: str, after: str) -> None:
    text = f':telemetry.attach("sales", [:shop, :sale], {before})'
    change = run_fix(text)
    assert isinstance(change, Change), change
    files = decoded(changed_files(change, project_of(files_of(attaching(text)))))
    assert files == {PATH: files_of(attaching(text.replace(before, after)))[PATH].decode()}
    assert change.kind is (
        FixKind.UNSAFE if after.endswith("limit") and before[-5:] != "limit" else FixKind.SAFE
    )


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        ("&counted/4, nil", "`counted/4` of Shop.Sales is private"),
        ("fn e, m, d, c -> counted(e, m, d, c) end, nil", "`counted/4` of Shop.Sales is private"),
        ("fn e, m, d, c -> Log.hidden(e, m, d, c) end, nil", "`hidden/4` of Shop.Log is private"),
        ("fn e, m, d, c -> Log.traced(e, m, d, c) end, nil", "not seen to define a public `traced/4`"),
        ("fn e, m, d, c -> Metrics.sale(e, m, d, c) end, nil", "not seen to define a public `sale/4`"),
        ("fn e, m, d, c -> sold(e, d, m, c) end, nil", "does more than to call one function"),
        ("fn e, m, %{id: d}, c -> sold(e, m, d, c) end, nil", "does more than to call one function"),
        ("fn e, m, d, c when is_map(d) -> sold(e, m, d, c) end, nil", "does more than to call one function"),
        (
            "fn e, m, d, c -> IO.inspect(e) && sold(e, m, d, c) end, nil",
            "does more than to call one function",
        ),
        ("fn _, _, d, _ -> sold(limit, 1, d, 2) end, nil", "does more than to call one function"),
        ("fn e, m, d, _ -> sold(e, m, d, limit) end, :old", "has the configuration `:old` already"),
        ("fn e, m, d, _ -> limit.(e, m, d, 1) end, nil", "does more than to call one function"),
    ],
)
def test_a_handler_that_has_no_name(handler: str, reason: str) -> None:
    refused = run_fix(f':telemetry.attach("sales", [:shop, :sale], {handler})')
    assert isinstance(refused, Refused), refused
    assert reason in refused.reason
    assert "\n" not in refused.reason


def test_a_variable_that_is_attached_twice_keeps_what_it_holds() -> None:
    text = (
        "handler = fn e, m, d, _ -> sold(e, m, d, limit) end\n"
        ':telemetry.attach("a", [:shop, :sale], handler, nil)\n'
        ':telemetry.attach("b", [:shop, :refund], handler, nil)'
    )
    refused = run_fix(text)
    assert isinstance(refused, Refused), refused
    assert "attached more than once" in refused.reason
