"""Gemini, by Google's own SDK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol, cast

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
    ToolResult,
    ToolResults,
    Usage,
    User,
)
from otp_genesis_refactorers.llm.failures import BadRequest, KeyRejected, ModelFailure, Transient
from otp_genesis_refactorers.llm.keys import Key
from otp_genesis_refactorers.llm.vendors.provider import in_one_line
from otp_genesis_refactorers.llm.vendors.retrying import is_passing, seconds_in, told_to_wait

if TYPE_CHECKING:
    from google.genai.errors import APIError
    from google.genai.types import (
        ContentDict,
        FunctionCallDict,
        FunctionResponseDict,
        GenerateContentResponse,
        GenerateContentResponseUsageMetadata,
        Part,
        PartDict,
    )

NAME = "google"
_OWN_ID = "call-"
"""Older models give their calls no id; these are ours, and not sent back."""
_STOPS: Mapping[str, Stop] = {"STOP": "end", "MAX_TOKENS": "truncated"}
_BROKEN = frozenset({"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"})


class _Send(Protocol):
    async def __call__(
        self, *, model: str, contents: Any, config: Any
    ) -> AsyncIterator[GenerateContentResponse]: ...


class Gemini:
    """Loads the SDK when it is made, half a second: make it in a thread."""

    def __init__(self, model_id: str, base_url: str, key: Key, silence_seconds: float) -> None:
        import httpx2
        from google.genai import Client, types

        self._model_id = model_id
        self._key = key
        self._silence_seconds = silence_seconds
        self._http = httpx2.AsyncClient()
        # With a timeout the SDK tells the server to be done within it: only silence is limited, and here.
        options = types.HttpOptions(base_url=base_url, api_version="v1beta", httpx_async_client=self._http)
        # Said outright, since else the environment could choose another service and other credentials.
        self._client = Client(api_key=key.secret, vertexai=False, http_options=options)
        self._send: _Send = self._client.aio.models.generate_content_stream  # pyright: ignore[reportUnknownMemberType]

    async def once(self, request: Request) -> Reply:
        import httpx2
        from google.genai import errors

        received = _Received()
        try:
            await self._stream(request, received)
        except errors.APIError as error:
            failure = self._failure(error)
        except TimeoutError:
            failure = Transient(f"Gemini was silent for {self._silence_seconds:.0f} s")
        except httpx2.HTTPError as error:
            failure = Transient(f"the connection to Gemini broke off ({self._words(error)})")
        except ValueError as error:
            failure = BadRequest(f"Gemini sent what can't be read ({self._words(error)})")
        else:
            return received.reply(self._model_id)
        # Outside of the handler, so that what the SDK raised, with its request and headers, is not attached.
        raise failure

    async def close(self) -> None:
        await self._client.aio.aclose()
        self._client.close()
        await self._http.aclose()

    async def _stream(self, request: Request, received: _Received) -> None:
        """Reads in a task of its own: cancelling a read closes the connection, a `break` does not."""
        arrived: asyncio.Queue[GenerateContentResponse | None] = asyncio.Queue()

        async def read() -> None:
            parameters = _parameters(self._model_id, request)
            async for chunk in await self._send(**parameters):
                arrived.put_nowait(chunk)

        reading = asyncio.create_task(read())
        reading.add_done_callback(lambda _: arrived.put_nowait(None))
        try:
            while (chunk := await asyncio.wait_for(arrived.get(), self._silence_seconds)) is not None:
                text = received.add(chunk)
                if text:
                    request.on_event(TextArrived(text))
        finally:
            reading.cancel()
            await asyncio.wait([reading])
        reading.result()

    def _words(self, said: object) -> str:
        return in_one_line(said, self._key)

    def _failure(self, error: APIError) -> ModelFailure:
        text = self._words(error.message or error.status or error.code)
        is_key_rejected = any(detail.reason == "API_KEY_INVALID" for detail in _details(error))
        if error.code in (401, 403) or is_key_rejected:
            return KeyRejected(f"Gemini does not take the key in {self._key.variable}: {text}")
        if is_passing(error.code):
            is_rate_limit = error.code == 429
            return Transient(
                f"Gemini can't answer now: {text}", _told_to_wait(error), is_rate_limit=is_rate_limit
            )
        if error.code == 404:
            return BadRequest(
                f"Gemini has no model {self._model_id!r} ({text}); name another in [models] of your"
                " configuration"
            )
        return BadRequest(f"Gemini does not take the request: {text}")


class _Detail(msgspec.Struct):
    """An ErrorInfo has a reason, a RetryInfo a delay such as "3.5s"."""

    reason: str = ""
    retry_delay: str = msgspec.field(default="", name="retryDelay")

    @property
    def seconds(self) -> float | None:
        return seconds_in(self.retry_delay.removesuffix("s"))


class _Said(msgspec.Struct):
    details: list[_Detail] = msgspec.field(default_factory=list[_Detail])


class _Body(msgspec.Struct):
    error: _Said


def _details(error: APIError) -> list[_Detail]:
    try:
        body = cast("object", error.details)  # pyright: ignore[reportUnknownMemberType]
        return msgspec.convert(body, readable(_Body)).error.details
    except msgspec.ValidationError:
        return []


def _told_to_wait(error: APIError) -> float | None:
    import httpx2

    response = cast("object", error.response)  # pyright: ignore[reportUnknownMemberType]
    headers = response.headers if isinstance(response, httpx2.Response) else dict[str, str]()
    told = [told_to_wait(headers), *(detail.seconds for detail in _details(error))]
    return max((seconds for seconds in told if seconds is not None), default=None)


# --- there -------------------------------------------------------------------------------------------


def _parameters(model_id: str, request: Request) -> dict[str, Any]:
    config: dict[str, Any] = {
        "max_output_tokens": request.max_output_tokens,
        "automatic_function_calling": {"disable": True},
    }
    system = request.system
    if request.tools:
        declarations = [
            {
                "name": tool.name,
                "description": tool.description,
                "parameters_json_schema": dict(tool.parameters),
            }
            for tool in request.tools
        ]
        config["tools"] = [{"function_declarations": declarations}]
    if request.schema:
        schema = request.schema.model_json_schema()
        if request.tools:
            # Not every model takes a schema beside tools.
            system += f"\n\nAnswer with JSON of this schema and nothing else:\n{json.dumps(schema)}"
        else:
            config |= {"response_mime_type": "application/json", "response_json_schema": schema}
    if system:
        config["system_instruction"] = system
    if request.effort:
        config["thinking_config"] = {"thinking_level": request.effort.upper()}
    return {"model": model_id, "contents": list(_contents(request.messages)), "config": config}


def _contents(messages: tuple[Message, ...]) -> Iterator[ContentDict]:
    for role, group in groupby(messages, lambda each: "model" if isinstance(each, Assistant) else "user"):
        yield {"role": role, "parts": [part for message in group for part in _parts(message)]}


def _parts(message: Message) -> list[PartDict]:
    match message:
        case User():
            return [_text(message.text)]
        case ToolResults():
            return [{"function_response": _function_response(result)} for result in message.results]
        case Assistant(provider=provider, verbatim=verbatim) if provider == NAME and verbatim:
            return [cast("PartDict", dict(part)) for part in verbatim]
        case Assistant():
            calls: list[PartDict] = [{"function_call": _function_call(call)} for call in message.calls]
            return [*([_text(message.text)] if message.text or not calls else []), *calls]


def _text(text: str) -> PartDict:
    return {"text": text or "(nothing)"}


def _function_call(call: ToolCall) -> FunctionCallDict:
    named: FunctionCallDict = {"name": call.name, "args": dict(call.arguments)}
    return named if call.id.startswith(_OWN_ID) else {"id": call.id, **named}


def _function_response(result: ToolResult) -> FunctionResponseDict:
    outcome = "error" if result.is_error else "result"
    named: FunctionResponseDict = {"name": result.call.name, "response": {outcome: result.text}}
    return named if result.call.id.startswith(_OWN_ID) else {"id": result.call.id, **named}


# --- and back ----------------------------------------------------------------------------------------


@dataclass
class _Received:
    """What has arrived of a reply."""

    text: str = ""
    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    parts: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    finish: str = ""
    blocked: str = ""
    usage: Usage = field(default_factory=Usage)
    model: str = ""

    def add(self, chunk: GenerateContentResponse) -> str:
        """Take in what one event of the stream has, and give its text."""
        self.model = chunk.model_version or self.model
        if chunk.usage_metadata:
            self.usage = _usage(chunk.usage_metadata)
        if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
            self.blocked = chunk.prompt_feedback.block_reason.value
        candidate = chunk.candidates[0] if chunk.candidates else None
        if candidate is None:
            return ""
        if candidate.finish_reason:
            self.finish = candidate.finish_reason.value
        parts = (candidate.content.parts if candidate.content else None) or []
        return "".join(map(self._add_part, parts))

    def _add_part(self, part: Part) -> str:
        self.parts.append(part.model_dump(mode="json", exclude_none=True))
        if part.function_call and part.function_call.name:
            call = part.function_call
            call_id = call.id or f"{_OWN_ID}{len(self.calls) + 1}"
            self.calls.append(ToolCall(call_id, part.function_call.name, call.args or {}))
        if part.thought or not part.text:
            return ""
        self.text += part.text
        return part.text

    def reply(self, model_id: str) -> Reply:
        """Raises Transient for a stream that ended before the answer did."""
        if not self.blocked and (not self.finish or self.finish in _BROKEN):
            raise Transient(f"Gemini's answer broke off in the middle {self.finish}".rstrip())
        stop = "refused" if self.blocked else _STOPS.get(self.finish, "refused")
        return Reply(
            said=Assistant(self.text, tuple(self.calls), NAME, tuple(self.parts)),
            stop="calls" if stop == "end" and self.calls else stop,
            usage=self.usage,
            model=self.model or model_id,
            why=(self.blocked or self.finish) if stop == "refused" else "",
        )


def _usage(counted: GenerateContentResponseUsageMetadata) -> Usage:
    cached = counted.cached_content_token_count or 0
    prompt = (counted.prompt_token_count or 0) + (counted.tool_use_prompt_token_count or 0)
    return Usage(
        input=max(0, prompt - cached),
        cache_read=cached,
        output=counted.candidates_token_count or 0,
        thinking=counted.thoughts_token_count or 0,
    )
