"""A server on this machine that speaks as both vendors do, as a script says.

It runs in a thread of its own, so that tests and the processes they start can ask it. A script is a sequence
of steps, one a request; the same step is put in the words of whichever vendor was asked.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from aiohttp import web

Vendor = Literal["claude", "gemini"]
KEY = "sk-ant-loopback-0123456789-not-a-real-key"
SIGNATURE = base64.b64encode(b"signed thought").decode()
INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS, THINKING_TOKENS = 100, 40, 20, 5
"""What every answer says it took; the cached ones come on top of the input."""


@dataclass(frozen=True)
class Call:
    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True)
class Says:
    """An answer, streamed in pieces."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    stop: Literal["end", "truncated", "refused"] = "end"
    pause_seconds: float = 0.0
    """Between the pieces."""
    breaks: Literal["", "drop", "error", "early"] = ""
    """After the text: the connection is dropped, an error is sent, the stream ends without an end."""


@dataclass(frozen=True)
class Fails:
    """No answer: an HTTP status."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    message: str = "not now"
    retry_delay: str = ""
    """Gemini's google.rpc.RetryInfo."""
    reason: str = ""


@dataclass(frozen=True)
class Waits:
    """Silence: after the headers, or before them."""

    seconds: float
    begun: bool = True


Step = Says | Fails | Waits


@dataclass
class Asked:
    """A request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    aborted: threading.Event = field(default_factory=threading.Event)
    """The client has hung up."""

    @property
    def texts(self) -> list[str]:
        """Every string in the body, wherever it stands."""
        return list(_strings(self.body))


@dataclass
class Loopback:
    script: list[Step | Callable[[Asked], Step]]
    asked: list[Asked] = field(default_factory=list[Asked])
    url: str = ""
    answering: threading.Event = field(default_factory=threading.Event)
    """Something of an answer was sent."""

    @property
    def environment(self) -> dict[str, str]:
        """What makes this program ask here."""
        return {
            "ANTHROPIC_BASE_URL": self.url,
            "GEMINI_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": KEY,
            "GEMINI_API_KEY": KEY,
        }

    def next(self, asked: Asked) -> Step:
        self.asked.append(asked)
        if not self.script:
            return Fails(400, message="the script is over")
        step = self.script.pop(0)
        return step(asked) if callable(step) else step


@contextmanager
def serving(*script: Step | Callable[[Asked], Step]) -> Iterator[Loopback]:
    loopback = Loopback(list(script))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_start(loopback), loop).result(30)
    try:
        yield loopback
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def _start(loopback: Loopback) -> web.AppRunner:
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_post("/v1/messages", partial(_answer, loopback, _Claude()))
    application.router.add_post("/v1beta/models/{call}", partial(_answer, loopback, _Gemini()))
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    loopback.url = f"http://{host}:{port}"
    return runner


async def _answer(loopback: Loopback, vendor: _Claude | _Gemini, request: web.Request) -> web.StreamResponse:
    asked = Asked(request.path_qs, dict(request.headers), await request.json())
    step = loopback.next(asked)
    try:
        match step:
            case Fails():
                body = vendor.failure(step)
                return web.json_response(body, status=step.status, headers=dict(step.headers))
            case Waits(seconds, begun=False):
                await asyncio.sleep(seconds)
                return web.json_response(vendor.failure(Fails(500)), status=500)
            case Says() if not vendor.is_streamed(asked):
                return web.json_response(vendor.whole(step))
            case Says() | Waits():
                return await _stream(loopback, request, vendor, step)
    except (asyncio.CancelledError, ConnectionResetError):
        asked.aborted.set()
        raise


async def _stream(
    loopback: Loopback, request: web.Request, vendor: _Claude | _Gemini, step: Says | Waits
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    if isinstance(step, Waits):
        await response.write(vendor.first())
        loopback.answering.set()
        await asyncio.sleep(step.seconds)
        return response
    async for piece in vendor.pieces(step):
        await response.write(piece)
        loopback.answering.set()
    if step.breaks == "drop":
        assert request.transport is not None
        request.transport.abort()
    return response


def _words(text: str) -> list[str]:
    """In pieces that don't respect anything."""
    return [text[start : start + 7] for start in range(0, len(text), 7)]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


class _Claude:
    """https://docs.anthropic.com/en/api/messages-streaming"""

    def is_streamed(self, asked: Asked) -> bool:
        return bool(asked.body.get("stream"))

    def failure(self, step: Fails) -> dict[str, Any]:
        kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
        kinds |= {429: "rate_limit_error", 529: "overloaded_error"}
        return {
            "type": "error",
            "error": {"type": kinds.get(step.status, "api_error"), "message": step.message},
        }

    def first(self) -> bytes:
        return self._event(
            "message_start",
            message={
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "claude-of-the-loopback",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": self._usage(output_tokens=1),
            },
        )

    def whole(self, step: Says) -> dict[str, Any]:
        calls = [
            {"type": "tool_use", "id": f"toolu_{index}", "name": call.name, "input": dict(call.arguments)}
            for index, call in enumerate(step.calls)
        ]
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-of-the-loopback",
            "content": [{"type": "text", "text": step.text}, *calls],
            "stop_reason": self._stop(step),
            "stop_sequence": None,
            "usage": self._usage(output_tokens=OUTPUT_TOKENS + THINKING_TOKENS),
        }

    async def pieces(self, step: Says) -> AsyncIterator[bytes]:
        yield self.first()
        yield self._event("ping")
        index = 0
        if step.calls:
            thought = {"type": "thinking", "thinking": "hm", "signature": ""}
            yield self._event("content_block_start", index=0, content_block={**thought, "thinking": ""})
            for delta in (
                {"type": "thinking_delta", "thinking": "hm"},
                {"type": "signature_delta", "signature": SIGNATURE},
            ):
                yield self._event("content_block_delta", index=0, delta=delta)
            yield self._event("content_block_stop", index=0)
            index = 1
        if step.text:
            yield self._event("content_block_start", index=index, content_block={"type": "text", "text": ""})
            for piece in _words(step.text):
                await asyncio.sleep(step.pause_seconds)
                delta = {"type": "text_delta", "text": piece}
                yield self._event("content_block_delta", index=index, delta=delta)
        if step.breaks == "error":
            yield self._event("error", error={"type": "overloaded_error", "message": "overloaded"})
        if step.breaks:
            return
        if step.text:
            yield self._event("content_block_stop", index=index)
            index += 1
        for number, call in enumerate(step.calls):
            block = {"type": "tool_use", "id": f"toolu_{number}", "name": call.name, "input": {}}
            yield self._event("content_block_start", index=index, content_block=block)
            for piece in _words(json.dumps(call.arguments)):
                delta = {"type": "input_json_delta", "partial_json": piece}
                yield self._event("content_block_delta", index=index, delta=delta)
            yield self._event("content_block_stop", index=index)
            index += 1
        delta = {"stop_reason": self._stop(step), "stop_sequence": None}
        if step.stop == "refused":
            delta["stop_details"] = {"type": "refusal", "category": "cyber", "explanation": "not that"}
        usage = {
            "output_tokens": OUTPUT_TOKENS + THINKING_TOKENS,
            "output_tokens_details": {"thinking_tokens": THINKING_TOKENS},
        }
        yield self._event("message_delta", delta=delta, usage=usage)
        yield self._event("message_stop")

    def _stop(self, step: Says) -> str:
        if step.stop == "end":
            return "tool_use" if step.calls else "end_turn"
        return {"truncated": "max_tokens", "refused": "refusal"}[step.stop]

    def _usage(self, output_tokens: int) -> dict[str, int]:
        return {
            "input_tokens": INPUT_TOKENS,
            "cache_read_input_tokens": CACHED_TOKENS,
            "cache_creation_input_tokens": 0,
            "output_tokens": output_tokens,
        }

    def _event(self, event: str, **data: object) -> bytes:
        return f"event: {event}\ndata: {json.dumps({'type': event, **data})}\n\n".encode()


class _Gemini:
    """https://ai.google.dev/api/generate-content"""

    def is_streamed(self, asked: Asked) -> bool:
        return ":streamGenerateContent" in asked.path

    def failure(self, step: Fails) -> dict[str, Any]:
        statuses = {
            400: "INVALID_ARGUMENT",
            401: "UNAUTHENTICATED",
            404: "NOT_FOUND",
            429: "RESOURCE_EXHAUSTED",
        }
        google = "type.googleapis.com/google.rpc."
        details: list[dict[str, Any]] = []
        if step.retry_delay:
            details.append({"@type": f"{google}RetryInfo", "retryDelay": step.retry_delay})
        if step.reason:
            details.append({"@type": f"{google}ErrorInfo", "reason": step.reason})
        status = statuses.get(step.status, "UNAVAILABLE")
        return {"error": {"code": step.status, "message": step.message, "status": status, "details": details}}

    def first(self) -> bytes:
        return self._event({"candidates": [{"content": {"role": "model", "parts": [{"text": ""}]}}]})

    def whole(self, step: Says) -> dict[str, Any]:
        parts = [*([{"text": step.text}] if step.text else []), *self._calls(step)]
        return self._last(step, parts)

    async def pieces(self, step: Says) -> AsyncIterator[bytes]:
        for piece in _words(step.text):
            await asyncio.sleep(step.pause_seconds)
            yield self._event({"candidates": [{"content": {"role": "model", "parts": [{"text": piece}]}}]})
        if step.breaks == "error":
            yield self._event(self.failure(Fails(503, message="overloaded")))
        if not step.breaks:
            yield self._event(self._last(step, self._calls(step)))

    def _calls(self, step: Says) -> list[dict[str, Any]]:
        return [
            {"functionCall": {"name": call.name, "args": dict(call.arguments)}, "thoughtSignature": SIGNATURE}
            for call in step.calls
        ]

    def _last(self, step: Says, parts: list[dict[str, Any]]) -> dict[str, Any]:
        usage = {
            "promptTokenCount": INPUT_TOKENS + CACHED_TOKENS,
            "cachedContentTokenCount": CACHED_TOKENS,
            "candidatesTokenCount": OUTPUT_TOKENS,
            "thoughtsTokenCount": THINKING_TOKENS,
        }
        if step.stop == "refused":
            return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": usage}
        reason = {"end": "STOP", "truncated": "MAX_TOKENS"}[step.stop]
        return {
            "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": reason}],
            "usageMetadata": usage,
            "modelVersion": "gemini-of-the-loopback",
        }

    def _event(self, data: object) -> bytes:
        return f"data: {json.dumps(data)}\r\n\r\n".encode()
