"""Asking a model: tools are run, what is no answer is asked for again, nothing is paid twice, limits hold."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from otp_genesis_refactorers.llm.connecting import Connection, Opened
from otp_genesis_refactorers.llm.conversation import (
    Assistant,
    Event,
    Message,
    Reply,
    Request,
    Restarted,
    TextArrived,
    Tool,
    ToolCall,
    ToolRefused,
    ToolResult,
    ToolResults,
    ToolUsed,
    Usage,
    User,
)
from otp_genesis_refactorers.llm.failures import (
    DeadlineExceeded,
    InvalidAnswer,
    ModelFailure,
    Refused,
    TooManyTurns,
    Truncated,
)
from otp_genesis_refactorers.llm.journal import as_json, decoded, encoded, key_of
from otp_genesis_refactorers.llm.privacy.secret_texts import SecretTexts
from otp_genesis_refactorers.llm.spending.cost import input_tokens, tokens_of, worst_case
from otp_genesis_refactorers.llm.vendors.retrying import retrying
from otp_genesis_refactorers.llm.vendors.structured import Invalid, parse

if TYPE_CHECKING:
    from pydantic import BaseModel

Data = TypeVar("Data", bound="BaseModel")
_Result = TypeVar("_Result")
_MOST_REPEATS = 2


@dataclass(frozen=True)
class Answer(Generic[Data]):
    data: Data
    reply: Reply


async def ask(connection: Connection, request: Request) -> Reply:
    """The model's answer, after it has used the tools it asked for.

    Raises a ModelFailure, whose `usage` says what it took. Cancelling it closes the connection.
    """
    question = _Question(connection, asyncio.get_running_loop().time() + connection.limits.deadline_seconds)
    return await question.limited(question.answer(request))


async def ask_for(connection: Connection, request: Request, schema: type[Data]) -> Answer[Data]:
    """The model's answer as data; one that isn't is asked for again, with the reason, at most twice.

    Raises as `ask` does, and InvalidAnswer.
    """
    question = _Question(connection, asyncio.get_running_loop().time() + connection.limits.deadline_seconds)
    return await question.limited(question.data(replace(request, schema=schema), schema))


@dataclass
class _Question:
    """One call of `ask`, with what it took so far."""

    connection: Connection
    deadline: float
    """A time of the running loop."""
    usage: Usage = field(default_factory=Usage)

    async def limited(self, answer: Awaitable[_Result]) -> _Result:
        """What is awaited, within the deadline."""
        seconds = self.connection.limits.deadline_seconds
        timeout = asyncio.timeout_at(self.deadline)
        try:
            async with timeout:
                return await answer
        except ModelFailure as failure:
            failure.usage = self.usage
            raise
        except TimeoutError:
            if not timeout.expired():
                raise
        late = DeadlineExceeded(
            f"{self.connection.model.title} gave no complete answer within {seconds:.0f} s"
        )
        late.usage = self.usage
        raise late

    async def data(self, request: Request, schema: type[Data], repeats: int = _MOST_REPEATS) -> Answer[Data]:
        reply = await self.answer(request)
        parsed = parse(schema, reply.text)
        if not isinstance(parsed, Invalid):
            return Answer(parsed, reply)
        if repeats == 0:
            title = self.connection.model.title
            raise InvalidAnswer(f"{title} gave no valid answer, also when told why: {parsed.summary}", reply)
        request.on_event(Restarted(f"the answer is not what was asked for: {parsed.summary}", 0.0))
        corrected = replace(request, messages=(*reply.messages, User(parsed.for_the_model)))
        return await self.data(corrected, schema, repeats - 1)

    async def answer(self, request: Request) -> Reply:
        title = self.connection.model.title
        left_to_the_caller = {tool.name for tool in request.tools if tool.run is None}
        secrets = await self.connection.line.secrets()
        turns = 0
        while True:
            request = await asyncio.to_thread(_without_secrets, request, secrets)
            reply = await self._reply(request)
            reply = replace(reply, usage=self.usage, messages=(*request.messages, reply.said))
            if reply.stop == "refused":
                raise Refused(f"{title} refused to answer{f': {reply.why}' if reply.why else ''}", reply)
            if reply.stop == "truncated":
                raise Truncated(
                    f"{title}'s answer is longer than {request.max_output_tokens:,} tokens", reply
                )
            if not reply.calls or any(call.name in left_to_the_caller for call in reply.calls):
                return reply
            turns += 1
            if turns > request.max_turns:
                raise TooManyTurns(f"{title} asked for tools {turns} times and gave no answer", reply)
            results: list[ToolResult] = []
            for call in reply.calls:
                request.on_event(ToolUsed(call))
                results.append(await _result(call, request.tools))
            request = replace(request, messages=(*reply.messages, ToolResults(tuple(results))))

    async def _reply(self, request: Request) -> Reply:
        """From what was kept, or from the model."""
        asked = as_json(self.connection.model.id, request)
        key = key_of(asked)
        kept = self.connection.journal.find(key)
        if kept is not None:
            return decoded(kept)
        opened = await self.connection.line.opened()
        reply = await retrying(
            lambda: self._attempt(opened, request), self.connection.limits, self.deadline, request.on_event
        )
        self.connection.journal.keep(key, encoded(reply), asked)
        return reply

    async def _attempt(self, opened: Opened, request: Request) -> Reply:
        """One request, entered into the ledger before it is sent, settled however it ends."""
        ledger, worst = self.connection.ledger, worst_case(request)
        number = ledger.enter(worst, opened.pricing(worst))
        arriving = _Arriving(request.on_event)
        usage = Usage(input=input_tokens(request))
        try:
            reply = await opened.provider.once(replace(request, on_event=arriving.pass_on))
            usage = reply.usage
        except ModelFailure:
            if not arriving.text:
                usage = Usage()
            raise
        finally:
            # Cut off in the middle, nobody says what it took.
            if arriving.text and usage.output == 0:
                usage = replace(usage, output=tokens_of(arriving.text))
            self.usage += usage
            ledger.settle(number, usage, opened.pricing(usage))
        return reply


def _without_secrets(request: Request, secrets: SecretTexts) -> Request:
    """Whoever put it together has left them out; this is so that nobody can forget to."""
    return replace(request, messages=tuple(_masked(message, secrets) for message in request.messages))


def _masked(message: Message, secrets: SecretTexts) -> Message:
    match message:
        case User():
            return replace(message, text=secrets.hidden_in(message.text)[0])
        case ToolResults():
            return ToolResults(
                tuple(replace(each, text=secrets.hidden_in(each.text)[0]) for each in message.results)
            )
        case Assistant():
            return message


@dataclass
class _Arriving:
    """Passes on what arrives, and remembers it."""

    show: Callable[[Event], None]
    pieces: list[str] = field(default_factory=list[str])

    def pass_on(self, event: Event) -> None:
        if isinstance(event, TextArrived):
            self.pieces.append(event.text)
        self.show(event)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


async def _result(call: ToolCall, tools: tuple[Tool, ...]) -> ToolResult:
    run = next((tool.run for tool in tools if tool.name == call.name), None)
    if run is None:
        return ToolResult(call, f"there is no tool {call.name!r}", is_error=True)
    try:
        return ToolResult(call, await asyncio.to_thread(run, call.arguments))
    except ToolRefused as refused:
        return ToolResult(call, str(refused), is_error=True)
