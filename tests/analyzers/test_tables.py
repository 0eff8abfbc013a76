"""ETS tables: who makes them, how, and which keys are read and written."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers.facts.tables.ets_tables import table_uses, tables
from tests.analyzers.reading import module_in


@pytest.mark.parametrize(
    ("options", "named", "access", "is_bag"),
    [
        ("[]", False, "protected", False),
        ("[:named_table, :public, read_concurrency: true]", True, "public", False),
        ("[:bag, :private]", False, "private", True),
        ("[:named_table, {:keypos, 2}, :duplicate_bag]", True, "protected", True),
        ("[:named_table | options]", True, "unknown", False),
        ("options", False, "unknown", False),
    ],
)
def test_options(options: str, named: bool, access: str, is_bag: bool) -> None:
    module = module_in(f"defmodule A do\ndef run(options), do: :ets.new(:a, {options})\nend")
    (table,) = tables(module)
    assert (table.name.value, table.named, table.access, table.is_bag) == ("a", named, access, is_bag)


def test_reads_and_writes_with_their_keys() -> None:
    module = module_in(
        """
        defmodule A do
          def run(key, row) do
            :ets.lookup(:a, key)
            :a |> :ets.insert({key, 1})
            :ets.insert(:a, [{key, 1}])
            :ets.insert_new(:a, row)
            :ets.update_counter(:a, {key, :n}, 1)
            :ets.delete(:a, key)
            :ets.delete(:a)
            :ets.info(:a, :size)
          end
        end
        """
    )
    found = [(use.action, use.call.name, use.key and use.key.kind) for use in table_uses(module)]
    assert found == [
        ("read", "lookup", "variable"),
        ("write", "insert", "variable"),
        ("write", "insert", "variable"),
        ("write", "insert_new", None),
        ("write", "update_counter", "tuple"),
        ("write", "delete", "variable"),
        ("write", "delete", None),
    ]
