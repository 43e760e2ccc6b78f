"""A table of tasks in terminals of different width."""

from __future__ import annotations

from brahma.evaluation.task_table import task_table

HEADERS = ["task", "figure", "value"]
ROWS = [["anatomy", "acc", "0.25"], ["anatomy", "acc_norm", "0.5"], ["a_task_with_a_long_name", "acc", "1"]]


def test_a_task_stands_before_its_first_row_alone() -> None:
    assert list(task_table(HEADERS, ROWS, right=[2])) == [
        "task                     figure    value",
        "anatomy                  acc        0.25",
        "                         acc_norm    0.5",
        "a_task_with_a_long_name  acc           1",
    ]


def test_where_it_is_too_wide_tasks_become_headings() -> None:
    assert list(task_table(HEADERS, ROWS, 30, right=[2])) == [
        "  figure    value",
        "anatomy",
        "  acc        0.25",
        "  acc_norm    0.5",
        "a_task_with_a_long_name",
        "  acc           1",
    ]
