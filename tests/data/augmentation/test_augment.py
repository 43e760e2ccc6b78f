"""`brahma.data.augment` and its command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from brahma.core.errors import ConfigError, DataError, PluginError, RowError
from brahma.data import Dataset, augment
from brahma.data.commands.augment import augment as command

pytestmark = pytest.mark.usefixtures("toy")


def question(number: int, more: str = "") -> dict[str, Any]:
    return {
        "prompt": f"Which {number} fast boats{more} are at sea today?",
        "completion": f"These {number} fast ones.",
    }


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "in.jsonl", [question(number) for number in range(10)])


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def test_the_originals_come_first_and_each_variant_says_where_it_is_from(data: Path, output: Path) -> None:
    report = augment(data, output, techniques=["toy"], seed=3)
    rows = read(output)
    assert rows[:10] == read(data)
    assert [row["prompt"] for row in rows[10:]] == [
        f"Which {number} quick boats are at sea today?" for number in range(10)
    ]
    assert [row["completion"] for row in rows[10:]] == [row["completion"] for row in rows[:10]]
    assert rows[10]["meta"]["augment"] == {
        "technique": "toy",
        "engine": "good",
        "seed": 3,
        "source": f"{data}:1",
        "variant": 1,
        "changed": "1 of 1 passages",
    }
    assert (report.rows, report.chosen, report.written) == (10, 10, 10)
    assert not list(data.parent.glob("*.augment"))


def test_what_comes_out_is_data_for_a_training(data: Path, output: Path) -> None:
    augment(data, output, techniques=["toy"])
    dataset = Dataset.from_file(output)
    assert (dataset.format, len(dataset)) == ("completion", 20)


def test_several_variants_differ_and_another_technique_does_not_repeat_them(data: Path, output: Path) -> None:
    report = augment(data, output, techniques=["toy", "other"], variants=2)
    first, second = report.techniques
    assert (first.tries, first.accepted, first.rows) == (20, 20, 20)
    assert (second.tries, second.accepted) == (20, 0)
    assert dict(second.reasons) == {"the same as another variant": 20}


def test_the_figures_add_up(tmp_path: Path, output: Path) -> None:
    rows = [question(1), question(2), question(3, " with odd sails"), {"prompt": "7?", "completion": "7"}]
    report = augment(
        write(tmp_path / "in.jsonl", rows), output, techniques=["toy"], engines="fails on odd", variants=2
    )
    assert report.rows == report.chosen + sum(report.left.values()) == 4
    (toy,) = report.techniques
    assert toy.tries == toy.accepted + sum(toy.reasons.values()) == 6
    assert toy.reasons["took too long"] == 2


def test_rejected_variants_are_written_aside_with_the_reason(
    data: Path, output: Path, tmp_path: Path
) -> None:
    aside = tmp_path / "rejected.jsonl"
    augment(data, output, techniques=["toy", "other"], engines={"other": "numbers"}, rejected=aside)
    (row,) = [each for each in read(aside) if each["reason"] == "something protected was changed"]
    assert (row["where"], row["technique"], row["detail"]) == (f"{data}:8", "other", "7")
    assert row["variant"] == "Which 8 fast boats are at sea today?"


def test_a_part_of_the_rows_is_drawn_by_the_seed(tmp_path: Path, output: Path) -> None:
    data = write(tmp_path / "in.jsonl", [question(number) for number in range(100)])
    chosen = [
        augment(data, output, techniques=["toy"], fraction=0.5, seed=seed, overwrite=True)
        for seed in (1, 1, 2)
    ]
    written = read(output)
    assert 30 < chosen[0].chosen < 70
    assert chosen[0].chosen == chosen[1].chosen
    assert chosen[2].chosen == len(written) - 100
    assert chosen[0].left["left out by the fraction"] == 100 - chosen[0].chosen


def test_variants_are_not_varied_again(data: Path, output: Path, tmp_path: Path) -> None:
    augment(data, output, techniques=["toy"])
    report = augment(output, tmp_path / "again.jsonl", techniques=["toy"])
    assert (report.chosen, report.left["variants already"]) == (10, 10)


def test_an_origin_joins_what_meta_holds_and_a_meta_without_room_is_named(
    tmp_path: Path, output: Path
) -> None:
    data = write(tmp_path / "in.jsonl", [{**question(1), "meta": {"from": "a book"}}])
    augment(data, output, techniques=["toy"])
    assert set(read(output)[1]["meta"]) == {"from", "augment"}
    write(data, [{**question(1), "meta": "a book"}])
    with pytest.raises(RowError, match="'meta' is no object") as error:
        augment(data, output, techniques=["toy"], overwrite=True)
    assert error.value.where == f"{data}:1"


def test_plain_text_becomes_rows(tmp_path: Path, output: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("The fast boats are out.\n\nAnother fast boat came in.\n")
    augment(path, output, techniques=["toy"], text_document="blank_line")
    assert [row["text"] for row in read(output)] == [
        "The fast boats are out.",
        "Another fast boat came in.",
        "The quick boats are out.",
        "Another quick boat came in.",
    ]


def test_a_stopped_job_goes_on_and_gives_what_an_unbroken_one_gives(
    data: Path, output: Path, tmp_path: Path
) -> None:
    log = tmp_path / "calls"
    options = {"toy": {"log": str(log)}}
    with pytest.raises(KeyboardInterrupt):
        _stopped(data, output, log)
    assert not output.exists()
    assert len(list(output.with_name("out.jsonl.augment").glob("batch-*.json"))) == 2
    report = augment(data, output, techniques=["toy"], options=options)
    assert report.resumed == 2
    assert log.read_text().split() == ["4", "4", "2"]
    augment(data, tmp_path / "whole.jsonl", techniques=["toy"])
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def _stopped(data: Path, output: Path, log: Path) -> None:
    """A job of the same settings that is interrupted after two batches."""
    import toy_engine  # type: ignore[import-not-found]

    made = toy_engine.Toy.variants

    def variants(self: Any, passages: Any, count: int) -> Any:
        if self.calls == 2:
            raise KeyboardInterrupt
        return made(self, passages, count)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy_engine.Toy, "variants", variants)
        augment(data, output, techniques=["toy"], options={"toy": {"log": str(log)}})


def test_another_job_on_the_same_output_begins_anew(data: Path, output: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _stopped(data, output, tmp_path / "calls")
    assert augment(data, output, techniques=["toy"], seed=9).resumed == 0


def test_two_processes_do_not_write_one_output(data: Path, output: Path) -> None:
    from brahma.data.augmentation.folder import JobFolder

    folder = JobFolder(output.with_name("out.jsonl.augment"))
    with folder.held("another"), pytest.raises(DataError, match="another process is writing this output"):
        augment(data, output, techniques=["toy"])


def test_an_engine_that_fails_on_and_on_stops_the_job_and_keeps_what_is_done(
    tmp_path: Path, output: Path
) -> None:
    rows = [question(number) for number in range(8)] + [
        question(number, " with odd sails") for number in range(30)
    ]
    data = write(tmp_path / "in.jsonl", rows)
    with pytest.raises(DataError, match="the engine of toy failed 5 times in a row") as error:
        augment(data, output, techniques=["toy"], engines="fails on odd", max_failures=5)
    assert "took too long: 30 s" in str(error.value)
    assert "goes on where it stopped" in str(error.value)
    assert len(list(output.with_name("out.jsonl.augment").glob("batch-*.json"))) == 3
    assert not output.exists()


@pytest.mark.parametrize("engine", ["echo", "nothing", "fails"])
def test_no_variant_at_all_is_an_error_with_the_report(tmp_path: Path, output: Path, engine: str) -> None:
    data = write(tmp_path / "in.jsonl", [question(1)])
    with pytest.raises(DataError, match="no variant was accepted") as error:
        augment(data, output, techniques=["toy"], engines=engine)
    assert "1 passages tried, 0 accepted" in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "site"]


@pytest.mark.parametrize(
    ("engine", "cause"), [("raises", "RuntimeError: out of ideas"), ("forgets", "1 outcomes for 4 passages")]
)
def test_a_plugin_that_breaks_is_named(data: Path, output: Path, engine: str, cause: str) -> None:
    with pytest.raises(PluginError, match="'toy' failed") as error:
        augment(data, output, techniques=["toy"], engines=engine)
    assert error.value.why == cause


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"techniques": ["toi"]}, 'did you mean "toy"'),
        ({"techniques": []}, "no technique is named"),
        ({"techniques": ["toy", "toy"]}, "named twice"),
        ({"engines": {"other": "good"}}, "'other' is given an engine"),
        ({"options": {"toy": {"lag": 1}}}, "unknown key"),
        ({"variants": 0}, "1 at least"),
        ({"fraction": 0.0}, "not above 0"),
        ({"fraction": 1.5}, "at most 1"),
    ],
)
def test_a_wrong_argument_is_named(data: Path, output: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, PluginError)) as error:
        augment(data, output, **{"techniques": ["toy"], **arguments})
    assert message in str(error.value)


@pytest.mark.parametrize("name", ["out.txt", "out.csv", "out.parquet"])
def test_a_format_that_cannot_carry_the_origin_is_refused(data: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"carries its origin") as error:
        augment(data, tmp_path / name, techniques=["toy"])
    assert "out.jsonl" in str(error.value)


def test_outputs_that_would_destroy_something_are_refused(data: Path, output: Path) -> None:
    with pytest.raises(DataError, match="also an input"):
        augment(data, data, techniques=["toy"])
    with pytest.raises(DataError, match="cannot go into the output"):
        augment(data, output, techniques=["toy"], rejected=output)
    output.write_text("mine")
    with pytest.raises(DataError, match="exists already"):
        augment(data, output, techniques=["toy"])
    assert output.read_text() == "mine"


def test_a_bad_row_stops_the_job_before_any_engine_works_or_is_counted(tmp_path: Path, output: Path) -> None:
    data = write(tmp_path / "in.jsonl", [question(number) for number in range(9)])
    with data.open("a") as file:
        file.write("{torn\n")
    log = tmp_path / "calls"
    with pytest.raises(RowError) as error:
        augment(data, output, techniques=["toy"], options={"toy": {"log": str(log)}})
    assert error.value.where == f"{data}:10"
    assert not log.exists()
    report = augment(data, output, techniques=["toy"], on_bad_row="skip")
    assert len(report.skipped) == 1
    assert report.rows == 9


def test_the_command_says_what_happened(data: Path, output: Path) -> None:
    arguments = [
        "--input",
        data,
        "--output",
        output,
        "--techniques",
        "toy,other",
        "--engine",
        "other=numbers",
    ]
    result = CliRunner().invoke(command, [*map(str, arguments), "--option", "toy.stop_after=9"])
    assert result.exit_code == 0, result.output
    assert f"written     {output}: 10 originals + 10 variants" in result.output
    assert "other (numbers): 0 rows written" in result.output
    assert "  1 not: something protected was changed" in result.output


@pytest.mark.parametrize("option", ["toy=1", "toystop=3", "toy.=3"])
def test_an_option_that_is_none_is_named(data: Path, output: Path, option: str) -> None:
    arguments = ["--input", str(data), "--output", str(output), "--techniques", "toy", "--option", option]
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, ConfigError)
    assert "--option" in str(result.exception)
