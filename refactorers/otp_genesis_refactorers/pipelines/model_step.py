"""What all steps that ask a model have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, field_validator

from otp_genesis_refactorers.pipelines.answers import BadSchema, answer_model, data_in
from otp_genesis_refactorers.pipelines.here import Here, previous
from otp_genesis_refactorers.pipelines.language.fields import Json, Text, refusal
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.language.prompts import File, PreviousResponse, Prompt, Static
from otp_genesis_refactorers.pipelines.model_tools import CODE_TOOLS, ToolName, tools_for
from otp_genesis_refactorers.pipelines.outcome import Outcome, StepFailed
from otp_genesis_refactorers.pipelines.plan_documents import keep_documents

if TYPE_CHECKING:
    from otp_genesis_refactorers.llm.conversation import Event, Reply, Request

_MAX_TOKENS = 16_000
_MAX_TURNS = 16
_SYSTEM = (
    "You work on an Elixir/OTP code base. Answer what the user asks, exactly, in the form that is asked for."
)


class ModelStep(Step):
    """Gives the model's `text`, and as `data` the JSON in it."""

    gives = ("data", "model", "tokens", "documents", "diff", "paths", "commit")
    provider: ClassVar[str]
    """Who is asked."""

    prompt: Prompt = Field(description="What the prompt is put together from, in this order")
    system: Text | None = Field(default=None, description="Said before everything else")
    model: str | None = Field(default=None, description="A name of your configuration", examples=["claude"])
    output_schema: Json = Field(
        default=None,
        description="JSON schema of the answer, or $ref: otp.FailureAnalysis, otp.Edits, otp.Places",
        examples=["{$ref: otp.FailureAnalysis}"],
    )
    tools: tuple[ToolName, ...] | None = Field(
        default=None, description="What the model may use", examples=["[read, edit]"]
    )
    max_tokens: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Of one reply")
    max_turns: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, description="Uses of tools in a row"
    )
    effort: Literal["low", "medium", "high"] | None = Field(default=None, description="How long to think")
    paths: tuple[Text, ...] = Field(
        default=(), description="Only these files, or patterns, may be edited by the model"
    )

    @field_validator("output_schema", mode="before")
    @classmethod
    def _is_understood(cls, schema: Any) -> Any:
        if schema is not None:
            try:
                answer_model(schema)
            except BadSchema as error:
                raise refusal(error.message, error.instead, way=error.way) from error
        return schema

    @property
    def offered_tools(self) -> tuple[ToolName, ...]:
        return self.tools or ()

    @property
    def turns(self) -> int:
        return self.max_turns or _MAX_TURNS

    @property
    def named_model(self) -> str:
        """The user's model that is asked when the step names none."""
        raise NotImplementedError

    def may_change_code(self) -> bool:
        return bool({"edit", "commit"} & set(self.offered_tools))

    def depends_on_code(self) -> bool:
        return bool(set(self.offered_tools) & CODE_TOOLS)

    async def depends_on(self, here: Here) -> Any:
        defaults = here.pipeline.workflow.defaults
        prompt = await self._prompt(here)
        said = prompt.replace(here.engine.models.fence.nonce, "")
        return [
            blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
            self.model or defaults.model,
            defaults.max_tokens,
        ]

    async def run(self, here: Here) -> Outcome:
        from otp_genesis_refactorers.llm.asking import ask, ask_for

        models, default = here.engine.models, here.pipeline.workflow.defaults.model
        name = self.model or models.of_provider(default, self.provider) or self.named_model
        connection = await models.connection(name, self.provider, here.path)
        prompt = await self._prompt(here)
        request = await here.in_thread(lambda _: self._request(here, prompt))
        await here.tell_what_is_sent(connection, request)
        with models.asked(connection):
            if self.output_schema is None:
                reply = await ask(connection, request)
                data = data_in(reply.text)
            else:
                answer = await ask_for(connection, request, answer_model(here.value(self.output_schema)))
                reply, data = answer.reply, answer.data.model_dump(mode="json")
        return await here.in_thread(lambda _: self._outcome(here, reply, data))

    def _request(self, here: Here, prompt: str) -> Request:
        from otp_genesis_refactorers.llm.conversation import Request, User

        models, defaults = here.engine.models, here.pipeline.workflow.defaults
        system = here.text(self.system) if self.system else _SYSTEM
        paths = [here.text(path) for path in self.paths]

        def show(event: Event) -> None:
            here.say(_doing(event))

        return Request(
            system=f"{system}\n\n{models.fence.rules}",
            messages=(User(prompt),),
            tools=tools_for(here, self.offered_tools, paths, explicit=self.tools is not None),
            max_output_tokens=self.max_tokens or defaults.max_tokens or _MAX_TOKENS,
            max_turns=self.turns,
            effort=self.effort,
            nonce=models.fence.nonce,
            on_event=show,
        )

    def _outcome(self, here: Here, reply: Reply, data: Any) -> Outcome:
        values: dict[str, Any] = {
            "data": data,
            "model": reply.model,
            "tokens": reply.usage.total,
            "documents": keep_documents(here, reply.text, data),
        }
        if here.code.is_changed:
            values |= {"diff": here.codebase.diff(), "paths": sorted(here.codebase.changed)}
        return Outcome(values=values, text=reply.text)

    async def _prompt(self, here: Here) -> str:
        parts: list[str] = []
        for part in self.prompt:
            match part:
                case Static():
                    parts.append(here.text(part.content).strip("\n"))
                case File():
                    path = here.text(part.path)
                    text = await _file_text(here, path)
                    name = Path(path).name if path in here.engine.granted_files else path
                    parts.append(here.engine.models.fence.around(name, text))
                case PreviousResponse():
                    parts += _earlier(here, part)
        goal = here.scope.given.get("prompt")
        if goal and here.engine.goal_goes_to == here.path:
            parts.append(f"The goal: {goal}")
        return "\n\n".join(parts)


def _earlier(here: Here, part: PreviousResponse) -> Iterator[str]:
    outcome = previous(here.scope, part.step, early=part.round == "previous")
    if outcome is None:
        return  # the first round of a loop has none before it
    if outcome.status == "skipped":
        raise StepFailed(f"the step {part.step!r}, of which the prompt speaks, was skipped")
    text = outcome.as_text()
    if part.extract:
        text = _extracted(outcome.named(part.step), part)
    masked, _ = here.engine.models.withholding.secrets.hidden_in(text)
    yield here.engine.models.fence.around(f"what the step {part.step} gave", masked)


def _extracted(value: Any, part: PreviousResponse) -> str:
    from otp_genesis_refactorers.pipelines.language.sandbox import as_text

    way = (part.extract or "").split(".")
    for index, key in enumerate(way):
        if isinstance(value, Mapping) and key in value:
            value = cast(Mapping[str, Any], value)[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(cast(list[Any], value)):
            value = cast(list[Any], value)[int(key)]
        else:
            raise StepFailed(f"{part.step!r} has given no {'.'.join(way[: index + 1])!r}")
    return as_text(value)


async def _file_text(here: Here, path: str) -> str:
    """A file as it may be sent. Raises `StepFailed` for one that may not."""
    from otp_genesis_refactorers.pipelines.packed_prompt import without_withheld

    withholding = here.engine.models.withholding
    reason = withholding.reason(path.lstrip("/"))
    if reason is not None:
        raise StepFailed(f"{path} is not sent to a model: {reason}")
    content = await here.file(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StepFailed(f"{path} is not UTF-8 text, so no model can read it") from error
    text = await here.in_thread(lambda _: without_withheld(content, text, withholding))
    return (await here.in_thread(lambda _: withholding.secrets.hidden_in(text)))[0]


def _doing(event: Event) -> str:
    name = type(event).__name__
    return {"TextArrived": "answering", "Restarted": "asking again"}.get(name, "reading")
