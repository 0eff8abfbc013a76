"""Templates and conditions: what they give, what they leave alone, what they refuse to do."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest

from otp_genesis_refactorers.pipelines.language.conditions import holds, parse_condition
from otp_genesis_refactorers.pipelines.language.expressions import BadExpression, Unknown, parse_expression
from otp_genesis_refactorers.pipelines.language.templates import parse_data, parse_template, value_of

NAMES: dict[str, Any] = {
    "name": "cart",
    "count": 3,
    "tasks": [{"id": "a", "path": "lib/a.ex"}, {"id": "b", "path": "lib/b.ex"}],
    "steps": {"tests": {"status": "passed", "items": 4}, "ask": {"text": "{{ secret }} and {{:ok, pid}}"}},
    "vars": {"tries": 2},
}


def rendered(text: str) -> Any:
    return parse_template(text).value(NAMES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ name }}", "cart"),
        ("a {{ name }} of {{ count }}", "a cart of 3"),
        ("{{ count }}", 3),
        ("{{ tasks | map(attribute='id') | list }}", ["a", "b"]),
        ("{{ tasks[0].path }}", "lib/a.ex"),
        ("{{ steps.tests.items }}", 4),
        ("{{ count + 1 }}", 4),
        ("{{ [count] + [4] }}", [3, 4]),
        ("{{ 'x' ~ name }}", "xcart"),
        ("{{ missing | default('none') }}", "none"),
        (
            "{{ tasks }} in a text",
            '[{"id": "a", "path": "lib/a.ex"}, {"id": "b", "path": "lib/b.ex"}] in a text',
        ),
        ("{{ tasks | ordered_by(['b'], 'id') | map(attribute='id') | join(',') }}", "b,a"),
    ],
)
def test_an_expression_gives_its_value(text: str, value: Any) -> None:
    assert rendered(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "{{:ok, pid}, ref}",
        "{%{a: 1}, b}",
        '"{#{x}}"',
        "{#PID<0.1.0>}",
        "{{:via, Registry, {Shop.Registry, id}}, 1}",
        "%{a: {1, {2, 3}}}",
        "{% raw %} and {# a comment #}",
        '{{"a", 1}}',
        "def f({{a, b}, c}), do: a",
    ],
)
def test_braces_of_elixir_stay(text: str) -> None:
    assert rendered(text) == text


def test_two_braces_can_be_written() -> None:
    assert rendered(r"\{{ name }} is {{ name }}") == "{{ name }} is cart"


def test_what_comes_in_is_not_rendered_again() -> None:
    assert rendered("{{ steps.ask.text }}!") == "{{ secret }} and {{:ok, pid}}!"


def test_data_is_rendered_in_depth_and_keeps_its_types() -> None:
    data = parse_data({"a": ["{{ count }}", True, None, "{{ name }}s"], "b": 1.5})
    assert value_of(data, NAMES) == {"a": [3, True, None, "carts"], "b": 1.5}


@pytest.mark.parametrize(
    "text", ["{{ missing }}", "{{ steps.missing.text }}", "{{ tasks[7].id }}", "{{ tasks[0].nam }}"]
)
def test_what_is_not_there_is_an_error(text: str) -> None:
    with pytest.raises(Unknown):
        rendered(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ name.__class__.__mro__ }}",
        "{{ name.upper() }}",
        "{{ tasks.append(1) }}",
        "{{ ''.__class__ }}",
        "{{ name | center(999999999) }}",
        "{{ '%999999999d' | format(1) }}",
        "{{ 'x' * 999999999 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 999999999 * 999999999 * 999999999 }}",
        "{{ range(999999999) | list }}",
        "{{ lipsum(9999) }}",
        "{{ name | attr('__class__') }}",
        "{{ tasks | map('attr', '__class__') | list }}",
        "{{ name + 'x' }}",
        "{{ self }}",
        "{{ cycler }}",
        "{{ name % 5 }}",
    ],
)
def test_nothing_can_be_reached_or_made_to_take_long(text: str) -> None:
    begin = process_time()
    with pytest.raises((Unknown, BadExpression)):
        rendered(text)
    assert process_time() - begin < 1


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("steps.tests.status == 'passed'", True),
        ("steps.tests.status=='passed'", True),
        ("{{ steps.tests.status != 'passed' }}", False),
        ("vars.tries < 3 and (count > 5 or name == 'cart')", True),
        ("not (name in ['cart'])", False),
        ({"and": ["count == 3", {"not": "name == 'x'"}]}, True),
        ({"or": [False, {"and": [True, "count == 4"]}]}, False),
        (True, True),
    ],
)
def test_a_condition_holds_or_not(condition: Any, value: bool) -> None:
    assert holds(parse_condition(condition), NAMES) is value


@pytest.mark.parametrize(
    "condition",
    ["steps.misspelt.status != 'failed'", "steps.tests.stauts != 'failed'", "name", "count", "tasks"],
)
def test_a_condition_fails_closed(condition: str) -> None:
    with pytest.raises(Unknown):
        holds(parse_condition(condition), NAMES)


@pytest.mark.parametrize("source", ["a b", "a =", "x contains 'y'", "a && b", "", "f(", "name, id"])
def test_what_is_no_expression_says_what_to_write(source: str) -> None:
    with pytest.raises(BadExpression) as error:
        parse_expression(source)
    assert error.value.message
    assert error.value.instead
