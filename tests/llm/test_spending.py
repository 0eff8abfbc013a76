"""Budgets: what could cost too much is not sent, what was spent is remembered, by all processes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from otp_genesis_refactorers.llm import failures
from otp_genesis_refactorers.llm.asking import ask
from otp_genesis_refactorers.llm.connecting import Connection
from otp_genesis_refactorers.llm.conversation import Usage
from otp_genesis_refactorers.llm.settings import Budget, Price
from otp_genesis_refactorers.llm.spending.cost import load_pricing
from otp_genesis_refactorers.llm.spending.ledger import Ledger
from tests.llm.asked import connected, question
from tests.llm.vendors import Fails, Says, Vendor, Waits, serving

both = pytest.mark.parametrize("vendor", ["claude", "gemini"])
PLENTY = Budget(run_dollars=100, run_tokens=10**9, day_dollars=100, day_tokens=10**9)


def within(connection: Connection, **budget: float) -> Connection:
    changed = msgspec.structs.replace(connection.ledger.budget, **budget)
    return replace(connection, ledger=replace(connection.ledger, budget=changed))


@both
@pytest.mark.asyncio
async def test_a_budget_runs_out(vendor: Vendor) -> None:
    """165 tokens an answer, and a request could take 1,000 and some."""
    with serving(*[Says("Yes.")] * 9) as loopback:
        async with connected(loopback, vendor) as connection:
            connection = within(connection, run_tokens=1100)
            await ask(connection, question())
            with pytest.raises(failures.BudgetExceeded, match=r"of the 1,100 for this run 165 are spent"):
                for _ in range(9):
                    await ask(connection, question())
            spent = connection.spent()
    assert len(loopback.asked) == spent.run.calls == 1
    assert spent.run.tokens == spent.day.tokens == 165
    assert 0 < spent.run.dollars < 0.01


@both
@pytest.mark.asyncio
async def test_a_budget_in_dollars_is_compared_before_anything_is_sent(vendor: Vendor) -> None:
    with serving() as loopback:
        async with connected(loopback, vendor) as connection:
            with pytest.raises(failures.BudgetExceeded, match="run_dollars in"):
                await ask(within(connection, run_dollars=0.0001), question())
            with pytest.raises(failures.BudgetExceeded, match="day_dollars in"):
                await ask(within(connection, day_dollars=0), question())
            assert connection.spent().day.calls == 0
    assert loopback.asked == []


@both
@pytest.mark.asyncio
async def test_what_was_not_answered_costs_nothing_but_may_when_it_was_begun(vendor: Vendor) -> None:
    with serving(Fails(400), Waits(40)) as loopback:
        async with connected(loopback, vendor, deadline_seconds=1.0) as connection:
            with pytest.raises(failures.BadRequest):
                await ask(connection, question())
            assert connection.spent().run.tokens == 0
            with pytest.raises(failures.DeadlineExceeded) as caught:
                await ask(connection, question())
            assert 0 < connection.spent().run.tokens == caught.value.usage.total < 100


def test_a_price_of_the_users_is_the_one_that_counts() -> None:
    pricing = load_pricing("anthropic", "claude-sonnet-5-5", Price(input=1.0, output=2.0, cache_read=0.5))
    assert pricing(Usage(10**6, 10**6, 10**6, 10**6, 10**6)) == 6.5e9


def test_the_parts_of_a_usage_are_priced_as_the_public_list_has_them() -> None:
    pricing = load_pricing("anthropic", "claude-sonnet-5-5", None)
    assert pricing(Usage(10**6, 10**6, 10**6, 10**5, 10**5)) == sum(
        pricing(each) or 0
        for each in (
            Usage(input=10**6),
            Usage(cache_read=10**6),
            Usage(cache_write=10**6),
            Usage(output=10**5),
            Usage(thinking=10**5),
        )
    )


def test_of_an_unknown_model_the_tokens_are_counted() -> None:
    pricing = load_pricing("anthropic", "claude-unheard-of", None)
    assert pricing(Usage(1000)) is None
    ledger = Ledger("a run", "claude-unheard-of", PLENTY)
    ledger.settle(ledger.enter(Usage(1000), None), Usage(900), None)
    assert str(ledger.spent().run) == "900 tokens"
    with pytest.raises(failures.BudgetExceeded, match="run_tokens"):
        replace(ledger, budget=msgspec.structs.replace(PLENTY, run_tokens=1000)).enter(Usage(200), None)


def test_a_run_has_a_budget_of_its_own_and_all_share_the_day() -> None:
    budget = msgspec.structs.replace(PLENTY, run_tokens=100, day_tokens=150)
    one, other = Ledger("one", "m", budget), Ledger("other", "m", budget)
    one.enter(Usage(100), None)
    with pytest.raises(failures.BudgetExceeded, match="today"):
        other.enter(Usage(60), None)
    other.enter(Usage(50), None)
    assert (other.spent().run.tokens, other.spent().day.tokens) == (50, 150)


ENTER_MANY = """
import sys
from pathlib import Path
from otp_genesis_refactorers.llm.conversation import Usage
from otp_genesis_refactorers.llm.failures import BudgetExceeded
from otp_genesis_refactorers.llm.spending.ledger import Ledger
from otp_genesis_refactorers.llm.settings import Budget

ledger = Ledger("a run", "m", Budget(run_dollars=1, run_tokens=1000, day_dollars=1, day_tokens=1000))
entered = 0
try:
    for _ in range(200):
        ledger.enter(Usage(10), None)
        entered += 1
except BudgetExceeded:
    pass
print(entered)
"""


def test_two_processes_never_spend_the_same_money() -> None:
    command = [sys.executable, "-c", ENTER_MANY]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    entered = [int(process.communicate()[0]) for process in processes]
    assert sum(entered) == 100


def test_a_record_that_is_damaged_stops_all(tmp_path: Path) -> None:
    file = tmp_path / "spending.sqlite3"
    file.write_bytes(b"this is no database" * 100)
    with pytest.raises(failures.BadSettings, match=r"spending\.sqlite3.*move the file away"):
        Ledger("a run", "m", PLENTY, file).enter(Usage(1), None)
