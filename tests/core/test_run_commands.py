"""`runs list`, `runs show` and `runs compare`: what they print of runs, whole, begun and broken."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from brahma.core.commands.runs.compare import compare
from brahma.core.commands.runs.list import list_all
from brahma.core.commands.runs.show import show
from brahma.core.errors import RunError
from brahma.core.runs import create_run
from tests.core.run_folders import metric_rows, write_run

NANO = {"model_config": {"preset": "nano"}, "training_config": {"lr": 3e-4, "max_steps": None, "seed": 1}}


def invoke(command: click.Command, *args: str | Path) -> Result:
    return CliRunner().invoke(command, [str(arg) for arg in args], catch_exceptions=False)


def cells(line: str) -> list[str]:
    """Columns are two blanks or more apart."""
    return re.split(r" {2,}", line.strip())


def table(output: str) -> dict[str, str]:
    """First cell -> the rest of the line."""
    return {found[0]: "  ".join(found[1:]) for found in map(cells, output.splitlines())}


def test_runs_are_listed_in_columns(tmp_path: Path) -> None:
    write_run(tmp_path, "first", config=NANO, step=10, total_steps=10, loss=2.125, best_loss=2.5, seconds=200)
    create_run(tmp_path, "second", "")
    lines = invoke(list_all, "--output-dir", tmp_path).stdout.splitlines()
    assert [cells(line)[:-1] for line in lines] == [
        ["NAME", "STATUS", "MODEL", "STEP", "LOSS", "BEST EVAL", "TOOK"],
        ["second", "interrupted", "0/?"],
        ["first", "finished", "nano", "10/10", "2.1250", "2.5000", "3m 20s"],
    ]


def test_the_list_is_sorted_by_what_is_asked_for_and_what_is_missing_comes_last(tmp_path: Path) -> None:
    for name, loss, best in (("b", 2.0, None), ("a", 3.0, 2.5), ("c", None, 2.4)):
        write_run(tmp_path, name, loss=loss, best_loss=best)

    def names(sort: str) -> list[str]:
        lines = invoke(list_all, "--output-dir", tmp_path, "--sort", sort).stdout.splitlines()
        return [line.split()[0] for line in lines[1:]]

    assert names("name") == ["a", "b", "c"]
    assert names("loss") == ["b", "a", "c"]
    assert names("eval") == ["c", "a", "b"]
    assert names("written") == ["c", "a", "b"]


def test_the_list_as_json_is_for_programs(tmp_path: Path) -> None:
    run = write_run(tmp_path, "mine", config=NANO, loss=2.0, total_steps=10)
    [found] = json.loads(invoke(list_all, "--output-dir", tmp_path, "--json").stdout)
    assert found["directory"] == str(run.directory)
    assert (found["name"], found["model"], found["loss"], found["best_eval_loss"]) == (
        "mine", "nano", 2.0, None,
    )  # fmt: skip
    assert json.loads(invoke(list_all, "--output-dir", tmp_path / "none", "--json").stdout) == []


def test_a_run_with_a_broken_configuration_is_listed_without_its_model(tmp_path: Path) -> None:
    write_run(tmp_path, "mine").paths.config.write_text('{"config": ')
    assert "mine  finished" in invoke(list_all, "--output-dir", tmp_path).stdout


def test_a_run_whose_state_cannot_be_read_is_named_beside_the_list(tmp_path: Path) -> None:
    write_run(tmp_path, "whole")
    (write_run(tmp_path, "torn").directory / "state.json").write_text('{"status"')
    (tmp_path / "runs" / "notes").mkdir()
    result = invoke(list_all, "--output-dir", tmp_path)
    assert [cells(line)[0] for line in result.stdout.splitlines()] == ["NAME", "whole"]
    assert result.stderr == "warning: torn is not listed: its state.json cannot be read\n"


def test_where_there_is_no_run_the_next_thing_is_named(tmp_path: Path) -> None:
    result = invoke(list_all, "--output-dir", tmp_path)
    assert result.exit_code == 0
    assert "brahma quickstart" in result.stderr


def test_the_working_directory_is_the_default_place_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_run(tmp_path, "mine", "")
    monkeypatch.chdir(tmp_path)
    assert "mine" in invoke(list_all).stdout
    assert os.listdir(tmp_path / "runs") == ["mine"]


LOG = """2026-11-23 11:44:48+0000 INFO    brahma.train.session: step 1  train/loss 8.3
2026-11-23 11:44:49+0000 WARNING brahma.train.session: step 7: the loss jumped to 9
  try: look at these rows
2026-11-23 11:44:50+0000 WARNING brahma.warnings: lib.py:3: UserWarning: of a library
2026-11-23 11:44:50+0000 WARNING transformers.modeling: of another
2026-11-23 11:44:51+0000 WARNING brahma.train.session: step 7: the loss jumped to 9
"""


def test_a_run_with_adapters_is_shown_as_one(tmp_path: Path) -> None:
    config = {
        "model_config": {"base_model": "a/b"},
        "lora_config": {"r": 8, "target_modules": "all-linear", "adapter": None},
        "quantization": {"bits": 4},
        "training_config": {"optimizer": {"name": "lion"}},
    }
    write_run(tmp_path, "mine", config=config)
    shown = table(invoke(show, "mine", "--output-dir", tmp_path).stdout)
    assert (shown["lora_config.r"], shown["lora_config.target_modules"]) == ("8", "all-linear")
    assert (shown["quantization.bits"], shown["training_config.optimizer.name"]) == ("4", "lion")
    assert "lora_config.adapter" not in shown


def test_a_run_is_shown_with_what_matters(tmp_path: Path) -> None:
    rows = metric_rows(20, evaluations=10)
    run = write_run(
        tmp_path, "mine", rows=rows, config=NANO, checkpoints=(10, 20), total_steps=20, best="checkpoint-10",
        log=LOG,
    )  # fmt: skip
    result = invoke(show, "mine", "--output-dir", tmp_path)
    shown = table(result.stdout)
    assert shown["status"] == "finished"
    assert shown["step"] == "20/20"
    assert shown["model_config.preset"] == "nano"
    assert shown["training_config.lr"] == "0.0003"
    assert "training_config.max_steps" not in shown
    assert shown["train/tokens"] == "81,920"
    assert shown["best eval loss"] == f"{rows[-1]['eval/loss']:.4f} at step 20"
    assert shown["forward/backward"] == "75.0%  15s"
    assert shown["checkpoint-10"] == "2 kB, best"
    assert shown["checkpoint-20"] == "2 kB"
    assert shown["2 times"] == "step 7: the loss jumped to 9"
    assert "of a library" not in result.stdout
    assert shown["log"] == str(tmp_path / "logs" / "mine.log")
    assert f'next: brahma generate {run.directory} --prompt "…"' in result.stderr


def test_epochs_that_do_not_end_a_run_are_not_shown(tmp_path: Path) -> None:
    for name, end in {"by-epochs": {}, "by-steps": {"max_steps": 9}}.items():
        write_run(tmp_path, name, config={"training_config": {"epochs": 3, **end}})
        shown = table(invoke(show, name, "--output-dir", tmp_path).stdout)
        assert ("training_config.epochs" in shown) is (not end)


def test_a_run_of_conversations_is_to_be_talked_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path, "mine", ledger={"format": "chat"}, checkpoints=(10,))
    shown = invoke(show, "mine", "--output-dir", tmp_path, "--no-curve").stderr
    assert f"next: brahma chat {run.directory}\n" in shown
    monkeypatch.chdir(tmp_path)
    assert "next: brahma chat mine\n" in invoke(show, "mine", "--no-curve").stderr


def test_the_curve_is_drawn_unless_it_is_not_wanted(tmp_path: Path) -> None:
    write_run(tmp_path, "mine", rows=metric_rows(60))
    drawn = invoke(show, "mine", "--output-dir", tmp_path).stdout
    assert "loss by step:  ⠶ training (running mean)   o evaluation\n" in drawn
    assert "\x1b" not in drawn
    assert max(map(len, drawn.split("\n\n")[2].splitlines())) <= 80
    assert "loss by step" not in invoke(show, "mine", "--output-dir", tmp_path, "--no-curve").stdout


def test_a_run_that_has_only_begun_is_shown(tmp_path: Path) -> None:
    create_run(tmp_path, "mine", "")
    result = invoke(show, "mine", "--output-dir", tmp_path)
    assert result.exit_code == 0
    assert table(result.stdout)["config.json"] == "cannot be read: No such file or directory"
    assert "loss by step" not in result.stdout


def test_show_saves_a_picture(tmp_path: Path) -> None:
    write_run(tmp_path, "mine")
    result = invoke(show, "mine", "--output-dir", tmp_path, "--plot", tmp_path / "a.png")
    assert f"picture: {tmp_path / 'a.png'}" in result.stderr
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("status", "following"),
    [("failed", "brahma runs logs "), ("interrupted", "--resume auto"), ("running", "--resume auto")],
)
def test_the_next_command_fits_the_status(tmp_path: Path, status: str, following: str) -> None:
    write_run(tmp_path, "mine", rows=[], status=status, message="out of memory")
    result = invoke(show, "mine", "--output-dir", tmp_path)
    assert following in result.stderr
    assert "out of memory" in result.stdout


def test_the_next_command_has_the_file_and_settings_that_the_run_was_started_with(tmp_path: Path) -> None:
    command = ["/bin/brahma", "train", "--config", "my file.json", "--resume", "auto"]
    command += ["--set", "run_name=mine", "--set", "output_dir=a b"]
    write_run(tmp_path, "mine", status="interrupted", environment={"command": command})
    result = invoke(show, "mine", "--output-dir", tmp_path)
    settings = "--set run_name=mine --set 'output_dir=a b'"
    assert f"next: brahma train --config 'my file.json' {settings} --resume auto" in result.stderr


def test_a_run_that_is_written_can_be_followed(tmp_path: Path) -> None:
    directory = create_run(tmp_path, "mine", "")
    with directory.lock():
        shown = invoke(show, "mine", "--output-dir", tmp_path).stderr
    assert f"next: brahma runs logs {directory.root} -f\n" in shown


def test_a_run_that_does_not_exist_is_a_users_mistake(tmp_path: Path) -> None:
    write_run(tmp_path, "mind")
    for command, names in ((show, ["mine"]), (compare, ["mind", "mine"])):
        with pytest.raises(RunError, match="no run is called 'mine'") as error:
            invoke(command, *names, "--output-dir", tmp_path)
        assert error.value.hint == 'did you mean "mind"?'


def two_runs(tmp_path: Path) -> None:
    for name, lr, seed in (("one", 3e-4, 1), ("two", 1e-3, 2)):
        training = {"lr": lr, "seed": seed, "batch_size": 8}
        write_run(
            tmp_path, name, rows=metric_rows(10, floor=2.0 + seed),
            config={"run_name": name, "model_config": {"preset": "nano"}, "training_config": training},
            environment={"cpu": "same", "versions": {"torch": f"2.{seed}"}, "command": [name]},
            ledger={"files": [{"path": "a.jsonl", "rows": 10 * seed}], "total": {"rows": 10 * seed}},
        )  # fmt: skip


def test_runs_are_compared_by_what_differs(tmp_path: Path) -> None:
    two_runs(tmp_path)
    shown = table(invoke(compare, "one", "two", "--output-dir", tmp_path).stdout)
    assert shown["CONFIGURATION"] == "one  two"
    assert shown["training_config.lr"] == "0.0003  0.001"
    assert shown["training_config.seed"] == "1  2"
    assert shown["versions.torch"] == "2.1  2.2"
    assert shown["files.a.jsonl.rows"] == "10  20"
    assert shown["tokens"] == "40,960  40,960"
    assert {"training_config.batch_size", "cpu", "run_name", "command"}.isdisjoint(shown)


def test_all_keys_are_shown_on_demand(tmp_path: Path) -> None:
    two_runs(tmp_path)
    shown = table(invoke(compare, "one", "two", "--output-dir", tmp_path, "--all").stdout)
    assert shown["training_config.batch_size"] == "8  8"
    assert shown["cpu"] == "same  same"


def test_a_run_compared_with_itself_is_the_same(tmp_path: Path) -> None:
    two_runs(tmp_path)
    output = invoke(compare, "one", "one", "--output-dir", tmp_path).stdout
    assert [line for line in output.splitlines() if line.endswith(": the same")] == [
        "CONFIGURATION: the same", "DATA: the same", "ENVIRONMENT: the same",
    ]  # fmt: skip


def test_an_unfinished_run_one_without_metrics_and_one_with_a_broken_configuration_are_compared(
    tmp_path: Path,
) -> None:
    two_runs(tmp_path)
    write_run(tmp_path, "half", status="interrupted", rows=metric_rows(4), total_steps=10)
    create_run(tmp_path, "empty", "").config.write_text("{")
    picture = tmp_path / "curves.png"
    names = ("one", "half", "empty")
    result = invoke(compare, *names, "--output-dir", tmp_path, "--plot", picture)
    assert result.exit_code == 0
    assert "* one   + half" in result.stdout
    assert re.search(r"^step +10/\? +4/10 +0/\?$", result.stdout, re.M)
    assert "not compared: empty: config.json cannot be read: it is no JSON" in result.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_one_run_is_no_comparison(tmp_path: Path) -> None:
    two_runs(tmp_path)
    result = invoke(compare, "one", "--output-dir", tmp_path)
    assert result.exit_code == 2
    assert "two runs or more" in result.stderr


def test_runs_of_one_name_in_two_places_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / place, "same") for place in ("a", "b")]
    output = invoke(compare, *(run.directory for run in runs)).stdout
    assert cells(output.splitlines()[1]) == ["RESULT", *(str(run.directory) for run in runs)]


def test_listing_opens_the_state_and_the_configuration_of_a_run_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        write_run(tmp_path, f"run-{number}", config=NANO)
    opened: list[str] = []
    open_path = Path.open

    def noted(path: Path, *args: Any, **options: Any) -> Any:
        opened.append(path.name)
        return open_path(path, *args, **options)

    monkeypatch.setattr(Path, "open", noted)
    assert len(invoke(list_all, "--output-dir", tmp_path).stdout.splitlines()) == 21
    assert sorted(opened) == ["config.json"] * 20 + ["state.json"] * 40


def test_a_long_run_with_a_spike_becomes_a_small_picture(tmp_path: Path) -> None:
    rows = metric_rows(20_000, evaluations=1000)
    rows[12_345]["train/loss"] = 1e6
    run = write_run(tmp_path, "long", rows=rows)
    picture = tmp_path / "long.svg"
    result = invoke(show, run.directory, "--plot", picture)
    assert result.exit_code == 0
    assert picture.stat().st_size < 1_000_000
