"""Claude, by Anthropic's own SDK."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_refactorers.llm.conversation import (
    Assistant,
    Message,
    Reply,
    Request,
    Stop,
    TextArrived,
    ToolCall,
    ToolResults,
    Usage,
    User,
)
from otp_genesis_refactorers.llm.failures import BadRequest, KeyRejected, ModelFailure, Transient
from otp_genesis_refactorers.llm.keys import Key
from otp_genesis_refactorers.llm.vendors.provider import in_one_line
from otp_genesis_refactorers.llm.vendors.retrying import is_passing, told_to_wait

if TYPE_CHECKING:
    from anthropic import APIStatusError
    from anthropic.types import ContentBlock, MessageParam
    from anthropic.types import Message as Received
    from anthropic.types import Usage as ReceivedUsage

NAME = "anthropic"
_CACHE = {"type": "ephemeral"}
_MOST_CACHE_MARKS = 4
_STOPS: Mapping[str, Stop] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "calls",
    "max_tokens": "truncated",
    "model_context_window_exceeded": "truncated",
    "refusal": "refused",
}
_PASSING_ERRORS = frozenset({"overloaded_error", "api_error", "rate_limit_error", "timeout_error"})


class Claude:
    """Loads the SDK when it is made, a second or two: make it in a thread."""

    def __init__(self, model_id: str, base_url: str, key: Key, silence_seconds: float) -> None:
        import anthropic
        import httpx2

        self._model_id = model_id
        self._key = key
        self._client = anthropic.AsyncAnthropic(
            api_key=key.secret, base_url=base_url, max_retries=0, timeout=httpx2.Timeout(silence_seconds)
        )

    async def once(self, request: Request) -> Reply:
        import anthropic
        import httpx2

        try:
            received = await self._stream(request)
        except anthropic.APIStatusError as error:
            failure = self._failure(error)
        except (anthropic.APIConnectionError, httpx2.HTTPError) as error:
            failure = Transient(f"the connection to Claude broke off ({self._words(error)})")
        except (anthropic.AnthropicError, ValueError) as error:
            failure = BadRequest(f"Claude sent what can't be read ({self._words(error)})")
        else:
            return _reply(received)
        # Outside of the handler, so that what the SDK raised, with its request and headers, is not attached.
        raise failure

    async def close(self) -> None:
        await self._client.close()

    async def _stream(self, request: Request) -> Received:
        async with self._client.messages.stream(**_parameters(self._model_id, request)) as stream:
            async for event in stream:
                if event.type == "text":
                    request.on_event(TextArrived(event.text))
            return stream.current_message_snapshot

    def _words(self, said: object) -> str:
        return in_one_line(said, self._key)

    def _failure(self, error: APIStatusError) -> ModelFailure:
        said = _said(error)
        text = self._words(said.message)
        if error.status_code in (401, 403):
            return KeyRejected(f"Claude does not take the key in {self._key.variable}: {text}")
        # An error in the middle of a stream comes with the status of the stream, which is 200.
        if is_passing(error.status_code) or said.type in _PASSING_ERRORS:
            is_rate_limit = error.status_code == 429 or said.type == "rate_limit_error"
            seconds = told_to_wait(error.response.headers) if error.status_code != 200 else None
            return Transient(f"Claude can't answer now: {text}", seconds, is_rate_limit=is_rate_limit)
        if error.status_code == 404:
            return BadRequest(
                f"Claude has no model {self._model_id!r} ({text}); name another in [models] of your"
                " configuration"
            )
        return BadRequest(f"Claude does not take the request: {text}")


class _Said(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Body(msgspec.Struct):
    """`{"type": "error", "error": {"type": "overloaded_error", "message": "…"}}`"""

    error: _Said


def _said(error: APIStatusError) -> _Said:
    try:
        return msgspec.convert(error.body, readable(_Body)).error
    except msgspec.ValidationError:
        return _Said(message=error.message)


# --- there -------------------------------------------------------------------------------------------


def _parameters(model_id: str, request: Request) -> dict[str, Any]:
    import anthropic

    parameters: dict[str, Any] = {
        "model": model_id,
        "max_tokens": request.max_output_tokens,
        "messages": list(_messages(request.messages)),
    }
    if request.system:
        parameters["system"] = request.system
    if request.tools:
        parameters["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}
            for tool in request.tools
        ]
    output: dict[str, Any] = {}
    if request.effort:
        output["effort"] = request.effort
    if request.schema:
        output["format"] = {"type": "json_schema", "schema": anthropic.transform_schema(request.schema)}
    if output:
        parameters["output_config"] = output
    return parameters


def _messages(messages: tuple[Message, ...]) -> Iterator[MessageParam]:
    stable = [index for index, each in enumerate(messages) if isinstance(each, User) and each.is_stable]
    goes_on = any(isinstance(each, Assistant) for each in messages)
    marked = {*stable[: _MOST_CACHE_MARKS - 1], *([len(messages) - 1] if goes_on else [])}
    for index, message in enumerate(messages):
        content = _content(message)
        if index in marked:
            content[-1]["cache_control"] = _CACHE
        role = "assistant" if isinstance(message, Assistant) else "user"
        yield cast("MessageParam", {"role": role, "content": content})


def _content(message: Message) -> list[dict[str, Any]]:
    match message:
        case User():
            return [_text(message.text)]
        case ToolResults():
            return [
                {
                    "type": "tool_result",
                    "tool_use_id": result.call.id,
                    "content": result.text,
                    "is_error": result.is_error,
                }
                for result in message.results
            ]
        case Assistant(provider=provider, verbatim=verbatim) if provider == NAME and verbatim:
            return [dict(block) for block in verbatim]
        case Assistant():
            calls = [
                {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)}
                for call in message.calls
            ]
            return [*([_text(message.text)] if message.text or not calls else []), *calls]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text or "(nothing)"}


# --- and back ----------------------------------------------------------------------------------------


def _reply(received: Received) -> Reply:
    """Raises Transient for a stream that ended before the message did."""
    if received.stop_reason is None:
        raise Transient("Claude's answer broke off in the middle")
    details = received.stop_details
    return Reply(
        said=Assistant(
            text="".join(block.text for block in received.content if block.type == "text"),
            calls=tuple(
                ToolCall(block.id, block.name, dict(block.input))
                for block in received.content
                if block.type == "tool_use"
            ),
            provider=NAME,
            verbatim=tuple(_verbatim(received.content)),
        ),
        stop=_STOPS.get(received.stop_reason, "end"),
        usage=_usage(received.usage),
        model=received.model,
        why=(details.explanation or details.category or "") if details else "",
    )


def _verbatim(blocks: list[ContentBlock]) -> Iterator[dict[str, object]]:
    """What the API takes back of what it sent."""
    for block in blocks:
        match block.type:
            case "text":
                if block.text:
                    yield {"type": "text", "text": block.text}
            case "thinking":
                yield {"type": "thinking", "thinking": block.thinking, "signature": block.signature}
            case "redacted_thinking":
                yield {"type": "redacted_thinking", "data": block.data}
            case "tool_use":
                yield {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}
            case _:
                continue


def _usage(usage: ReceivedUsage) -> Usage:
    details = usage.output_tokens_details
    thinking = details.thinking_tokens if details else 0
    return Usage(
        input=usage.input_tokens,
        cache_read=usage.cache_read_input_tokens or 0,
        cache_write=usage.cache_creation_input_tokens or 0,
        output=usage.output_tokens - thinking,
        thinking=thinking,
    )
