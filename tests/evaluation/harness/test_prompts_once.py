"""Templates of lm-eval's are compiled once, and their texts are the same."""

from __future__ import annotations

import pytest

from brahma.evaluation.harness.prompts_once import templates_compiled_once

pytest.importorskip("lm_eval")

TEMPLATE = "{{question | upper}} {% if shots %}{{shots[0]}}{% endif %}\n"


def test_a_template_is_compiled_once_and_renders_each_row() -> None:
    from lm_eval.utils import apply_template, env

    rows = [{"question": "why", "shots": ["a"]}, {"question": "where", "shots": []}]
    expected = [apply_template(TEMPLATE, row) for row in rows]
    before = env.from_string
    with templates_compiled_once():
        assert [apply_template(TEMPLATE, row) for row in rows] == expected == ["WHY a\n", "WHERE \n"]
        assert env.from_string(TEMPLATE) is env.from_string(TEMPLATE)
    assert env.from_string == before
    assert env.from_string(TEMPLATE) is not env.from_string(TEMPLATE)
