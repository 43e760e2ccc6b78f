"""`brahma evaluate` of runs that were trained on a part of their examination."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from brahma.evaluation import Evaluator, find_contamination
from brahma.evaluation.commands.evaluate import evaluate
from tests.train.small_run import train

pytestmark = pytest.mark.slow  # imports lm-eval, and trains
PLANTED = (1, 4, 9)
PEOPLE = ["keeper", "pilot", "baker", "smith", "weaver", "miller", "cooper", "mason", "tanner", "fisher"]
TOOLS = ["lamp", "rope", "oven", "anvil", "loom", "wheel", "barrel", "chisel", "knife", "net"]
ENDINGS = ["is worn out today", "rains", "no one", "shut the door twice"]


def _row(number: int) -> dict[str, Any]:
    """In HellaSwag's own schema; every 13 words of question and answer hold the number."""
    person, tool = PEOPLE[number % 10], TOOLS[(number * 3 + number // 10) % 10]
    question = f"On morning {number} the {person} of house {number} lifts his {tool} and sees that it"
    return {
        "ind": number,
        "activity_label": "Work",
        "ctx_a": question,
        "ctx_b": "",
        "ctx": question,
        "split": "val",
        "split_type": "indomain",
        "label": 0,
        "endings": ENDINGS,
        "source_id": f"x~{number}",
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an examination and two runs, `leaky` and `clean`."""
    folder = tmp_path_factory.mktemp("runs")
    rows = [_row(number) for number in range(20)]
    (folder / "exam" / "hellaswag").mkdir(parents=True)
    (folder / "exam" / "hellaswag" / "hellaswag_val.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows)
    )
    other = [{"text": f"Word{n} of a text about nothing much that goes on for a while"} for n in range(30)]
    planted = [{"text": f"{rows[n]['ctx']} {rows[n]['endings'][0]}"} for n in PLANTED]
    for name, texts in (("leaky", other + planted), ("clean", other)):
        data = folder / f"{name}.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in texts))
        model = {"max_position_embeddings": 256}
        train(folder, run_name=name, data=data, model=model, max_steps=None, epochs=1, save_steps=1000)
    return folder


def _run(place: Path, *arguments: str) -> Result:
    return _evaluate(place, *arguments, "--tasks", "hellaswag", "--data-dir", "exam")


def _evaluate(place: Path, *arguments: str) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        return CliRunner().invoke(evaluate, [*arguments])


def _own_rows(place: Path) -> str:
    """The examination as a file of rows with choices."""
    rows = [_row(number) for number in range(20)]
    questions = [{"question": row["ctx"], "choices": row["endings"], "answer": 0} for row in rows]
    (place / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    return "own.jsonl"


def test_a_report_gives_each_score_on_all_and_on_what_was_not_seen(place: Path) -> None:
    found = _run(place, "--model", "leaky", "--json")
    document = json.loads(found.stdout)
    exam = document["brahma"]["contamination"]["tasks"]["hellaswag"]
    assert exam["examples"] == {"clean": 17, "contaminated": 3, "unjudged": 0}
    assert [each["doc_id"] for each in exam["found"]] == list(PLANTED)
    assert exam["all"]["acc"]["value"] == document["results"]["hellaswag"]["acc,none"]


def test_a_plain_table_says_it_too(place: Path) -> None:
    found = _run(place, "--model", "leaky")
    assert "13 words in a row in common with the 33 rows" in found.stdout
    assert "seen of hellaswag: 1 (" in found.stdout


def test_it_can_be_left_out(place: Path) -> None:
    found = _run(place, "--model", "leaky", "--no-contamination")
    assert "hellaswag" in found.stdout
    assert "words in a row" not in found.output


def test_models_are_compared(place: Path) -> None:
    found = _run(place, "--model", "leaky", "--model", "clean", "--output", "out.json")
    assert "A  leaky\nB  clean\n" in found.stdout
    document = json.loads((place / "out.json").read_text())
    rows = document["comparison"]["rows"]
    assert [(row["task"], row["figure"]) for row in rows] == [("hellaswag", "acc"), ("hellaswag", "acc_norm")]
    assert document["comparison"]["names"] == {"A": "leaky", "B": "clean"}
    for row in rows:
        figures = [
            document["models"][name]["results"]["hellaswag"][f"{row['figure']},none"]
            for name in ("leaky", "clean")
        ]
        assert row["difference"] == pytest.approx(figures[1] - figures[0])


def test_a_model_against_itself_is_noise(place: Path) -> None:
    found = _run(place, "--model", "leaky", "--model", "runs/leaky", "--json")
    rows = json.loads(found.stdout)["comparison"]["rows"]
    assert [(row["difference"], row["verdict"]) for row in rows] == [(0, "noise"), (0, "noise")]


def test_a_foreign_model_cannot_be_told_about(place: Path, model_folder: Path) -> None:
    found = _run(place, "--model", str(model_folder))
    assert "is no checkpoint of a run" in found.stderr
    assert "on clean" not in found.stdout


def test_data_of_ones_own_is_looked_for_too(place: Path) -> None:
    run = place / "runs" / "leaky"
    results = Evaluator(run).evaluate_custom(place / _own_rows(place), examples=True)
    data = find_contamination(results, run).tasks["data"]
    assert {each.doc_id for each in data.found} == set(PLANTED)
    assert set(data.figures) == {"acc", "acc_norm", "acc_bytes"}


def test_the_command_tells_of_data_of_ones_own_alone_or_beside_tasks(place: Path) -> None:
    own = _own_rows(place)
    shown = _evaluate(place, "--model", "leaky", "--data", own)
    assert "13 words in a row in common with the 33 rows" in shown.stdout
    assert "seen of data: 1 (" in shown.stdout
    assert shown.stdout.index("documents") < shown.stdout.index("13 words")
    both = json.loads(_run(place, "--model", "leaky", "--data", own, "--json").stdout)["brahma"]
    tasks = both["contamination"]["tasks"]
    assert list(tasks) == ["hellaswag", "data"]
    for task in tasks.values():
        assert task["examples"] == {"clean": 17, "contaminated": 3, "unjudged": 0}
    assert tasks["data"]["all"]["acc"]["value"] == both["data"]["acc"]
    left_out = _evaluate(place, "--model", "leaky", "--data", own, "--no-contamination")
    assert "in a row" not in left_out.output
    (place / "text.txt").write_text("A text has a loss, and no examples.")
    loss = _evaluate(place, "--model", "leaky", "--data", "text.txt")
    assert "perplexity" in loss.stdout
    assert "contamination" not in loss.output
