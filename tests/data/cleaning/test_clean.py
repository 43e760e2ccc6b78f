"""What `clean` does to rows and text, and what its report says of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from brahma.core.errors import BrahmaError, ConfigError, DataError, PluginError
from brahma.data import clean
from brahma.data.cleaning import tasks
from brahma.data.cleaning.report import CleaningReport, NothingLeftError
from tests.data.cleaning.cleaning_factory import profile_of, rows_of, trial_steps, write_rows

ONE = {"workers": 1}


@pytest.fixture(autouse=True)
def _steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with trial_steps(tmp_path / "site", monkeypatch):
        yield


def _clean(
    *inputs: Path, steps: tuple[str, ...], output: str = "out.jsonl", **options: object
) -> CleaningReport:
    profile = profile_of(Path(), *steps)
    options = {"executor_options": ONE, **options}
    report = clean(list(inputs), output, profile=profile, **options)  # type: ignore[arg-type]
    assert report is not None
    return report


def test_steps_change_and_drop_and_the_report_counts_it(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", ["they shout and shout", "short", "a plain document"])
    report = _clean(source, steps=("upper", "short"))
    assert rows_of(tmp_path / "out.jsonl") == [
        {"text": "they SHOUT and SHOUT", "number": 0},
        {"text": "a plain document", "number": 2},
    ]
    read, upper, short = report.steps
    assert (read.documents, upper.documents, upper.changed, upper.counts) == (3, 3, 1, {"words raised": 2})
    assert short.dropped == {"… characters, fewer than …": 1}
    assert short.kept == 2
    example = short.examples[0]
    assert (example.where, example.detail, example.excerpt) == (
        f"{source}:2",
        "5 characters, fewer than 10",
        "short",
    )
    assert (report.rows, report.kept, report.bytes_in, report.bytes_out) == (3, 2, 41, 36)
    assert not (tmp_path / "out.jsonl.cleaning").exists()


def test_a_text_that_no_step_changed_is_written_as_it_was(tmp_path: Path) -> None:
    text = "\n\n  Odd\t blanks \r\n and ends.  \n\n\nÄ 😀 \u0001\n"
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": text, "n": 1e400 - 1e400, "big": 2**80}))
    (tmp_path / "in.txt").write_text("\n\n  Odd blanks  \n\n\n\nand more\n \n")
    _clean(tmp_path / "in.jsonl", steps=("short",))
    _clean(tmp_path / "in.txt", steps=("short",), output="out.txt")
    row = rows_of(tmp_path / "out.jsonl")[0]
    assert row["text"] == text
    assert row["big"] == 2**80
    assert row["n"] != row["n"]
    assert (tmp_path / "out.txt").read_text() == (tmp_path / "in.txt").read_text()


def test_a_conversation_keeps_its_structure_and_its_other_keys(tmp_path: Path) -> None:
    row = {
        "id": 7,
        "messages": [
            {"role": "user", "content": "why shout", "name": "Ann"},
            {"role": "assistant", "content": "no secret here"},
        ],
        "tags": ["a", {"b": None}],
    }
    (tmp_path / "in.jsonl").write_text(json.dumps(row))
    _clean(tmp_path / "in.jsonl", steps=("upper", "mask"))
    row["messages"][0]["content"] = "why SHOUT"  # type: ignore[index]
    row["messages"][1]["content"] = "no <SECRET> here"  # type: ignore[index]
    assert rows_of(tmp_path / "out.jsonl") == [row]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "why"}, {"role": "assistant", "content": "void"}]},
        {"prompt": "why", "completion": "void"},
        {"text": "void"},
    ],
)
def test_a_row_of_which_a_step_leaves_nothing_is_dropped_with_a_reason(
    tmp_path: Path, row: dict[str, object]
) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps(row) + '\n{"prompt": "a", "completion": "b"}\n')
    report = _clean(tmp_path / "in.jsonl", steps=("empty",), rejected="rejected.jsonl")
    assert report.steps[1].dropped == {"nothing is left": 1}
    assert rows_of(tmp_path / "out.jsonl") == [{"prompt": "a", "completion": "b"}]
    aside = rows_of(tmp_path / "rejected.jsonl")[0]
    assert (aside["step"], aside["reason"], aside["where"], aside["row"]) == (
        "empty",
        "nothing is left",
        f"{tmp_path / 'in.jsonl'}:1",
        row,
    )


def test_rows_that_cannot_be_read_are_dropped_by_the_step_read_and_named(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(
        b'{"text": "good one"}\n[1, 2]\n{"text": \n{"a": 1, "a": 2}\n{"text": ""}\n{"other": 1}\n'
        b'{"text": "latin \xe9"}\n'
    )
    report = _clean(tmp_path / "in.jsonl", steps=("upper",), rejected="rejected.jsonl")
    read = report.steps[0]
    assert sum(read.dropped.values()) == 5
    assert read.kept == 2
    assert [each["where"].rpartition(":")[2] for each in rows_of(tmp_path / "rejected.jsonl")] == list(
        "23456"
    )
    assert rows_of(tmp_path / "out.jsonl")[1] == {"text": "latin é"}
    assert read.changed == 1
    assert len(read.counts) == 1


def test_examples_show_what_is_masked_only_masked(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", ["a secret shout, shout", "secret", "a secret shout"])
    report = _clean(source, steps=("upper", "short", "mask"))
    told = json.dumps([step.examples for step in report.steps], default=lambda sample: sample.excerpt)
    assert "<SECRET>" in told
    assert "secret" not in told


def test_a_source_that_loses_more_than_half_is_warned_about_by_name(tmp_path: Path) -> None:
    write_rows(tmp_path / "good.jsonl", ["a good document", "another good one"])
    write_rows(tmp_path / "bad.jsonl", ["tiny", "small", "a good document of its own"])
    report = _clean(tmp_path / "good.jsonl", tmp_path / "bad.jsonl", steps=("short",))
    assert len(report.warnings) == 1
    assert "bad.jsonl loses 67% of its rows" in report.warnings[0]
    assert "short" in report.warnings[0]


def test_zero_documents_kept_is_an_error_with_the_report_and_writes_nothing(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", ["tiny", "small"])
    with pytest.raises(NothingLeftError) as caught:
        _clean(source, steps=("short",))
    assert caught.value.report.steps[1].dropped == {"… characters, fewer than …": 2}
    assert "most of it was dropped by the step short" in str(caught.value)
    assert not list(tmp_path.glob("out*"))


def test_report_only_writes_nothing(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", ["a plain document", "tiny"])
    before = sorted(tmp_path.iterdir())
    report = clean(source, profile="repair", report_only=True, executor_options=ONE)
    assert report is not None
    assert report.kept == 2
    assert report.outputs == ()
    assert sorted(tmp_path.iterdir()) == before  # in site/ Python may keep what it compiled


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four files that make many tasks."""
    monkeypatch.setattr(tasks, "TASK_BYTES", 4096)
    folder = tmp_path / "many"
    folder.mkdir()
    for name in "abc":
        texts = [f"document {n % 40} of {name if n % 3 else 'all'} shout " * (n % 7 + 1) for n in range(300)]
        write_rows(folder / f"{name}.jsonl", texts)
    (folder / "d.txt").write_text("\n\n".join(f"Paragraph {n} of running text." * 9 for n in range(200)))
    return folder


def test_the_report_and_the_output_are_the_same_for_any_number_of_workers(tmp_path: Path, many: Path) -> None:
    steps = ("upper", "short", "exact_documents", "exact_paragraphs")
    found = []
    for workers in (1, 2, 3):
        options = {"executor_options": {"workers": workers}, "rejected": f"rejected-{workers}.jsonl"}
        report = _clean(many, steps=steps, output=f"out-{workers}.jsonl", **options)
        told = report.to_dict() | {"seconds": 0, "outputs": ()}
        out, rejected = (tmp_path / f"{name}-{workers}.jsonl" for name in ("out", "rejected"))
        found.append((told, out.read_bytes(), rejected.read_bytes()))
    assert found[0] == found[1] == found[2]
    assert found[0][0]["kept"] < 900
    assert len(rows_of(tmp_path / "out-1.jsonl")) < 900


def test_a_folder_becomes_a_folder_with_the_same_names(tmp_path: Path, many: Path) -> None:
    (many / "sub").mkdir()
    (many / "a.jsonl").rename(many / "sub" / "a.jsonl")
    _clean(many, steps=("upper",), output="out")
    found = sorted(str(path.relative_to("out")) for path in Path("out").rglob("*") if path.is_file())
    assert found == ["b.jsonl", "c.jsonl", "d.txt", "sub/a.jsonl"]
    assert Path("out/d.txt").read_text() == (many / "d.txt").read_text()


def test_running_text_in_one_file_is_joined_again_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "TASK_BYTES", 1 << 20)
    text = "".join(f"Line {n} of a long text.{chr(10) * (n % 4)}" for n in range(100_000))
    (tmp_path / "in.txt").write_text(text)
    report = _clean(tmp_path / "in.txt", steps=("upper",), output="out.txt", executor_options={"workers": 2})
    assert report.rows > 3
    assert (tmp_path / "out.txt").read_text() == text
    _clean(tmp_path / "in.txt", steps=("upper",), output="out.jsonl")
    assert rows_of(tmp_path / "out.jsonl") == [{"text": text}]


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst", ".json", ".csv"])
def test_other_formats_are_read_and_written(tmp_path: Path, ending: str) -> None:
    source = write_rows(tmp_path / "in.jsonl", ["they shout", "tiny", "a plain document"])
    _clean(source, steps=("upper",), output=f"one{ending}")
    _clean(tmp_path / f"one{ending}", steps=("short",), output="two.jsonl")
    assert [row["text"] for row in rows_of(tmp_path / "two.jsonl")] == ["they SHOUT", "a plain document"]


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"inputs": "missing.jsonl"}, DataError, "there is no such file"),
        ({"output": "in.jsonl", "overwrite": True}, DataError, "the output is also an input"),
        ({"output": "old.jsonl"}, DataError, "exists already"),
        ({"output": "no/such/out.jsonl"}, DataError, "cannot be made"),
        ({"output": None}, DataError, "no output is named"),
        ({"output": "out.txt"}, DataError, "rows cannot be written as running text"),
        ({"rejected": "old.jsonl"}, DataError, "exists already"),
        ({"profile": "dosc"}, ConfigError, 'did you mean "docs"'),
        ({"profile": "missing.yaml"}, ConfigError, "missing.yaml"),
        ({"executor": "process"}, PluginError, 'did you mean "processes"'),
        ({"executor_options": {"worker": 2}}, ConfigError, "unknown key"),
        ({"steps": ("uper",)}, PluginError, 'did you mean "upper"'),
        ({"steps": ("upper", "upper")}, ConfigError, "stands twice"),
        ({"steps": ({"name": "upper", "x": 1},)}, ConfigError, "takes no options"),
        ({"steps": ()}, ConfigError, "steps"),
        ({"steps": ("broken",)}, PluginError, "ZeroDivisionError"),
        ({"steps": ("nonsense",)}, PluginError, "it returned int"),
        ({"steps": ("whole",), "inputs": "chat.jsonl"}, PluginError, "a conversation as a whole"),
    ],
)
def test_a_mistake_is_named_before_anything_is_written(
    tmp_path: Path, change: dict[str, object], error: type[BrahmaError], says: str
) -> None:
    write_rows(tmp_path / "in.jsonl", ["a plain document"])
    write_rows(tmp_path / "old.jsonl", ["an old document"])
    chat = {"messages": [{"role": "user", "content": "why"}, {"role": "assistant", "content": "because"}]}
    (tmp_path / "chat.jsonl").write_text(json.dumps(chat))
    steps = change.pop("steps", ("upper",))
    profile = profile_of(tmp_path, *steps)  # type: ignore[misc]
    options = {
        "inputs": "in.jsonl",
        "output": "out.jsonl",
        "profile": profile,
        "executor_options": ONE,
        **change,
    }
    before = sorted(tmp_path.glob("*"))
    with pytest.raises(error, match=says.replace("(", r"\(")) as caught:
        clean(**options)  # type: ignore[arg-type]
    assert "hint:" in str(caught.value)
    assert sorted(tmp_path.glob("*")) == before


@pytest.mark.parametrize("output", ["data/out.jsonl", "data/clean"])
def test_an_output_within_the_input_folder_is_refused(tmp_path: Path, output: str) -> None:
    (tmp_path / "data").mkdir()
    write_rows(tmp_path / "data/in.jsonl", ["a plain document"])
    with pytest.raises(DataError, match="lies within the input folder"):
        clean("data", output, profile=profile_of(tmp_path, "upper"))
    assert [path.name for path in Path("data").iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize("rejected", ["out.jsonl", "./out.jsonl", "link.jsonl"])
def test_dropped_documents_never_replace_the_output(tmp_path: Path, rejected: str) -> None:
    write_rows(tmp_path / "in.jsonl", ["a plain document"])
    write_rows(tmp_path / "out.jsonl", ["an old document"])
    (tmp_path / "link.jsonl").symlink_to("out.jsonl")
    before = (tmp_path / "out.jsonl").read_bytes()
    with pytest.raises(DataError, match="would replace the output"):
        clean("in.jsonl", "out.jsonl", rejected=rejected, overwrite=True)
    assert (tmp_path / "out.jsonl").read_bytes() == before


def test_blanks_between_a_prompt_and_its_completion_stay(tmp_path: Path) -> None:
    row = {"prompt": "tide:  x \n ", "completion": " The rise. \n"}
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps(row))
    _clean(source, steps=("whitespace", "exact_documents"))
    assert rows_of(tmp_path / "out.jsonl") == [{"prompt": "tide:  x \n ", "completion": " The rise.\n"}]
