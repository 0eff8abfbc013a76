"""Tools: the model asks for them, gets what it may see, and what it said goes back as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from otp_genesis_refactorers.llm import failures
from otp_genesis_refactorers.llm.asking import ask
from otp_genesis_refactorers.llm.conversation import (
    Assistant,
    Event,
    Tool,
    ToolCall,
    ToolRefused,
    ToolResult,
    ToolResults,
    ToolUsed,
    User,
)
from tests.llm.asked import connected, question
from tests.llm.vendors import SIGNATURE, Asked, Call, Says, Vendor, serving

pytestmark = pytest.mark.asyncio
both = pytest.mark.parametrize("vendor", ["claude", "gemini"])
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}


def shout(arguments: Mapping[str, object]) -> str:
    if not arguments.get("text"):
        raise ToolRefused("there is nothing to shout")
    return str(arguments["text"]).upper()


SHOUT = Tool("shout", "Says it louder.", TEXT, shout)
PICK = Tool("pick", "The answer.", TEXT)


@both
async def test_a_tool_is_run_and_the_model_goes_on(vendor: Vendor) -> None:
    events: list[Event] = []
    script = Says("Let me see.", (Call("shout", {"text": "otp"}),)), Says("It is OTP.")
    with serving(*script) as loopback:
        async with connected(loopback, vendor) as connection:
            reply = await ask(connection, question(tools=(SHOUT,), on_event=events.append))
    assert reply.text == "It is OTP."
    assert reply.usage.output == 40
    assert [each.call.arguments for each in events if isinstance(each, ToolUsed)] == [{"text": "otp"}]
    assert "OTP" in loopback.asked[1].texts
    # The vendors sign their models' thoughts, and take them back only as they were.
    assert SIGNATURE in loopback.asked[1].texts
    assert [type(each) for each in reply.messages] == [User, Assistant, ToolResults, Assistant]


@both
@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (Call("shout", {}), "there is nothing to shout"),
        (Call("whisper", {"text": "otp"}), "there is no tool 'whisper'"),
    ],
)
async def test_a_refusal_of_a_tool_is_told_to_the_model(vendor: Vendor, call: Call, answer: str) -> None:
    with serving(Says(calls=(call,)), Says("Never mind.")) as loopback:
        async with connected(loopback, vendor) as connection:
            reply = await ask(connection, question(tools=(SHOUT,)))
    assert reply.text == "Never mind."
    assert answer in loopback.asked[1].texts


@both
async def test_a_tool_that_nothing_runs_is_the_callers(vendor: Vendor) -> None:
    with serving(Says(calls=(Call("pick", {"text": "red"}),)), Says("Thanks.")) as loopback:
        async with connected(loopback, vendor) as connection:
            asked = question(tools=(SHOUT, PICK))
            reply = await ask(connection, asked)
            (call,) = reply.calls
            assert (call.name, call.arguments) == ("pick", {"text": "red"})
            told = ToolResults((ToolResult(call, "not red", is_error=True),))
            reply = await ask(connection, replace(asked, messages=(*reply.messages, told)))
    assert reply.text == "Thanks."
    assert "not red" in loopback.asked[1].texts


@both
async def test_tools_are_not_asked_for_forever(vendor: Vendor) -> None:
    with serving(*[Says(calls=(Call("shout", {"text": "otp"}),))] * 9) as loopback:
        async with connected(loopback, vendor) as connection:
            with pytest.raises(failures.TooManyTurns):
                await ask(connection, replace(question(tools=(SHOUT,)), max_turns=2))
    assert len(loopback.asked) == 3


@both
async def test_one_vendors_words_can_be_put_to_the_other(vendor: Vendor) -> None:
    call = ToolCall("x-1", "shout", {"text": "otp"})
    said = Assistant("Let me see.", (call,), "another", ({"odd": "block"},))
    messages = (User("What is OTP?"), said, ToolResults((ToolResult(call, "OTP"),)), User("Well?"))
    with serving(Says("It is OTP.")) as loopback:
        async with connected(loopback, vendor) as connection:
            await ask(connection, replace(question(tools=(SHOUT,)), messages=messages))
    texts = loopback.asked[0].texts
    assert {"What is OTP?", "Let me see.", "otp", "OTP", "Well?"} <= set(texts)
    assert "block" not in texts


async def test_what_is_stable_is_marked_for_claudes_cache() -> None:
    messages = User("the project", is_stable=True), User("the rule", is_stable=True), User("the finding")
    with serving(Says("Fine.")) as loopback:
        async with connected(loopback, "claude") as connection:
            await ask(connection, replace(question(), messages=messages))
    assert marked(loopback.asked[0]) == ["the project", "the rule"]


async def test_a_conversation_is_marked_as_far_as_it_went() -> None:
    messages = User("the project", is_stable=True), User("a"), Assistant("b"), User("c")
    with serving(Says("Fine.")) as loopback:
        async with connected(loopback, "claude") as connection:
            await ask(connection, replace(question(), messages=messages))
    assert marked(loopback.asked[0]) == ["the project", "c"]


def marked(asked: Asked) -> list[str]:
    blocks = [block for message in asked.body["messages"] for block in message["content"]]
    return [block["text"] for block in blocks if "cache_control" in block]
