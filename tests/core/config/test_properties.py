from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Lt
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from brahma.core.config import Choice, Config, Section, load_config, resolve_config
from brahma.core.config.aliases import FOREIGN_KEYS
from brahma.core.config.nearest import meant
from brahma.core.config.schema import advice_at, annotation_at, expected, keys_of, section_in, sections
from brahma.core.errors import ConfigError

ABSENT = {"deepspeed_config"}


def values_for(annotation: Any) -> st.SearchStrategy[Any]:
    """Valid values of a key, from its annotation."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _bounded(parts[0], parts[1:])
    if origin in (Union, UnionType):
        return st.one_of([values_for(part) for part in parts])
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is list:
        return st.lists(values_for(parts[0]), min_size=1, max_size=2)
    if annotation is NoneType:
        return st.none()
    if annotation in (bool, int, float, str):
        return {bool: st.booleans(), int: st.integers(), str: words, float: st.floats(0.1, 9)}[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Choice):
        return words | st.builds(lambda name: {"name": name, "x": {"y": 1}}, words)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return objects_for(annotation)
    return st.just({"rope_type": "linear", "factor": 2.0})


words = st.text(string.ascii_lowercase, min_size=1, max_size=6)


def _bounded(annotation: Any, metadata: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    limits = {type(m): m for info in metadata if isinstance(info, FieldInfo) for m in info.metadata}
    if annotation is int:
        return st.integers(limits[Ge].ge if Ge in limits else 1, 10**6)
    if annotation is float:
        low = limits[Ge].ge if Ge in limits else limits[Gt].gt
        high = limits[Lt].lt if Lt in limits else 10.0
        return st.floats(low, high, exclude_min=Gt in limits, exclude_max=True)
    return values_for(annotation)


def objects_for(section: type[Section]) -> st.SearchStrategy[dict[str, Any]]:
    fields = {
        key: values_for(annotation) for key, annotation in keys_of(section).items() if key not in ABSENT
    }
    required = {info.alias or name for name, info in section.model_fields.items() if info.is_required()}
    return st.fixed_dictionaries(
        {key: fields[key] for key in fields if key in required},
        optional={key: fields[key] for key in fields if key not in required},
    )


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """Configurations of all kinds of valid values; some make no sense together."""
    values = draw(objects_for(Config))
    values["model_config"] = draw(
        st.sampled_from(
            [
                {"preset": "micro"},
                {"base_model": "a/b"},
                {"preset": "small", "max_position_embeddings": 10**7},
            ]
        )
    )
    values["tokenizer"] = draw(st.sampled_from(["a/b", {"train": {}}, {"path": "a/b"}, None]))
    return values


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(configurations())
def test_a_resolved_configuration_survives_the_round_trip(values: dict[str, Any]) -> None:
    try:
        resolved = resolve_config(values)
    except ConfigError as error:
        assert error.problems  # noqa: PT017
        assert all(p.hint and p.where for p in error.problems)  # noqa: PT017
        assume(False)
    written = json.loads(json.dumps(resolved.to_dict()))
    again = resolve_config(written)
    assert again.config == resolved.config
    assert again.to_dict() == resolved.to_dict()
    assert set(resolved.origins) == set(again.origins)


keys = st.sampled_from(sorted({key for _, section in sections(Config) for key in keys_of(section)}))
_any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | keys, inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(keys, _any_json, max_size=5))
def test_whatever_is_given_ends_in_a_configuration_or_a_clear_error(values: dict[str, Any]) -> None:
    try:
        resolve_config(values)
    except ConfigError as error:
        assert error.problems  # noqa: PT017
        assert "pydantic" not in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.toml"])
def test_whatever_bytes_a_file_holds_end_in_a_clear_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / name

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=40) | st.text("{}[]:,\"'\\\n\t &*!ab1=.-#", max_size=40).map(str.encode))
    def read(content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        assert str(path) in str(caught.value)

    read()


def _misspellings(key: str, draw: random.Random) -> Iterator[str]:
    """One letter added, lost, replaced, or two neighbours swapped."""
    at = draw.randrange(len(key))
    letter = draw.choice(string.ascii_lowercase + "_")
    yield key[:at] + letter + key[at:]
    yield key[:at] + key[at + 1 :]
    yield key[:at] + letter + key[at + 1 :]
    yield key[:at] + key[at + 1 : at + 2] + key[at] + key[at + 2 :]


def test_the_nearest_key_is_right_for_single_edits() -> None:
    draw = random.Random(7)
    right = wrong = 0
    for path, section in sections(Config):
        for key in keys_of(section):
            for word in (w for _ in range(2) for w in _misspellings(key, draw)):
                known = annotation_at(Config, (*path, word)) is not None
                if known or not word or word in FOREIGN_KEYS:
                    continue
                guess = meant(Config, (*path, word))
                right, wrong = right + (guess == (*path, key)), wrong + (guess != (*path, key))
    assert right + wrong > 600
    assert right / (right + wrong) >= 0.95


def test_every_key_says_what_it_takes() -> None:
    for path, section in sections(Config):
        for key, annotation in keys_of(section).items():
            assert expected(annotation)
            assert "typing" not in expected(annotation)
            assert isinstance(advice_at(Config, (*path, key)), str)
            assert section_in(annotation) is None or issubclass(section_in(annotation) or Section, Section)
