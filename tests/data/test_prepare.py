import gzip
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from brahma.core.errors import DataError, RowError
from brahma.core.pace import Outcome, Work
from brahma.core.progress import PlainScreen, showing
from brahma.data import _tokenise, _work, _workers
from brahma.data.batches import IGNORE_INDEX
from brahma.data.cache import DamagedDataError
from brahma.data.dataset import Dataset
from brahma.data.encode import Encoder
from brahma.data.prepare import PreparedData, prepare
from brahma.data.rows import Row
from brahma.data.shards import Shard
from brahma.data.split import split_documents
from brahma.data.tokenizer import train_tokenizer
from tests.data.small_tokenizers import sentencepiece_like

WORDS = ("the", "a", "river", "stone", "bird", "light", "of", "under", "sings", "falls", "quietly", "evening")


def sentence(seed: int, words: int = 8) -> str:
    chooser = random.Random(seed)
    return " ".join(chooser.choice(WORDS) for _ in range(words))


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer((sentence(seed) for seed in range(100)), vocab_size=320)


def write_rows(path: Path, rows: list[Any]) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("".join(line + "\n" for line in lines))
    return path


def texts(path: Path, count: int, words: int = 8) -> Path:
    return write_rows(path, [{"text": sentence(seed, words)} for seed in range(count)])


def pairs(path: Path, count: int) -> Path:
    return write_rows(
        path, [{"prompt": sentence(seed), "completion": " " + sentence(-seed, 4)} for seed in range(count)]
    )


def ready(
    path: Path | list[Path] | Dataset, tokenizer: PreTrainedTokenizerFast, cache: Path, **options: Any
) -> PreparedData:
    bad_rows = options.pop("on_bad_row", "error")
    data = path if isinstance(path, Dataset) else Dataset.from_files(path, on_bad_row=bad_rows)
    return prepare(data, tokenizer=tokenizer, directory=cache, **({"seq_length": 32, "workers": 1} | options))


def test_text_becomes_packs_that_spell_it(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    prepared = ready(texts(tmp_path / "a.jsonl", 5), tokenizer, tmp_path / "cache")
    batch = prepared.train.batch(range(len(prepared.train)))
    targets = batch.labels[batch.labels != IGNORE_INDEX]
    spelt = str(tokenizer.decode(targets, skip_special_tokens=True))
    assert spelt == "".join(sentence(seed) for seed in range(5))
    assert prepared.train.num_bytes == len(spelt.encode())
    assert (targets == tokenizer.eos_token_id).sum() == 5
    assert prepared.validation is None


def test_of_a_completion_the_answer_alone_is_trained(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    prepared = ready(pairs(tmp_path / "a.jsonl", 3), tokenizer, tmp_path / "cache", seq_length=128)
    batch = prepared.train.batch(range(len(prepared.train)))
    trained = str(tokenizer.decode(batch.labels[batch.labels != IGNORE_INDEX]))
    answers = [" " + sentence(-seed, 4) + "</s>" for seed in range(3)]
    assert sorted(trained.replace("</s>", "</s>\n").splitlines()) == sorted(answers)


def test_the_ledger_adds_up_over_files_with_planted_bad_rows(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    rows: list[Any] = [{"text": sentence(seed, 5 + seed)} for seed in range(20)]
    rows[3], rows[11] = "{not json", {"text": 5}
    write_rows(tmp_path / "a.jsonl", rows)
    texts(tmp_path / "b.jsonl", 10)
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    prepared = ready(paths, tokenizer, tmp_path / "cache", on_bad_row="skip", validation=0.2, seed=7)
    ledger = prepared.ledger
    ledger.check()
    assert (ledger.rows, ledger.accepted, ledger.skipped) == (30, 28, 2)
    assert [row.line for row in ledger.files[0].skipped] == [4, 12]
    assert ledger.validation_tokens.documents == 6
    assert ledger.tokens.special == 2 * 28
    assert ledger.train_tokens.trained == int(prepared.train.supervised.sum())
    assert prepared.validation is not None
    assert ledger.validation_tokens.trained == int(prepared.validation.supervised.sum())


@pytest.mark.parametrize("policy", ["cut_prompt", "split", "drop"])
def test_the_ledger_adds_up_with_long_rows(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, policy: str
) -> None:
    rows = [{"prompt": sentence(seed, 5 * seed), "completion": " yes"} for seed in range(1, 12)]
    prepared = ready(
        write_rows(tmp_path / "a.jsonl", rows), tokenizer, tmp_path / "cache", on_long_row=policy
    )
    prepared.ledger.check()
    lost = prepared.ledger.train_tokens.truncated + prepared.ledger.train_tokens.dropped
    assert lost > 0


def test_a_bad_row_stops_everything_and_is_named(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    rows: list[Any] = [{"text": sentence(seed)} for seed in range(4)]
    path = write_rows(tmp_path / "a.jsonl", [*rows, "{not json"])
    with pytest.raises(RowError) as caught:
        ready(path, tokenizer, tmp_path / "cache")
    assert caught.value.where == f"{path}:5"
    assert list((tmp_path / "cache" / "tokenised").iterdir()) == []


def test_a_row_that_trains_on_nothing_is_named_or_skipped(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = Encoder.encode

    def refuse_the_second(self: Encoder, row: Row) -> Any:
        if row.line == 2:
            raise RowError("the row has no supervised token", where=row.where, hint="take it out")
        return encode(self, row)

    monkeypatch.setattr(Encoder, "encode", refuse_the_second)
    path = texts(tmp_path / "a.jsonl", 3)
    with pytest.raises(RowError, match="no supervised token") as caught:
        ready(path, tokenizer, tmp_path / "cache")
    assert caught.value.where == f"{path}:2"
    prepared = ready(path, tokenizer, tmp_path / "cache", on_bad_row="skip")
    assert prepared.ledger.files[0].reasons == {"the row has no supervised token": 1}


def test_a_second_preparation_reads_nothing(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = texts(tmp_path / "a.jsonl", 5)
    first = ready(path, tokenizer, tmp_path / "cache")
    data = Dataset.from_file(path)
    monkeypatch.setattr(Dataset, "scan", lambda *_: pytest.fail("read again"))
    monkeypatch.setattr("brahma.data.stamps.content_hash", lambda _: pytest.fail("hashed again"))
    second = ready(data, tokenizer, tmp_path / "cache")
    assert second.fingerprint == first.fingerprint
    assert second.ledger == first.ledger


def test_another_tokenizer_template_or_option_makes_another_entry(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    path = texts(tmp_path / "a.jsonl", 5)
    other = train_tokenizer((sentence(seed) for seed in range(50)), vocab_size=300)
    prepared = [
        ready(path, tokenizer, tmp_path / "cache"),
        ready(path, other, tmp_path / "cache"),
        ready(path, tokenizer, tmp_path / "cache", on_bad_row="skip"),
    ]
    assert len({data.entries[0] for data in prepared}) == 3


def test_a_damaged_entry_is_built_again(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    path = texts(tmp_path / "a.jsonl", 5)
    first = ready(path, tokenizer, tmp_path / "cache")
    tokens = first.entries[0] / "tokens.bin"
    good = tokens.read_bytes()
    tokens.write_bytes(good[:-2])
    ready(path, tokenizer, tmp_path / "cache")
    assert tokens.read_bytes() == good


def test_what_a_run_pinned_opens_again(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    path = texts(tmp_path / "a.jsonl", 12)
    prepared = ready(path, tokenizer, tmp_path / "cache", validation=0.25)
    again = PreparedData.open(json.loads(json.dumps(prepared.to_dict())))
    assert again.fingerprint == prepared.fingerprint
    assert again.ledger == prepared.ledger
    assert again.validation is not None
    assert np.array_equal(again.train.segments, prepared.train.segments)
    os.utime(path, (1, 1))
    PreparedData.open(prepared.to_dict())


def test_what_was_prepared_in_a_relative_folder_opens_from_anywhere(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pinned = ready(texts(Path("a.jsonl"), 5), tokenizer, Path("cache")).to_dict()
    monkeypatch.chdir("/")
    assert len(PreparedData.open(pinned).train) > 0


def test_a_source_that_changed_since_is_refused_by_name(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    path = texts(tmp_path / "a.jsonl", 12)
    pinned = ready(path, tokenizer, tmp_path / "cache").to_dict()
    texts(path, 13)
    with pytest.raises(DataError, match="has changed") as caught:
        PreparedData.open(pinned)
    assert caught.value.where == str(path)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    with pytest.raises(DataError, match="cannot be written") as caught:
        ready(texts(tmp_path / "a.jsonl", 5), tokenizer, tmp_path / "cache")
    assert "output_dir" in str(caught.value.hint)


def test_an_entry_that_is_gone_is_named(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    prepared = ready(texts(tmp_path / "a.jsonl", 5), tokenizer, tmp_path / "cache")
    (prepared.entries[0] / "tokens.idx").unlink()
    with pytest.raises(DamagedDataError):
        PreparedData.open(prepared.to_dict())


def test_a_file_that_is_written_to_meanwhile_is_refused(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = texts(tmp_path / "a.jsonl", 5)
    scan = Dataset.scan

    def append(self: Dataset, source: Path | None = None) -> Any:
        yield from scan(self, source)
        with path.open("a") as file:
            file.write('{"text": "more"}\n')

    monkeypatch.setattr(Dataset, "scan", append)
    with pytest.raises(DataError, match="changed while it was read"):
        ready(path, tokenizer, tmp_path / "cache")
    assert list((tmp_path / "cache" / "tokenised").iterdir()) == []


def test_rows_in_memory_are_prepared_and_cached_by_content(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    rows = [{"text": sentence(seed)} for seed in range(4)]
    one = ready(Dataset.from_rows(rows), tokenizer, tmp_path / "cache")
    two = ready(Dataset.from_rows(rows), tokenizer, tmp_path / "cache")
    other = ready(Dataset.from_rows(rows[:3]), tokenizer, tmp_path / "cache")
    assert one.fingerprint == two.fingerprint != other.fingerprint
    assert one.sources == ()
    assert one.train.rows(0)[0].line == 1


def test_validation_can_be_a_data_set_of_its_own(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    held = Dataset.from_file(texts(tmp_path / "held.jsonl", 3, words=20))
    prepared = ready(texts(tmp_path / "a.jsonl", 5), tokenizer, tmp_path / "cache", validation=held)
    assert [(file.train.documents, file.validation.documents) for file in prepared.ledger.files] == [
        (5, 0),
        (0, 3),
    ]
    assert len(prepared.sources) == len(prepared.entries) == 2


def test_progress_is_told_and_reaches_its_end(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    path = texts(tmp_path / "a.jsonl", 50)
    told: list[tuple[str, int, int | None]] = []

    class Remembering(PlainScreen):
        def task_ends(self, work: Work, outcome: Outcome) -> None:
            told.append((work.label, work.done, work.total))

    with showing(Remembering(StringIO())):
        ready(path, tokenizer, tmp_path / "cache")
    size = path.stat().st_size
    assert told == [
        ("hashing a.jsonl", size, size),
        ("checking the files", 1, 1),
        ("tokenising", size, size),
        ("packing", 0, None),
    ]


def test_a_split_has_both_sides_and_depends_on_the_seed_alone() -> None:
    train, held = split_documents([3, 0, 97], 0.1, seed=1)
    assert sum(len(part) for part in held) == 10
    for both in zip(train, held, [3, 0, 97], strict=True):
        assert sorted([*both[0].tolist(), *both[1].tolist()]) == list(range(both[2]))
    again = split_documents([3, 0, 97], 0.1, seed=1)[1]
    assert all(np.array_equal(a, b) for a, b in zip(held, again, strict=True))
    other = split_documents([3, 0, 97], 0.1, seed=2)[1]
    assert not all(np.array_equal(a, b) for a, b in zip(held, other, strict=True))
    for fraction in (1e-9, 1 - 1e-9):
        train, held = split_documents([2], fraction, seed=1)
        assert len(train[0]) == len(held[0]) == 1


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 5])
def test_a_fraction_lies_between_0_and_1(fraction: float) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        split_documents([10], fraction, seed=1)


def test_one_document_cannot_be_split(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    path = tmp_path / "book.txt"
    path.write_text(sentence(1, 200))
    with pytest.raises(DataError, match="at least 2 documents") as caught:
        ready(path, tokenizer, tmp_path / "cache", validation=0.1)
    assert "text_document" in str(caught.value)


@pytest.fixture
def pooled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start processes even for little data, with little work at once, and tiktoken."""
    monkeypatch.setattr(_tokenise, "_SMALL", 0)
    monkeypatch.setattr(_tokenise, "_WORTH_HASTENING", 0)
    monkeypatch.setattr(_work, "_BATCH_ROWS", 7)
    monkeypatch.setattr(_work, "_SECTION", 500)


@pytest.mark.usefixtures("pooled")
def test_any_number_of_workers_writes_the_same_bytes(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    rows: list[Any] = [{"prompt": sentence(seed), "completion": sentence(seed, 3)} for seed in range(100)]
    rows[50] = "{not json"
    path = write_rows(tmp_path / "a.jsonl", rows)
    made = {}
    for workers in (1, 2, 3):
        options = {"workers": workers, "on_bad_row": "skip", "seq_length": 128}
        prepared = ready(path, tokenizer, tmp_path / str(workers), **options)
        files = sorted(prepared.entries[0].iterdir())
        made[workers] = {file.name: file.read_bytes() for file in files}
    assert made[1] == made[2] == made[3]
    assert {"tokens.bin", "tokens.idx", "tokens.mask.bin", "documents.npy"} <= set(made[1])


@pytest.mark.usefixtures("pooled")
def test_a_bad_row_is_named_through_workers(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    rows: list[Any] = [{"text": sentence(seed)} for seed in range(30)]
    path = write_rows(tmp_path / "a.jsonl", [*rows, {"text": 7}, *rows])
    with pytest.raises(RowError) as caught:
        ready(path, tokenizer, tmp_path / "cache", workers=2)
    assert caught.value.where == f"{path}:31"
    assert list((tmp_path / "cache" / "tokenised").iterdir()) == []


def test_preparing_imports_no_heavy_library_before_it_starts() -> None:
    code = (
        "import sys, brahma.data.prepare; print({'torch', 'transformers', 'tokenizers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


class DyingEncoder:
    """Kills its process at the row that says so."""

    def encode(self, row: Row) -> Any:
        if row.text == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError(f"no encoder at all: {row.text}")


def a_row(text: str) -> Row:
    return Row("text", Path("a.jsonl"), 1, 0, text=text)


def dying_workers() -> _workers.Workers:
    encoder: Any = DyingEncoder()
    tokeniser = _work.Tokeniser(encoder, Dataset.from_rows(["a"]), np.dtype("<u2"))
    return _workers.Workers(tokeniser, 1)


def test_a_worker_that_dies_is_a_clear_error() -> None:
    with dying_workers() as workers, pytest.raises(DataError, match="died") as caught:
        list(workers.tokenise([_work.RowBatch([a_row("die")])]))
    assert "SIGKILL" in str(caught.value)
    assert "a.jsonl, lines 1 to 1" in str(caught.value)
    assert "data_config.workers" in str(caught.value.hint)


def test_a_bug_in_a_worker_comes_back_with_its_traceback() -> None:
    story = r"in encode[\s\S]*no encoder at all: hello"
    with dying_workers() as workers, pytest.raises(RuntimeError, match=story):
        list(workers.tokenise([_work.RowBatch([a_row("hello")])]))


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".txt"])
@pytest.mark.usefixtures("pooled")
def test_work_in_sections_gives_the_rows_of_the_whole_file(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blank lines, CRLF, a byte-order mark and lines longer than a section included."""
    lines = [sentence(seed, 3 + seed % 200) + " é🙂" for seed in range(80)]
    if ending.startswith(".jsonl"):
        lines = [json.dumps({"text": line}, ensure_ascii=False) for line in lines]
    content = "\ufeff" + "".join(line + ("\r\n\n", "\n")[number % 2] for number, line in enumerate(lines))
    path = tmp_path / f"a{ending}"
    path.write_bytes(gzip.compress(content.encode()) if ending.endswith("gz") else content.encode())
    dataset = Dataset.from_file(path, text_document="line")
    made = {}
    for section in (200, 500, 10_000_000):
        monkeypatch.setattr(_work, "_SECTION", section)
        prepared = ready(dataset, tokenizer, tmp_path / str(section), workers=1, seq_length=512)
        made[section] = {file.name: file.read_bytes() for file in prepared.entries[0].iterdir()}
    assert made[200] == made[500] == made[10_000_000]
    shard = Shard(prepared.entries[0])
    assert shard.documents["row"].tolist() == list(range(80))
    assert shard.documents["line"].tolist() == [row.line for row in dataset]
    assert shard.documents["offset"].tolist() == [row.offset for row in dataset]


def test_a_large_file_of_blank_lines_is_no_data(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_work, "_SECTION", 10)
    (tmp_path / "a.jsonl").write_text("\n" * 100)
    texts(tmp_path / "b.jsonl", 3)
    with pytest.raises(DataError, match="holds no rows"):
        ready([tmp_path / "b.jsonl", tmp_path / "a.jsonl"], tokenizer, tmp_path / "cache")


def test_special_tokens_that_a_corpus_spells_out_are_text_and_counted(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"text": sentence(seed)} for seed in range(5)]
    rows[1], rows[3] = {"text": "a </s> b <s>"}, {"text": "<|user|>"}
    path = write_rows(tmp_path / "a.jsonl", rows)
    for _ in range(2):  # built, and found in the cache
        caplog.clear()
        prepared = ready(path, tokenizer, tmp_path / "cache")
        assert f"spells out special tokens 3 times; they are read as text: {path}:2, {path}:4" in caplog.text
    assert prepared.ledger.tokens.special == 2 * 5
    (file,) = prepared.ledger.files
    assert (file.spelt, file.spelt_lines) == (3, (2, 4))
    assert PreparedData.open(json.loads(json.dumps(prepared.to_dict()))).ledger == prepared.ledger


@pytest.mark.usefixtures("pooled")
def test_the_log_says_what_tokenises_and_why(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    ready(texts(tmp_path / "a.jsonl", 5), tokenizer, tmp_path / "one")
    assert "tiktoken tokenises" in caplog.text
    ready(texts(tmp_path / "a.jsonl", 5), sentencepiece_like(), tmp_path / "two", seq_length=64)
    assert "tokenizers tokenises, which is slower than tiktoken would be: its pre-tokenizer is Metaspace" in (
        caplog.text
    )


def test_a_script_without_a_main_guard_prepares_in_parallel_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import random
            from pathlib import Path
            from brahma.data import _tokenise
            from brahma.data.dataset import Dataset
            from brahma.data.prepare import prepare
            from brahma.data.tokenizer import train_tokenizer

            print("started", flush=True)
            _tokenise._SMALL = 0
            def rows():
                for number in range(10**9):
                    if number == 5000:
                        print("busy", flush=True)
                    yield {"text": f"row {number} of many"}
            class Endless(Dataset):
                def scan(self, source=None):
                    for row in rows():
                        yield from Dataset.from_rows([row]).scan()
            Path("a.jsonl").write_text('{"text": "one"}')
            tokenizer = train_tokenizer(["row of many"], 300)
            data = Endless([Path("a.jsonl")])
            prepare(data, tokenizer=tokenizer, seq_length=8, directory=Path("cache"), workers=2)
            """
        )
    )
    process = subprocess.Popen(
        [sys.executable, str(script)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert [process.stdout.readline().strip() for _ in range(2)] == ["started", "busy"]
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert output == ""  # no child ran the script again
    assert errors.strip().endswith("KeyboardInterrupt")
    assert list((tmp_path / "cache" / "tokenised").iterdir()) == []
    deadline = time.monotonic() + 10
    while _children_of(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _children_of(process.pid)


def _children_of(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found
