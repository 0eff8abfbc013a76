"""One question, one answer, and what comes between: on both vendors, through their own SDKs."""

from __future__ import annotations

import asyncio
import time

import pytest
from pydantic import BaseModel

from otp_genesis_refactorers.llm import failures
from otp_genesis_refactorers.llm.asking import ask, ask_for
from otp_genesis_refactorers.llm.conversation import Event, Reply, Restarted, TextArrived, Usage
from tests.llm.asked import connected, question
from tests.llm.vendors import Fails, Loopback, Says, Step, Vendor, Waits, serving

pytestmark = pytest.mark.asyncio
both = pytest.mark.parametrize("vendor", ["claude", "gemini"])
ANSWER = "A set of libraries, and a way to build."
ONE_ANSWER = Usage(input=100, cache_read=40, output=20, thinking=5)


class Colour(BaseModel):
    name: str
    share: int


async def asked(
    loopback: Loopback,
    vendor: Vendor,
    events: list[Event] | None = None,
    *,
    deadline_seconds: float = 20.0,
    attempts: int = 4,
) -> Reply:
    seen = [] if events is None else events
    connecting = connected(loopback, vendor, deadline_seconds=deadline_seconds, attempts=attempts)
    async with connecting as connection:
        return await ask(connection, question(on_event=seen.append))


async def data_asked(loopback: Loopback, vendor: Vendor) -> Colour:
    async with connected(loopback, vendor) as connection:
        return (await ask_for(connection, question(), Colour)).data


@both
async def test_an_answer_arrives_in_pieces_and_whole(vendor: Vendor) -> None:
    events: list[Event] = []
    with serving(Says(ANSWER)) as loopback:
        reply = await asked(loopback, vendor, events)
    assert reply.text == ANSWER
    assert reply.stop == "end"
    assert reply.usage == ONE_ANSWER
    assert len(events) > 1
    assert "".join(each.text for each in events if isinstance(each, TextArrived)) == ANSWER
    assert "You answer." in loopback.asked[0].texts
    assert "What is OTP?" in loopback.asked[0].texts


@both
@pytest.mark.parametrize(
    "step",
    [
        Fails(529),
        Fails(503, {"retry-after": "0"}),
        Says("half of it", breaks="drop"),
        Says("half of it", breaks="error"),
        Says("half of it", breaks="early"),
    ],
    ids=["529", "503", "dropped", "error", "ended early"],
)
async def test_what_passes_is_tried_again_and_the_pieces_are_void(vendor: Vendor, step: Step) -> None:
    events: list[Event] = []
    with serving(step, Says(ANSWER)) as loopback:
        reply = await asked(loopback, vendor, events)
    assert reply.text == ANSWER
    restarts = [index for index, each in enumerate(events) if isinstance(each, Restarted)]
    assert len(restarts) == 1
    assert "".join(each.text for each in events[restarts[0] :] if isinstance(each, TextArrived)) == ANSWER


@both
@pytest.mark.parametrize("headers", [{"retry-after": "0.4"}, {"retry-after-ms": "400", "retry-after": "9"}])
async def test_a_rate_limit_is_waited_for_as_told(vendor: Vendor, headers: dict[str, str]) -> None:
    events: list[Event] = []
    with serving(Fails(429, headers), Says(ANSWER)) as loopback:
        started = time.monotonic()
        reply = await asked(loopback, vendor, events)
        assert time.monotonic() - started >= 0.4
    assert reply.text == ANSWER
    assert [each.seconds for each in events if isinstance(each, Restarted)] == [0.4]


async def test_gemini_tells_how_long_to_wait_in_the_body() -> None:
    events: list[Event] = []
    with serving(Fails(429, retry_delay="0.2s"), Says(ANSWER)) as loopback:
        await asked(loopback, "gemini", events)
    assert [each.seconds for each in events if isinstance(each, Restarted)] == [0.2]


@both
async def test_a_wait_that_is_too_long_is_not_waited_for(vendor: Vendor) -> None:
    too_long = pytest.raises(failures.RateLimited, match="75 s")
    with serving(Fails(429, {"retry-after": "75"})) as loopback, too_long as caught:
        await asked(loopback, vendor)
    assert caught.value.seconds == 75
    assert len(loopback.asked) == 1


@both
async def test_there_is_an_end_to_trying_again(vendor: Vendor) -> None:
    step = Fails(529, {"retry-after": "0"})
    with serving(*[step] * 5) as loopback, pytest.raises(failures.Transient):
        await asked(loopback, vendor)
    assert len(loopback.asked) == 4


@both
async def test_a_rate_limit_that_stays_is_said_with_its_seconds(vendor: Vendor) -> None:
    with serving(Fails(429)) as loopback, pytest.raises(failures.RateLimited) as caught:
        await asked(loopback, vendor, attempts=1)
    assert 0 < caught.value.seconds < 2
    assert len(loopback.asked) == 1


@both
@pytest.mark.parametrize("begun", [True, False])
async def test_silence_ends_at_the_deadline_and_the_server_sees_it(vendor: Vendor, begun: bool) -> None:
    with serving(Waits(40, begun=begun)) as loopback:
        with pytest.raises(failures.DeadlineExceeded, match="1 s"):
            await asked(loopback, vendor, deadline_seconds=1.0)
        assert loopback.asked[0].aborted.wait(10)


@both
async def test_a_silent_connection_is_given_up_for_another(vendor: Vendor, impatient: None) -> None:
    with serving(Waits(40), Says(ANSWER)) as loopback:
        reply = await asked(loopback, vendor)
        assert loopback.asked[0].aborted.wait(10)
    assert reply.text == ANSWER


@both
async def test_a_slow_answer_is_not_silence_but_has_the_deadline(vendor: Vendor) -> None:
    with serving(Says("a word " * 200, pause_seconds=0.1)) as loopback:
        with pytest.raises(failures.DeadlineExceeded):
            await asked(loopback, vendor, deadline_seconds=1.0)
        assert loopback.asked[0].aborted.wait(10)


@both
async def test_cancelled_half_way_the_server_sees_it(vendor: Vendor) -> None:
    arrived = asyncio.Event()
    with serving(Says("a word " * 200, pause_seconds=0.05)) as loopback:
        async with connected(loopback, vendor) as connection:
            asking = asyncio.create_task(ask(connection, question(on_event=lambda _: arrived.set())))
            await asyncio.wait_for(arrived.wait(), 10)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            # The connection as a whole is still open: it is the request that was given up.
            assert loopback.asked[0].aborted.wait(10)
            spent = connection.spent().run
    assert spent.calls == 1
    assert 0 < spent.tokens < 1000


@both
async def test_whoever_shows_the_pieces_may_fail(vendor: Vendor) -> None:
    def fail(event: Event) -> None:
        raise RuntimeError("the editor is gone")

    with serving(Says("a word " * 200, pause_seconds=0.05)) as loopback:
        async with connected(loopback, vendor) as connection:
            with pytest.raises(RuntimeError):
                await ask(connection, question(on_event=fail))
            assert loopback.asked[0].aborted.wait(10)


@both
async def test_data_is_asked_for_by_its_schema(vendor: Vendor) -> None:
    with serving(Says('{"name": "red", "share": 7}')) as loopback:
        assert await data_asked(loopback, vendor) == Colour(name="red", share=7)
    assert "share" in str(loopback.asked[0].body)


@both
async def test_a_fence_around_data_is_taken_off(vendor: Vendor) -> None:
    with serving(Says('```json\n{"name": "red", "share": 7}\n```\n')) as loopback:
        assert await data_asked(loopback, vendor) == Colour(name="red", share=7)


@both
async def test_invalid_data_is_asked_for_again_with_the_reason(vendor: Vendor) -> None:
    script = [
        Says('{"name": "red", '),
        Says('{"name": "red", "share": "much"}'),
        Says('{"name": "red", "share": 7}'),
    ]
    with serving(*script) as loopback:
        async with connected(loopback, vendor) as connection:
            answer = await ask_for(connection, question(), Colour)
    assert answer.data == Colour(name="red", share=7)
    assert answer.reply.usage == ONE_ANSWER + ONE_ANSWER + ONE_ANSWER
    assert any("share: Input should be a valid integer" in text for text in loopback.asked[2].texts)


@both
async def test_it_is_asked_for_twice_and_no_more(vendor: Vendor) -> None:
    with serving(*[Says('{"name": 1}')] * 4) as loopback, pytest.raises(failures.InvalidAnswer, match="name"):
        await data_asked(loopback, vendor)
    assert len(loopback.asked) == 3


@both
async def test_a_refusal_says_why(vendor: Vendor) -> None:
    refused = pytest.raises(failures.Refused, match=r"not that|PROHIBITED_CONTENT")
    with serving(Says(stop="refused")) as loopback, refused as caught:
        await asked(loopback, vendor)
    assert caught.value.usage.input == 100
    assert len(loopback.asked) == 1


@both
async def test_a_truncated_answer_is_none(vendor: Vendor) -> None:
    truncated = pytest.raises(failures.Truncated, match="1,000 tokens")
    with serving(Says('{"name": "re', stop="truncated")) as loopback, truncated as caught:
        await data_asked(loopback, vendor)
    assert caught.value.usage == ONE_ANSWER
    assert len(loopback.asked) == 1


@both
@pytest.mark.parametrize(
    ("step", "failure"),
    [
        (Fails(400, message="too long"), failures.BadRequest),
        (Fails(404, message="no such model"), failures.BadRequest),
        (Fails(401, message="who are you"), failures.KeyRejected),
        (Fails(403, message="not you"), failures.KeyRejected),
    ],
)
async def test_what_will_not_pass_is_not_tried_again(
    vendor: Vendor, step: Fails, failure: type[failures.ModelFailure]
) -> None:
    with serving(step) as loopback, pytest.raises(failure, match=step.message):
        await asked(loopback, vendor)
    assert len(loopback.asked) == 1


async def test_gemini_says_400_of_a_bad_key() -> None:
    rejected = pytest.raises(failures.KeyRejected, match="GEMINI_API_KEY")
    with serving(Fails(400, reason="API_KEY_INVALID")) as loopback, rejected:
        await asked(loopback, "gemini")


@both
async def test_nobody_there_is_tried_again_and_said(vendor: Vendor) -> None:
    with serving() as loopback:
        pass
    with pytest.raises(failures.Transient, match="broke off"):
        await asked(loopback, vendor, attempts=1)
