"""A key goes into a header, and nowhere else."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from otp_genesis_refactorers.llm import failures
from otp_genesis_refactorers.llm.asking import ask
from otp_genesis_refactorers.llm.connecting import connect, find_model
from otp_genesis_refactorers.llm.conversation import Tool
from otp_genesis_refactorers.llm.keys import find_key
from tests.llm.asked import connected, question
from tests.llm.vendors import KEY, Call, Fails, Says, Step, Vendor, Waits, serving

both = pytest.mark.parametrize("vendor", ["claude", "gemini"])
ECHO = f"what is {KEY} doing in a header?"


def everything_of(error: BaseException | None) -> Iterator[str]:
    """All that is said of an error and of those behind it, with the values they carry."""
    while error is not None:
        yield from (str(error), repr(error), repr(error.args), repr(vars(error)))
        yield from traceback.format_exception(error)
        error = error.__cause__ or error.__context__


@both
@pytest.mark.asyncio
@pytest.mark.parametrize(
    "step",
    [
        Says("Yes."),
        Says(calls=(Call("none", {}),)),
        Says("half", breaks="drop"),
        Says("half", breaks="error"),
        Fails(400, message=ECHO),
        Fails(401, message=ECHO),
        Fails(404, message=ECHO),
        Fails(429, {"retry-after": "99"}, message=ECHO),
        Fails(500, message="x" * 290 + ECHO),
        Waits(40),
    ],
    ids=["answer", "call", "drop", "error", "400", "401", "404", "429", "500", "silence"],
)
async def test_it_is_in_no_log_error_or_file(
    vendor: Vendor,
    step: Step,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    with serving(step) as loopback:
        environment = loopback.environment
        model = find_model(vendor, tmp_path, environment=environment)
        async with (
            connect(model, "a run", record=tmp_path / "session", environment=environment) as recording,
            connected(loopback, vendor, attempts=1, deadline_seconds=1.0) as connection,
        ):
            said += [repr(recording), repr(connection), repr(model)]
            try:
                said.append(repr(await ask(connection, question())))
            except failures.ModelFailure as failure:
                said += everything_of(failure)
    assert [value.removeprefix("Bearer ") for value in loopback.asked[0].headers.values()].count(KEY) == 1
    said += [record.getMessage() for record in caplog.records]
    said += [repr(record.__dict__) for record in caplog.records]
    said += [*capfd.readouterr(), *(str(file.read_bytes()) for file in tmp_path.rglob("*") if file.is_file())]
    assert len(said) > 3
    assert [each for each in said if KEY in each or KEY[:20] in each] == []
    assert KEY not in loopback.asked[0].path
    assert KEY not in str(loopback.asked[0].body)


@both
@pytest.mark.asyncio
async def test_no_secret_is_sent_even_if_whoever_asks_forgot_to_hide_it(vendor: Vendor) -> None:
    def read(_: Mapping[str, object]) -> str:
        return 'password: "hunter22"'

    tool = Tool("read", "Reads.", {"type": "object", "properties": {}}, read)
    with serving(Says(calls=(Call("read", {}),)), Says("Yes.")) as loopback:
        async with connected(loopback, vendor) as connection:
            await ask(connection, question(f"Here is {KEY}, and AKIAIOSFODNN7EXAMPLE.", (tool,)))
    texts = loopback.asked[1].texts
    assert "Here is «hidden», and «hidden»." in texts
    assert 'password: "«hidden»"' in texts


def test_a_key_is_shown_by_the_name_of_its_variable() -> None:
    key = find_key(["B_KEY", "A_KEY"], {"A_KEY": f" {KEY}\n"})
    assert key is not None
    assert repr(key) == "Key(variable='A_KEY')"
    assert key.hidden_in(ECHO) == "what is <A_KEY> doing in a header?"


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "naïve", "null\0"])
def test_what_can_be_no_key_is_refused_without_being_shown(value: str) -> None:
    # An HTTP client would quote the header that it can't send.
    with pytest.raises(failures.BadSettings) as caught:
        find_key(["A_KEY"], {"A_KEY": value})
    assert "A_KEY" in str(caught.value)
    assert value not in str(caught.value)
