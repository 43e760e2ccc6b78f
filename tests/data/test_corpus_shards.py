import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from brahma.core.errors import DataError, RowError
from brahma.data.commands.tokenize import tokenize
from brahma.data.corpus_shards import write_shards
from brahma.data.dataset import Dataset
from brahma.data.encode import Encoder
from brahma.data.prepare import prepare
from brahma.data.shards import Shard
from brahma.data.statistics import stats
from brahma.data.tokenizer import save_tokenizer
from tests.data.small_tokenizers import small_tokenizer

TEXTS = ["the quick brown fox", "hello </s> there", "你好 🙂"]


def corpus(folder: Path) -> list[Path]:
    lines = [json.dumps({"text": text}) + "\n" for text in TEXTS]
    (folder / "a b.jsonl").write_text("".join(lines))
    (folder / "c.jsonl").write_text(lines[0])
    return [folder / "a b.jsonl", folder / "c.jsonl"]


def test_each_source_gets_a_shard_and_the_manifest_says_what_is_in_it(tmp_path: Path) -> None:
    shards = write_shards(
        Dataset.from_files(corpus(tmp_path)), tokenizer=small_tokenizer(), output=tmp_path / "out"
    )
    saved = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert saved == shards.manifest
    assert [source["folder"] for source in shards.sources] == ["000-a_b", "001-c"]
    assert (shards.total("documents"), shards.total("spelt")) == (4, 1)
    shard = Shard(tmp_path / "out" / "000-a_b")
    assert len(shard.tokens) == shards.sources[0]["tokens"]
    ids = shard.tokens[int(shard.starts[1]) :][: int(shard.lengths[1])]
    assert small_tokenizer().decode(ids.tolist()) == f"<s>{TEXTS[1]}</s>"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b.jsonl", "c.jsonl", "out"]


def test_a_tokenizer_is_given_by_itself_or_by_its_folder(tmp_path: Path) -> None:
    small_tokenizer().save_pretrained(str(tmp_path / "tokenizer"))
    (tmp_path / "a.txt").write_text("The lamp is lit at dusk.")
    dataset = Dataset.from_file(tmp_path / "a.txt")
    folder = tmp_path / "tokenizer"
    tokens = {
        write_shards(dataset, tokenizer=small_tokenizer(), output=tmp_path / "1").total("tokens"),
        write_shards(dataset, tokenizer=folder, output=tmp_path / "2").total("tokens"),
        write_shards(dataset, tokenizer=str(folder), output=tmp_path / "3").total("tokens"),
    }
    assert len(tokens) == 1
    assert (
        stats(tmp_path / "a.txt", tokenizer=folder).total.tokens
        == stats(tmp_path / "a.txt", tokenizer=small_tokenizer()).total.tokens
    )


def test_they_are_the_shards_that_a_training_makes(tmp_path: Path) -> None:
    dataset = Dataset.from_files(corpus(tmp_path))
    write_shards(dataset, tokenizer=small_tokenizer(), output=tmp_path / "out")
    prepared = prepare(dataset, tokenizer=small_tokenizer(), seq_length=32, directory=tmp_path / "cache")
    for entry, folder in zip(prepared.entries, ("000-a_b", "001-c"), strict=True):
        for file in entry.iterdir():
            assert (tmp_path / "out" / folder / file.name).read_bytes() == file.read_bytes()


def test_what_stands_in_its_place_stays(tmp_path: Path) -> None:
    dataset = Dataset.from_files(corpus(tmp_path))
    with pytest.raises(DataError, match="the file exists already"):
        write_shards(dataset, tokenizer=small_tokenizer(), output=tmp_path / "c.jsonl")
    with pytest.raises(DataError, match="the folder exists already"):
        write_shards(dataset, tokenizer=small_tokenizer(), output=tmp_path)
    (tmp_path / "empty").mkdir()
    write_shards(dataset, tokenizer=small_tokenizer(), output=tmp_path / "empty")
    assert (tmp_path / "empty" / "manifest.json").is_file()


def test_stopped_in_the_middle_it_goes_on_with_what_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset.from_files(corpus(tmp_path))
    encode, encoded = Encoder.encode, list[str]()

    def until_the_second_source(self: Encoder, row: object) -> object:
        encoded.append(row.where)  # type: ignore[attr-defined]
        if "c.jsonl" in encoded[-1] and len(encoded) < 5:
            raise KeyboardInterrupt
        return encode(self, row)  # type: ignore[arg-type]

    monkeypatch.setattr(Encoder, "encode", until_the_second_source)
    with pytest.raises(KeyboardInterrupt):
        write_shards(dataset, tokenizer=small_tokenizer(), output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    write_shards(dataset, tokenizer=small_tokenizer(), output=tmp_path / "out")
    assert [Path(where.rsplit(":")[0]).name for where in encoded] == ["a b.jsonl"] * 3 + ["c.jsonl"] * 2
    assert not (tmp_path / "out.tokenising").exists()


@pytest.mark.parametrize("bad", [0, 1])
def test_a_bad_row_leaves_no_folder_but_that_of_what_is_done(tmp_path: Path, bad: int) -> None:
    files = corpus(tmp_path)
    line = (4, 2)[bad]
    with files[bad].open("a") as file:
        file.write("{not json\n")
    with pytest.raises(RowError) as caught:
        write_shards(Dataset.from_files(files), tokenizer=small_tokenizer(), output=tmp_path / "out")
    assert caught.value.where == f"{files[bad]}:{line}"
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "out.tokenising").exists() == (bad == 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    files = corpus(tmp_path)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(DataError, match="cannot be written"):
        write_shards(Dataset.from_files(files), tokenizer=small_tokenizer(), output=locked / "out")


def test_the_command_says_what_it_made(tmp_path: Path) -> None:
    save_tokenizer(small_tokenizer(), tmp_path / "tokenizer")
    paths = [str(path) for path in corpus(tmp_path)]
    options = ["--tokenizer", str(tmp_path / "tokenizer"), "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(tokenize, [*paths, *options], catch_exceptions=False)
    assert "rows        4 read, 4 tokenised, 0 skipped" in result.output
    assert "as text     1 special tokens" in result.output
    assert "001-c" in result.output
    with pytest.raises(DataError, match="exists already"):
        CliRunner().invoke(tokenize, [*paths, *options], catch_exceptions=False)


@pytest.mark.skipif(importlib.util.find_spec("megatron") is None, reason="megatron-core is not installed")
@pytest.mark.slow
def test_the_reader_of_megatron_opens_them(tmp_path: Path) -> None:
    """In a process of its own: importing megatron-core changes settings of torch."""
    write_shards(Dataset.from_files(corpus(tmp_path)), tokenizer=small_tokenizer(), output=tmp_path / "out")
    code = """
import json, sys
from megatron.core.datasets.indexed_dataset import IndexedDataset
read = IndexedDataset(sys.argv[1], mmap=True)
print(json.dumps([read[number].tolist() for number in range(len(read))]))
print(json.dumps([str(read.index.dtype.__name__), read.document_indices.tolist()]))
"""
    prefix = str(tmp_path / "out" / "000-a_b" / "tokens")
    done = subprocess.run(
        [sys.executable, "-c", code, prefix], capture_output=True, text=True, env={**os.environ}, check=False
    )
    assert done.returncode == 0, done.stderr
    documents, (dtype, borders) = [json.loads(line) for line in done.stdout.splitlines()[-2:]]
    assert [small_tokenizer().decode(ids) for ids in documents] == [f"<s>{text}</s>" for text in TEXTS]
    assert (dtype, borders) == ("uint16", [0, 1, 2, 3])
