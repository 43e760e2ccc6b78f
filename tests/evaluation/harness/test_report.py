"""The table of tasks: groups above their tasks, whole in a pipe, and never wider than the terminal."""

from __future__ import annotations

from brahma.evaluation.harness.report import summary, table
from brahma.evaluation.harness.results import Effort, Figure, TaskResult, TaskResults

ACC = {"acc": Figure(0.25, 0.0433, True), "acc_norm": Figure(0.5, None, True)}
LOSS = {"word_perplexity": Figure(12.5, None, False)}


def result(name: str, figures: dict[str, Figure], examples: int = 20) -> TaskResult:
    return TaskResult(name, "1.0", 5, examples, 1000, figures)


TASKS = {
    "wikitext": result("wikitext", LOSS),
    "exam_anatomy": result("exam_anatomy", ACC),
    "exam_law": result("exam_law", ACC, examples=1000),
}
RESULTS = TaskResults(
    tasks=TASKS,
    groups={"exam": TaskResult("exam", "2", None, 1020, 2000, ACC)},
    document={"group_subtasks": {"exam": ["exam_anatomy", "exam_law"]}},
    effort=Effort(requests=4000, remembered=1200, truncated=3, max_length=512, seconds=75),
    notes=("one thing more",),
)


def test_groups_stand_above_their_tasks_in_the_order_of_asking() -> None:
    assert table(RESULTS) == [
        "task            version  shots        examples  figure                value  error",
        "wikitext        1.0          5     20 of 1,000  word_perplexity  ↓  12.5000",
        "exam            2               1,020 of 2,000  acc              ↑   0.2500  ± 0.0433",
        "                                                acc_norm         ↑   0.5000",
        "  exam_anatomy  1.0          5     20 of 1,000  acc              ↑   0.2500  ± 0.0433",
        "                                                acc_norm         ↑   0.5000",
        "  exam_law      1.0          5           1,000  acc              ↑   0.2500  ± 0.0433",
        "                                                acc_norm         ↑   0.5000",
    ]


def test_a_narrow_terminal_has_a_list() -> None:
    lines = table(RESULTS, columns=60)
    assert max(map(len, lines)) <= 60
    assert lines == [
        "wikitext  version 1.0, 5 shots, 20 of 1,000 examples",
        "    word_perplexity  ↓ 12.5000",
        "exam  version 2, 1,020 of 2,000 examples",
        "    acc              ↑ 0.2500 ± 0.0433",
        "    acc_norm         ↑ 0.5000",
        "  exam_anatomy  version 1.0, 5 shots, 20 of 1,000 examples",
        "      acc              ↑ 0.2500 ± 0.0433",
        "      acc_norm         ↑ 0.5000",
        "  exam_law  version 1.0, 5 shots, 1,000 examples",
        "      acc              ↑ 0.2500 ± 0.0433",
        "      acc_norm         ↑ 0.5000",
    ]


def large(count: int) -> TaskResults:
    """An examination of two parts with so many tasks, and a task beside it."""
    names = [f"exam_{number}" for number in range(count)]
    parts = {"exam": ["arts", "sciences"], "arts": names[:3], "sciences": names[3:]}
    return TaskResults(
        tasks={name: result(name, LOSS) for name in [*names, "alone"]},
        groups={name: TaskResult(name, "2", 5, 20, 20, LOSS) for name in parts},
        document={"group_subtasks": parts},
    )


def test_a_terminal_shows_a_large_group_without_its_tasks() -> None:
    groups = ["exam", "arts", "sciences", "alone"]
    for columns in (80, 200):
        *lines, told = table(large(13), columns)
        assert [line.split()[0] for line in lines if "1.0" in line or " 2 " in line] == groups
        assert told == "13 tasks of exam: --subtasks shows each, and --output FILE has each"
        assert len(table(large(13), columns, subtasks=True)) == len(lines) + 13
    narrow = table(large(13), 40)
    assert [line.split()[0] for line in narrow if "version" in line] == groups
    assert max(map(len, narrow)) <= 40


def test_a_small_group_or_a_pipe_has_all_tasks() -> None:
    assert len(table(large(12), 80)) == 1 + 3 + 12 + 1
    assert len(table(large(13))) == 1 + 3 + 13 + 1


def test_groups_are_bold_where_there_is_colour() -> None:
    assert sum("\x1b[1m" in line for line in table(RESULTS, colour=True)) == 3  # headers, and two figures
    assert not any("\x1b" in line for line in table(RESULTS, columns=200))


def test_what_a_plugin_does_not_say_is_left_empty() -> None:
    of_plugin = TaskResults({"letters": TaskResult("letters", "1.5", 0, 0, 0, {"count": Figure(26.0)})})
    assert table(of_plugin)[1].split() == ["letters", "1.5", "0", "count", "26.0000"]


def test_the_summary_tells_requests_time_and_what_was_cut() -> None:
    assert list(summary(RESULTS)) == [
        "4,000 requests, 1,200 of them answered before, in 1m 15s",
        "3 of them were longer than the model's context of 512 tokens: cut from the left, as lm-eval does",
        "one thing more",
    ]
    assert list(summary(TaskResults({}))) == []
