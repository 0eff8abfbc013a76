"""One verb for the tests of the facts: read Elixir text."""

from __future__ import annotations

from inspect import cleandoc

from otp_genesis_analyzers.facts.model import Call, FileFacts, Function, Module
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.gate import gate_of
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.source import Source


def read(code: str) -> FileFacts:
    return read_facts(Source("lib/example.ex", (cleandoc(code) + "\n").encode()))


def module_in(code: str) -> Module:
    (module,) = read(code).modules
    return module


def functions_in(code: str) -> list[Function]:
    return [function for module in read(code).modules for function in module.functions]


def calls_in(code: str) -> list[Call]:
    """Every call of the file, in its order."""
    return [call for function in functions_in(code) for clause in function.clauses for call in clause.calls]


def calls_of(body: str) -> list[Call]:
    """The calls of a function with this body, in a plain module `A`."""
    return calls_in("defmodule A do\ndef run(x) do\n" + cleandoc(body) + "\nend\nend")


def read_gated(code: str) -> FileFacts:
    """Only what the gate lets through."""
    content = (cleandoc(code) + "\n").encode()
    opened = gate_of(Role.LIB).opened(content, {})
    assert opened is not None
    return read_facts(Source("lib/example.ex", content), opened.hits)
