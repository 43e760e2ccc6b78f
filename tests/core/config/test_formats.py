from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.core.config.formats import FormatError, KeyPath, parse_json, parse_toml, parse_yaml


def test_json_keys_and_items_have_their_lines() -> None:
    text = '{"a": 1,\n "b": {"c": [1,\n  {"d\\"}": 2}],\n\t"e": "x\\n:{,"},\n "f": []}'
    values, lines = parse_json(text)
    assert values["b"]["c"][1] == {'d"}': 2}
    assert lines == {
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 2,
        ("b", "c", 0): 2,
        ("b", "c", 1): 3,
        ("b", "c", 1, 'd"}'): 3,
        ("b", "e"): 4,
        ("f",): 5,
    }


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), _json, max_size=4), st.sampled_from([None, 0, 1, "\t"]))
def test_every_json_value_has_a_line(values: dict[str, object], indent: int | str | None) -> None:
    text = json.dumps(values, indent=indent)
    parsed, lines = parse_json(text)
    assert parsed == values
    assert set(lines) == set(_paths(values, ()))
    for path, line in lines.items():
        if isinstance(path[-1], str):
            assert json.dumps(path[-1]) in text.split("\n")[line - 1]


def _paths(value: object, path: KeyPath) -> list[KeyPath]:
    if isinstance(value, dict):
        inner = [(*path, key) for key in value]
        return inner + [p for key in value for p in _paths(value[key], (*path, key))]
    if isinstance(value, list):
        inner = [(*path, index) for index in range(len(value))]
        return inner + [p for index, item in enumerate(value) for p in _paths(item, (*path, index))]
    return []


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [('{"a": 1,\n "b": }', 2, 7), ('{"a": 1\n', 2, 1), ("{'a': 1}", 1, 2), ('{"a": 1,\n}', 2, 1)],
)
def test_json_syntax_errors_name_line_and_column(text: str, line: int, column: int) -> None:
    with pytest.raises(FormatError, match="not valid JSON") as caught:
        parse_json(text)
    # From 3.13 on, Python points at a trailing comma itself, one line up here.
    assert (caught.value.line, caught.value.column) in {(line, column), (1, 8)}


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_json, '{"a": {"b": 1,\n"c": 2,\n"b": 3}}'),
        (parse_yaml, "a:\n  b: 1\n  b: 3\n"),
        (parse_toml, "[a]\nb = 1\nb = 3\n"),
    ],
)
def test_a_doubled_key_is_an_error_with_its_line(parse: object, text: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse(text)  # type: ignore[operator]
    assert caught.value.line == 3


def test_yaml_is_read_by_the_core_schema() -> None:
    text = "a: 1e-5\nb: no\nc: 010\nd: 1:30\ne: 2024-01-01\nf: on\ng: .5\n"
    text += "h: ~\ni: True\nj: 0x1F\nk: -.inf\nl:\nm: '1'"
    values, lines = parse_yaml(text)
    assert values == {
        "a": 1e-5,
        "b": "no",
        "c": 10,
        "d": "1:30",
        "e": "2024-01-01",
        "f": "on",
        "g": 0.5,
        "h": None,
        "i": True,
        "j": 31,
        "k": float("-inf"),
        "l": None,
        "m": "1",
    }
    assert type(values["a"]) is float
    assert type(values["c"]) is int
    assert lines[("m",)] == 13


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: &x [1]\nb: *x\n", 2),
        ("a: &x [*x]\n", 1),
        ("a: 1\nb: !!python/object/apply:os.system ['true']\n", 2),
        ("a: !!binary aGk=\n", 1),
        ("a: 1\n1: 2\n", 2),
        ("a: [1\nb: 2\n", 2),
        ("a:\n\t- 1\n", 2),
    ],
)
def test_yaml_that_is_no_plain_data_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(FormatError) as caught:
        parse_yaml(text)
    assert caught.value.line == line


def test_toml_keys_have_their_lines() -> None:
    values, lines = parse_toml('run_name = "x"\n# c\n[a . "b"]\nc = 1\n  d.e = [\n 2]\n[f]\n')
    assert values == {"run_name": "x", "a": {"b": {"c": 1, "d": {"e": [2]}}}, "f": {}}
    assert lines == {
        ("run_name",): 1,
        ("a", "b"): 3,
        ("a", "b", "c"): 4,
        ("a", "b", "d", "e"): 5,
        ("f",): 7,
    }


def test_toml_errors_name_line_and_column() -> None:
    with pytest.raises(FormatError) as caught:
        parse_toml("a = 1\nb = \n")
    assert (caught.value.line, caught.value.column) == (2, 5)


def test_a_toml_date_is_refused() -> None:
    with pytest.raises(FormatError, match=r"a\.b is a date") as caught:
        parse_toml("[a]\nb = 2024-01-01\n")
    assert caught.value.line == 2
