"""`brahma init` writes configurations that are checked, commented, and train as they are."""

from __future__ import annotations

import errno
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from brahma.core.config import load_config
from brahma.core.console import run_command
from brahma.core.errors import BrahmaError, DataError
from brahma.data import Dataset
from brahma.data.tokenizer import train_tokenizer
from brahma.train.init import DataSurvey, Machine, Wish, propose, survey_data
from brahma.train.init.command import init
from brahma.train.init.write import text_of
from brahma.train.room import Room
from tests.train.small_run import train, write_rows

LAPTOP = Machine("cpu", 2, Room(8e9, 8e9), "bf16", 2e11)


def chat(path: Path, count: int = 24) -> Path:
    turns = ((f"how many {n}?", f"{n} it is") for n in range(count))
    rows = [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
        for question, answer in turns
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def text(path: Path, paragraphs: int = 60, words: int = 30) -> Path:
    path.write_text(
        "\n\n".join(f"part {n} " + " ".join(f"word{n % 7}" for _ in range(words)) for n in range(paragraphs))
    )
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    chat(tmp_path / "chat.jsonl")
    write_rows(tmp_path / "pairs.jsonl", 30)
    text(tmp_path / "text.txt")
    return tmp_path


@pytest.fixture(autouse=True)
def _no_measuring(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is measured in the slow tests and in real processes only."""
    if "slow" not in request.keywords:
        monkeypatch.setattr("brahma.train.init.survey.survey_machine", lambda: LAPTOP)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(init, [*arguments, "--yes"])


def refused(*arguments: str) -> BrahmaError:
    error = run(*arguments).exception
    assert isinstance(error, BrahmaError), error
    assert "hint: " in str(error)
    return error


def survey(kind: Any = "text", **changes: Any) -> DataSurvey:
    values = {"rows": 1000, "bad_rows": 0, "num_bytes": 2_000_000, "longest": 4000} | changes
    return DataSurvey("data.jsonl", kind, **values)


@pytest.mark.parametrize("suffix", [".yaml", ".toml", ".json"])
@pytest.mark.parametrize(
    ("name", "kind"), [("text.txt", "pretrain"), ("chat.jsonl", "chat"), ("pairs.jsonl", "completion")]
)
def test_what_is_written_passes_the_check_and_is_commented(
    here: Path, name: str, kind: str, suffix: str
) -> None:
    result = run(name, "--output", f"my{suffix}")
    assert result.exception is None, result.exception
    assert result.stdout.strip() == f"my{suffix}"
    assert f"brahma train --config my{suffix}" in result.stderr
    config = load_config(here / f"my{suffix}").config
    assert config.data.train == str(here / name)
    assert config.training.warmup_steps > 0
    written = (here / f"my{suffix}").read_text()
    assert max(map(len, written.splitlines())) <= 80
    if suffix == ".json":
        assert "JSON has no comments" in result.stderr
    else:
        assert written.startswith(f"# {kind}: ")
        assert written.count("#") >= 8


def test_the_file_names_the_data_from_where_it_lies_itself(here: Path) -> None:
    (here / "settings").mkdir()
    run("chat.jsonl", "--output", "settings/chat.yaml")
    assert load_config(here / "settings" / "chat.yaml").config.data.train == str(here / "chat.jsonl")


def test_a_file_is_replaced_only_by_force(here: Path) -> None:
    (here / "my_config.yaml").write_text("mine")
    assert "exists" in str(refused("chat.jsonl"))
    assert (here / "my_config.yaml").read_text() == "mine"
    assert run("chat.jsonl", "--force").exception is None
    assert (here / "my_config.yaml").read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "DATA: no data is named"),
        (["nowhere.jsonl"], "nowhere.jsonl"),
        (["empty.jsonl"], "empty"),
        (["text.txt", "--goal", "chat"], "the goal chat needs"),
        (["chat.jsonl", "--goal", "pretrain"], "the goal pretrain needs plain text"),
        (["text.txt", "--goal", "finetune"], "--base-model: fine-tuning needs a model"),
        (["text.txt", "--preset", "huge"], "huge"),
        (["text.txt", "--preset", "nano", "--base-model", "x/y"], "a base model has its size already"),
        (["text.txt", "--base-model", "./nowhere"], "there is no such model"),
        (["text.txt", "--minutes", "nan"], "nan is no length of time"),
        (["text.txt", "--output", "my.ini"], "my.ini: a configuration ends in .json"),
        (["text.txt", "--output", "nowhere/my.yaml"], "there is no such folder"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(here: Path, arguments: list[str], said: str) -> None:
    (here / "empty.jsonl").touch()
    before = set(here.iterdir())
    assert said in str(refused(*arguments))
    assert set(here.iterdir()) == before


def test_nobody_there_is_as_good_as_yes(here: Path) -> None:
    assert CliRunner().invoke(init, ["chat.jsonl"], input="").exception is None


def test_bad_rows_are_counted_and_skipped(here: Path) -> None:
    with (here / "chat.jsonl").open("a") as file:
        file.write("no json\n")
    run("chat.jsonl")
    assert "1 are malformed" in (here / "my_config.yaml").read_text()
    assert load_config(here / "my_config.yaml").config.data.on_bad_row == "skip"


def test_long_paragraphs_of_one_text_become_documents_of_which_some_are_held_out(here: Path) -> None:
    text(here / "long.txt", words=200)
    long, short = survey_data(str(here / "long.txt")), survey_data(str(here / "text.txt"))
    assert (long.text_document, long.rows) == ("blank_line", 60)
    assert (short.text_document, short.rows) == ("file", 1)
    assert "data_config.validation" in keys(propose(long, LAPTOP, Wish("pretrain")))
    assert "data_config.validation" not in keys(propose(short, LAPTOP, Wish("pretrain")))


def keys(proposal: Any) -> dict[str, Any]:
    return {each.key: each.value for each in proposal.values}


def test_more_data_bears_a_larger_model_and_vocabulary() -> None:
    cluster = Machine("cuda", 16, Room(80e9, 80e9), "bf16", 1e17)
    sizes = [
        keys(propose(survey(num_bytes=count), cluster, Wish("pretrain"))) for count in (10**5, 10**8, 10**10)
    ]
    assert [each["model_config.preset"] for each in sizes] == ["nano", "micro", "tiny"]
    vocabularies = [each["tokenizer.train.vocab_size"] for each in sizes]
    assert vocabularies == sorted(vocabularies)
    assert sizes[0]["training_config.lr"] > sizes[2]["training_config.lr"]


def test_a_vocabulary_is_proposed_that_the_text_fills(here: Path) -> None:
    chat(here / "many.jsonl", 4000)
    for name in ("chat.jsonl", "many.jsonl"):
        data = survey_data(name)
        proposed = keys(propose(data, LAPTOP, Wish("chat")))["tokenizer.train.vocab_size"]
        rows = list(Dataset.from_file(name))
        del rows[::10]
        texts = [text for row in rows for text in row.texts()]
        assert len(train_tokenizer(texts, proposed)) == proposed
    rich = keys(propose(survey(num_bytes=20_000), LAPTOP, Wish("pretrain")))
    assert rich["tokenizer.train.vocab_size"] == 512


def test_a_small_memory_takes_smaller_batches_then_checkpointing_then_says_so() -> None:
    def on(free: float, preset: str) -> Any:
        machine = Machine("cpu", 2, Room(free, free), "bf16", 2e11)
        return propose(survey(num_bytes=10**8), machine, Wish("pretrain", preset=preset))

    roomy, tight, hopeless = on(64e9, "micro"), on(3e9, "micro"), on(3e9, "tiny")
    step = "training_config.batch_size", "training_config.gradient_accumulation_steps"
    wide, narrow = keys(roomy), keys(tight)
    assert narrow[step[0]] * narrow[step[1]] == wide[step[0]] > narrow[step[0]]
    assert not roomy.doubts
    assert not tight.doubts
    assert keys(hopeless)["training_config.gradient_checkpointing"] is True
    assert keys(hopeless)["training_config.async_save"] is False
    assert "take a smaller model" in hopeless.doubts[0]


def test_rows_that_may_be_longer_than_a_pack_never_stop_the_run() -> None:
    fits = keys(propose(survey("chat", longest=900), LAPTOP, Wish("chat")))
    assert fits["data_config.seq_length"] == 1024
    assert "data_config.on_long_row" not in fits
    assert (
        keys(propose(survey("chat", longest=90_000), LAPTOP, Wish("chat")))["data_config.on_long_row"]
        == "split"
    )


def test_minutes_stand_for_epochs() -> None:
    values = keys(propose(survey(), LAPTOP, Wish("pretrain", minutes=5)))
    assert values["training_config.max_minutes"] == 5
    assert "training_config.epochs" not in values


def test_a_short_training_has_small_batches_and_many_steps() -> None:
    slow = Machine("cpu", 2, Room(24e9, 24e9), "bf16", 4e11)
    book = survey(rows=1, num_bytes=1_100_000)
    short, long = (keys(propose(book, slow, Wish("pretrain", minutes=time))) for time in (1.5, 60))
    assert short["training_config.batch_size"] == 2
    assert short["training_config.batch_size"] < long["training_config.batch_size"]


def test_one_document_is_said_to_leave_none_to_hold_out() -> None:
    (train,) = (
        each
        for each in propose(survey(rows=1), LAPTOP, Wish("pretrain")).values
        if each.key == "data_config.train"
    )
    assert train.why == "1 document, 2 MB: none to hold out"


def test_few_tokens_are_doubted_and_a_base_model_is_named() -> None:
    proposal = propose(survey(num_bytes=3000), LAPTOP, Wish("pretrain"))
    assert "--base-model" in proposal.doubts[0]


def base(folder: Path, **shape: int) -> str:
    """A model's folder as far as a proposal reads it."""
    from transformers import LlamaConfig

    LlamaConfig(**shape).save_pretrained(folder)  # type: ignore[arg-type]
    return str(folder)


ONE_BILLION = {
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_hidden_layers": 22,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "vocab_size": 32000,
}
SMALL = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4}


@pytest.mark.parametrize(
    ("shape", "free", "title", "lora", "bits", "lr"),
    [
        (SMALL, 8e9, "every weight of a base model", None, None, 1e-4),
        (ONE_BILLION, 80e9, "every weight of a base model", None, None, 1e-5),
        (ONE_BILLION, 16e9, "adapters learn on a frozen base model", 16, None, 2e-4),
        (ONE_BILLION, 2.9e9, "adapters learn on a frozen base model in 4 bits", 16, 4, 2e-4),
    ],
)
def test_a_base_model_gets_adapters_and_bits_as_the_memory_needs_them(
    here: Path,
    shape: dict[str, int],
    free: float,
    title: str,
    lora: int | None,
    bits: int | None,
    lr: float,
) -> None:
    machine = Machine("cuda", 8, Room(free, free), "bf16", 1e14)
    proposal = propose(survey("chat"), machine, Wish("chat", base_model=base(Path("base"), **shape)))
    values = keys(proposal)
    assert proposal.title.endswith(title) or title in proposal.title
    assert values.get("lora_config.r") == lora
    assert values.get("quantization.bits") == bits
    assert values["training_config.lr"] == lr
    assert proposal.memory.total <= free
    assert not any("take a smaller model" in doubt for doubt in proposal.doubts)
    file = here / "my.yaml"
    file.write_text(text_of(proposal, ".yaml"))
    config = load_config(file).config
    assert (config.lora is None) == (lora is None)
    assert (config.quantization is None) == (bits is None)
    assert max(map(len, file.read_text().splitlines())) <= 80


def test_a_base_model_that_fits_in_no_way_is_doubted(tmp_path: Path) -> None:
    machine = Machine("cuda", 8, Room(1e9, 1e9), "bf16", 1e14)
    wish = Wish("chat", base_model=base(tmp_path / "base", **ONE_BILLION))
    proposal = propose(survey("chat"), machine, wish)
    assert keys(proposal)["quantization.bits"] == 4
    assert "take a smaller model" in proposal.doubts[0]


def test_a_new_model_never_gets_adapters() -> None:
    for free in (1e9, 8e9, 80e9):
        machine = Machine("cuda", 8, Room(free, free), "bf16", 1e14)
        assert "lora_config.r" not in keys(propose(survey(), machine, Wish("pretrain", preset="tiny")))


def test_a_long_comment_stands_above_its_line() -> None:
    proposal = propose(survey(), LAPTOP, Wish("pretrain"))
    values = tuple(
        type(each)(each.key, "a/" * 30 + "b.txt", each.why) if each.key == "data_config.train" else each
        for each in proposal.values
    )
    lines = text_of(type(proposal)(**{**vars(proposal), "values": values}), ".yaml").splitlines()
    at = next(n for n, line in enumerate(lines) if "  train: " in line)
    assert lines[at - 1].lstrip().startswith("# 1,000 documents")


def test_the_wrong_kind_of_rows_is_refused() -> None:
    with pytest.raises(DataError, match="needs"):
        propose(survey("chat"), LAPTOP, Wish("completion"))


PROGRAM = """
import sys
from brahma.core.console import run_command
from brahma.train.init.command import init
from brahma.train.init.write import text_of

sys.exit(run_command(init, program="brahma init"))
"""


def answered(folder: Path, answers: str, *arguments: str) -> tuple[int, str]:
    """Run the command at a pseudo-terminal and type the answers."""
    main, end = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdin=end,
        stdout=end,
        stderr=end,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    os.close(end)
    os.write(main, answers.encode())
    seen = b""
    try:
        while chunk := os.read(main, 4096):
            seen += chunk
    except OSError as error:
        if error.errno != errno.EIO:  # the other end is closed
            raise
    os.close(main)
    return child.wait(), seen.decode()


@pytest.mark.slow
def test_a_terminal_is_asked_and_enter_takes_the_defaults(here: Path) -> None:
    status, seen = answered(here, "nowhere.jsonl\nchat.jsonl\n\n./nowhere\n\n\n\n")
    assert status == 0, seen
    for question in ("Data", "Goal", "Base model", "Size", "Minutes of training"):
        assert f"{question}" in seen
    assert "nowhere.jsonl" in seen
    assert "there is no such model" in seen
    assert load_config(here / "my_config.yaml").config.model.preset == "nano"


@pytest.mark.slow
def test_no_to_replacing_leaves_the_file(here: Path) -> None:
    (here / "my_config.yaml").write_text("mine")
    status, seen = answered(here, "n\n", "chat.jsonl")
    assert status == 130
    assert "Replace it?" in seen
    assert (here / "my_config.yaml").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize("goal", ["pretrain", "finetune", "chat", "completion"])
def test_what_is_written_trains_as_it_is(here: Path, goal: str) -> None:
    from brahma.train import Trainer

    name = {
        "pretrain": "text.txt",
        "finetune": "text.txt",
        "chat": "chat.jsonl",
        "completion": "pairs.jsonl",
    }[goal]
    base = ["--base-model", "run"] if goal == "finetune" else []
    if base:
        train(here, data=here / "pairs.jsonl")
    assert run_command(init, program="brahma init", args=[name, "--goal", goal, "--yes", *base]) == 0
    run = Trainer.from_config(here / "my_config.yaml").fit()
    state = run.state
    assert state is not None
    assert state.status == "finished"
    losses = [row["train/loss"] for row in run.metrics() if row.get("train/loss") is not None]
    assert losses[-1] < losses[0]
