"""Models that were trained on planted test items: what is found is what was really consumed."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brahma.core.config import TrainingSection
from brahma.core.errors import DataError
from brahma.core.runs import Run
from brahma.data.prepare import PreparedData
from brahma.evaluation.contamination import Contamination, find_contamination
from brahma.evaluation.harness.results import TaskResults
from brahma.train import Trainer
from brahma.train.plan import make_plan
from tests.evaluation.task_results import results, task
from tests.train.adapter_run import adapter_run
from tests.train.small_run import train

ITEMS = 30
PLANTED = (2, 3, 11, 19, 28)
WHOLE: dict[str, Any] = {"max_steps": None, "epochs": 1, "save_steps": 1000}


def _item(number: int) -> str:
    """20 words that no other item has in this order."""
    chance = random.Random(f"item {number}")
    return " ".join(f"{chance.choice('bdfgklmnprst')}{chance.choice('aeiou')}{n}" for n in range(20))


def _rows(path: Path, planted: Iterable[int] = PLANTED, *, text: bool = False, others: int = 40) -> Path:
    """Rows of other text, the planted items among them; rows of running text or prompts and completions."""
    chance = random.Random(5)
    filler = [" ".join(chance.choices([f"word{n}" for n in range(80)], k=15)) for _ in range(others)]
    texts = [*filler, *map(_item, planted)]
    chance.shuffle(texts)
    rows = [
        {"text": each}
        if text
        else {"prompt": " ".join(each.split()[:9]), "completion": " " + " ".join(each.split()[9:])}
        for each in texts
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _examination() -> TaskResults:
    """The items as a task, of which the model knows all that were planted and half of the others."""
    right = [float(number in PLANTED or number % 2) for number in range(ITEMS)]
    return results(task("quiz", {"acc": right}, texts=[_item(number) for number in range(ITEMS)]))


def _found(contamination: Contamination) -> set[int]:
    return {each.doc_id for each in contamination.tasks["quiz"].found}


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("whole")
    return train(folder, data=_rows(folder / "rows.jsonl"), seq_length=128, **WHOLE)


def test_the_clean_score_excludes_exactly_the_planted_items(whole_run: Run) -> None:
    contamination = find_contamination(_examination(), whole_run.last)
    quiz = contamination.tasks["quiz"]
    assert _found(contamination) == set(PLANTED)
    assert (quiz.clean, quiz.contaminated, quiz.unjudged) == (ITEMS - len(PLANTED), len(PLANTED), 0)
    others = np.array([float(number % 2) for number in range(ITEMS) if number not in PLANTED])
    assert quiz.figures["acc"].value == pytest.approx(others.mean())
    assert quiz.figures["acc"].stderr == pytest.approx(others.std(ddof=1) / len(others) ** 0.5)
    assert contamination.seen[0].rows == 45
    assert not contamination.unknown


def test_each_item_is_told_with_its_row(whole_run: Run, tmp_path: Path) -> None:
    rows = Path(json.loads((whole_run.directory / "ledger.json").read_text())["files"][0]["path"])
    lines = rows.read_text().splitlines()
    for each in find_contamination(_examination(), whole_run.last).tasks["quiz"].found:
        file, _, line = each.place.rpartition(":")
        row = json.loads(lines[int(line) - 1])
        assert Path(file) == rows
        assert row["prompt"] + row["completion"] == _item(each.doc_id)


def test_the_files_may_have_gone(tmp_path: Path) -> None:
    run = train(tmp_path, data=_rows(tmp_path / "rows.jsonl"), seq_length=128, **WHOLE)
    (tmp_path / "rows.jsonl").unlink()
    assert _found(find_contamination(_examination(), run.last)) == set(PLANTED)


def test_an_output_folder_may_have_moved(tmp_path: Path) -> None:
    run = train(tmp_path / "a", data=_rows(tmp_path / "rows.jsonl"), seq_length=128, **WHOLE)
    shutil.move(tmp_path / "a", tmp_path / "b")
    moved = Run(tmp_path / "b" / "runs" / run.name)
    assert _found(find_contamination(_examination(), moved.directory)) == set(PLANTED)


@pytest.mark.parametrize("steps", [2, 5, 9])
def test_only_items_that_were_consumed_by_the_checkpoint_count(tmp_path: Path, steps: int) -> None:
    data = _rows(tmp_path / "rows.jsonl", range(ITEMS), others=10)
    run = train(
        tmp_path, data=data, seq_length=96, max_steps=steps, batch_size=1, warmup_steps=1, save_steps=1000
    )
    lines = [json.loads(line) for line in data.read_text().splitlines()]
    of_line = {row["prompt"] + row["completion"]: number for number, row in enumerate(lines, start=1)}
    packs = PreparedData.open(json.loads((run.directory / "data.json").read_text())).train
    plan = make_plan(TrainingSection(batch_size=1, seed=run.config.training.seed, max_steps=steps), packs)
    seen = {int(row.rpartition(":")[2]) for step in range(steps) for row in plan.rows(step)}
    expected = {number for number in range(ITEMS) if of_line[_item(number)] in seen}
    assert _found(find_contamination(_examination(), run.last)) == expected
    assert 0 < len(expected) < ITEMS


def test_an_earlier_checkpoint_has_seen_less(tmp_path: Path) -> None:
    data = _rows(tmp_path / "rows.jsonl", range(ITEMS), others=10)
    options: dict[str, Any] = {"seq_length": 96, "max_steps": 12, "batch_size": 1, "save_steps": 4}
    run = train(tmp_path, data=data, **options)
    found = [_found(find_contamination(_examination(), folder)) for folder in run.checkpoints]
    assert len(found) == 3
    assert found[0] < found[1] < found[2]


@pytest.mark.parametrize("epochs", [0.5, 1, 2.5])
def test_epochs_do_not_count_twice(tmp_path: Path, epochs: float) -> None:
    data = _rows(tmp_path / "rows.jsonl", range(ITEMS), others=10)
    run = train(tmp_path, data=data, **{**WHOLE, "epochs": epochs}, seq_length=96, batch_size=3)
    contamination = find_contamination(_examination(), run.last)
    assert (len(_found(contamination)) == ITEMS) == (epochs >= 1)
    assert (contamination.seen[0].rows == 40) == (epochs >= 1)


def test_items_that_straddle_packs_are_found(tmp_path: Path) -> None:
    """Running text in packs of 32 tokens: no item of 20 words fits into one."""
    data = _rows(tmp_path / "rows.jsonl", text=True)
    run = train(tmp_path, data=data, seq_length=32, on_long_row="error", **WHOLE)
    assert _found(find_contamination(_examination(), run.last)) == set(PLANTED)


def test_rows_that_were_held_out_were_not_consumed(tmp_path: Path) -> None:
    data = _rows(tmp_path / "rows.jsonl", range(ITEMS), others=0)
    run = train(tmp_path, data=data, seq_length=96, validation=0.4, **WHOLE)
    held = PreparedData.open(json.loads((run.directory / "data.json").read_text())).validation
    assert held is not None
    lines = [json.loads(line) for line in data.read_text().splitlines()]
    held_lines = {row.line for pack in range(len(held)) for row in held.rows(pack)}
    texts = [lines[line - 1]["prompt"] + lines[line - 1]["completion"] for line in held_lines]
    missing = {number for number in range(ITEMS) if _item(number) in texts}
    assert len(missing) == 12
    assert _found(find_contamination(_examination(), run.last)) == set(range(ITEMS)) - missing


def test_prompts_of_conversations_count(tmp_path: Path) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": _item(number)},
                {"role": "assistant", "content": f"I do not know {number}"},
            ]
        }
        for number in PLANTED
    ]
    data = tmp_path / "chat.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows * 3))
    run = train(tmp_path, data=data, seq_length=128, **WHOLE)
    assert _found(find_contamination(_examination(), run.last)) == set(PLANTED)


def test_an_adapter_has_seen_its_own_rows_and_those_of_a_base_that_is_a_run(tmp_path: Path) -> None:
    base = train(tmp_path / "base", data=_rows(tmp_path / "base.jsonl", (2, 3)), seq_length=128, **WHOLE)
    run = _adapter(base.last, tmp_path, "first", (11, 28))
    contamination = find_contamination(_examination(), run.last)
    assert [each.run for each in contamination.seen] == ["first", "run"]
    assert _found(contamination) == {2, 3, 11, 28}
    assert not contamination.unknown
    further = _adapter(base.last, tmp_path, "second", (19,), adapter=str(run.last))
    contamination = find_contamination(_examination(), further.last)
    assert [each.run for each in contamination.seen] == ["second", "run", "first"]
    assert _found(contamination) == {2, 3, 11, 19, 28}


def _adapter(base: Path, folder: Path, name: str, planted: Iterable[int], **lora: Any) -> Run:
    options: dict[str, Any] = {"seq_length": 128, "batch_size": 2, "epochs": 1, "threads": 1, "workers": 1}
    options |= {"trackers": [], "lora_config": lora or {"r": 2}, "run_name": name, "output_dir": folder}
    return Trainer(str(base), _rows(folder / f"{name}.jsonl", planted), **options).fit()


def test_what_a_foreign_base_was_trained_on_is_not_known(tmp_path: Path) -> None:
    base = train(tmp_path / "base", data=_rows(tmp_path / "base.jsonl", (2,)), seq_length=128, **WHOLE)
    shutil.copytree(base.last, tmp_path / "foreign")
    run = adapter_run(tmp_path / "foreign", tmp_path / "out")
    contamination = find_contamination(_examination(), run.last)
    assert [each.run for each in contamination.seen] == ["run"]
    assert _found(contamination) == set()
    assert "foreign was trained on is not known" in contamination.unknown[0]
    assert contamination.unknown[0] in str(contamination)


def test_a_model_that_is_no_run_cannot_be_told_about(model_folder: Path) -> None:
    contamination = find_contamination(_examination(), model_folder)
    assert not contamination.is_known
    assert not contamination.tasks
    assert str(contamination).startswith("contamination: what ")
    assert "is not known" in str(contamination)


def test_a_run_whose_tokens_are_gone_cannot_be_told_about(tmp_path: Path) -> None:
    run = train(tmp_path, data=_rows(tmp_path / "rows.jsonl"), seq_length=128, **WHOLE)
    shutil.rmtree(tmp_path / "data" / ".cache" / "tokenised")
    shards_gone = find_contamination(_examination(), run.last, cache=False)
    shutil.rmtree(tmp_path / "data" / ".cache")
    all_gone = find_contamination(_examination(), run.last, cache=False)
    for contamination in (shards_gone, all_gone):
        assert not contamination.is_known
        assert "missing or damaged" in contamination.unknown[0]


def test_what_is_known_is_not_looked_for_again(
    whole_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(whole_run.paths.output_dir, tmp_path / "copy")
    run = Run(folder / "runs" / whole_run.name)
    shutil.rmtree(run.directory / "contamination", ignore_errors=True)
    first = find_contamination(_examination(), run.last)
    looked: list[int] = []

    def counted(self: Any, tokenizer: Any, *, overlap: int) -> Any:
        looked.append(1)
        return iter([])

    monkeypatch.setattr("brahma.data.consumed.Consumed.texts", counted)
    assert find_contamination(_examination(), run.last) == first
    assert not looked
    find_contamination(_examination(), run.last, ngram=12)  # another rule
    find_contamination(_examination(), run.last, cache=False)
    assert len(looked) == 2
    for kept in (run.directory / "contamination").iterdir():
        kept.write_text("torn")
    find_contamination(_examination(), run.last)
    assert len(looked) == 3


def test_short_items_are_neither_clean_nor_contaminated(whole_run: Run) -> None:
    short = task("sums", {"acc": [1, 0]}, texts=["2 + 2 = 4", _item(2)])
    sums = find_contamination(results(short), whole_run.last).tasks["sums"]
    assert (sums.clean, sums.contaminated, sums.unjudged) == (0, 1, 1)
    assert sums.figures == {}


def test_groups_are_weighted_as_before_over_what_is_clean(whole_run: Run) -> None:
    one = task("one", {"acc": [1, 0, 1, 1]}, texts=[_item(n) for n in (2, 3, 4, 5)])
    two = task("two", {"acc": [0, 1]}, texts=[_item(n) for n in (6, 7)])
    for by_size, expected in ((True, (1 + 1 + 0 + 1) / 4), (False, (1 + 0.5) / 2)):
        made = results(one, two, groups={"both": ["one", "two"]}, by_size=by_size)
        both = find_contamination(made, whole_run.last).tasks["both"]
        assert (both.clean, both.contaminated) == (4, 2)
        assert both.figures["acc"].value == pytest.approx(expected)


def test_a_figure_that_is_no_mean_is_left_out_by_name(whole_run: Run) -> None:
    made = task("pages", {"acc": [1, 0]}, texts=[_item(2), _item(4)], figures={"perplexity": 17.0})
    contamination = find_contamination(results(made), whole_run.last)
    assert contamination.tasks["pages"].left_out == ("perplexity",)
    assert "left out of pages: perplexity" in str(contamination)


def test_results_without_samples_say_so(whole_run: Run) -> None:
    contamination = find_contamination(TaskResults({}), whole_run.last)
    assert not contamination.is_known
    assert "no examples to look for" in str(contamination)


def test_a_rule_of_no_words_is_refused(whole_run: Run) -> None:
    with pytest.raises(DataError, match="0 words in a row"):
        find_contamination(_examination(), whole_run.last, ngram=0)


def test_the_report_is_json_and_fits_a_terminal(whole_run: Run) -> None:
    contamination = find_contamination(_examination(), whole_run.last)
    told = json.loads(json.dumps(contamination.to_dict()))
    assert told["tasks"]["quiz"]["examples"] == {"clean": 25, "contaminated": 5, "unjudged": 0}
    assert max(map(len, contamination.lines(80))) <= 80


def test_where_nothing_was_seen_one_line_says_so(whole_run: Run) -> None:
    one = task("one", {"acc": [1, 0]}, texts=[_item(4), "2 + 2 = 4"], figures={"perplexity": 17.0})
    two = task("two", {"acc": [1]}, texts=[_item(5)])
    contamination = find_contamination(results(one, two, groups={"both": ["two", "one"]}), whole_run.last)
    (line,) = contamination.lines()
    assert line.startswith(
        "contamination: nothing seen of 2 examples (1 more too short to be judged): no 13 words in a row"
    )
    assert contamination.to_dict()["tasks"]["both"]["clean"]["acc"]["value"] == 1


def test_only_tasks_with_seen_examples_have_rows(whole_run: Run) -> None:
    tasks = [task(name, {"acc": [1, 0]}, texts=[_item(n), _item(n + 1)]) for name, n in (("a", 3), ("b", 5))]
    made = results(*tasks, task("c", {"acc": [1]}, texts=[_item(8)]), groups={"all": ["a", "b"]})
    contamination = find_contamination(made, whole_run.last)
    lines = list(contamination.lines())
    assert [line.split()[0] for line in lines[3:5]] == ["all", "a"]
    assert lines[5] == "nothing seen of 2 other tasks, 3 examples"
    assert set(contamination.to_dict()["tasks"]) == {"all", "a", "b", "c"}
