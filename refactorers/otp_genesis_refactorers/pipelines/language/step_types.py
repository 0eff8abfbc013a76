"""The step types: a file in `pipelines/steps/` is one. Together they are one union, told apart by `type`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from otp_genesis_refactorers.pipelines.language.model import Part, Step, Workflow


@cache
def step_types() -> Mapping[str, type[Step]]:
    """By the word that stands behind `type:`, sorted."""
    from otp_genesis_refactorers.pipelines import steps

    modules = (
        importlib.import_module(f"{steps.__name__}.{m.name}") for m in pkgutil.iter_modules(steps.__path__)
    )
    classes = [
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Step) and each.__module__ == module.__name__
    ]
    return {
        word: each
        for each in sorted(classes, key=lambda each: each.__name__)
        if "type" in each.model_fields
        for word in each.model_fields["type"].annotation.__args__  # type: ignore[union-attr]
    }


class _OneOfThem:
    """The union, made when it is first used: the step types themselves hold steps."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = {word: handler.generate_schema(each) for word, each in step_types().items()}
        return core_schema.tagged_union_schema(choices, discriminator="type")


AnyStep = Annotated[Step, _OneOfThem()]
Steps = Annotated[tuple[AnyStep, ...], Field(min_length=1)]


class FullWorkflow(Workflow):
    steps: Steps = Field(description="Run one after another")


class Document(Part):
    """A pipeline's file."""

    workflow: FullWorkflow
