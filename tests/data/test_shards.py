import struct
from pathlib import Path

import numpy as np
import pytest

from brahma.data.cache import DamagedDataError
from brahma.data.shards import Shard, token_dtype
from tests.data.shard_factory import numbered, write_shard


def test_uint16_holds_ids_below_65536_and_int32_the_others() -> None:
    assert token_dtype(65_535) == np.uint16
    assert token_dtype(65_536) == np.int32


@pytest.mark.parametrize(("vocab_size", "code", "width"), [(1000, 8, 2), (100_000, 4, 4)])
def test_the_index_has_the_layout_that_megatron_reads(
    tmp_path: Path, vocab_size: int, code: int, width: int
) -> None:
    """Byte by byte as `_IndexWriter` of megatron/core/datasets/indexed_dataset.py writes it."""
    folder = write_shard(tmp_path / "a", numbered([3, 1, 4]), vocab_size)
    assert (folder / "tokens.idx").read_bytes() == b"".join(
        [
            b"MMIDIDX\x00\x00",
            struct.pack("<Q", 1),
            struct.pack("<B", code),
            struct.pack("<Q", 3),
            struct.pack("<Q", 4),
            struct.pack("<3i", 3, 1, 4),
            struct.pack("<3q", 0, 3 * width, 4 * width),
            struct.pack("<4q", 0, 1, 2, 3),
        ]
    )
    assert (folder / "tokens.bin").read_bytes() == np.arange(8).astype(f"<i{width}").tobytes()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    shard = Shard(write_shard(tmp_path / "a", numbered([3, 1, 4], [2, 0, 1])))
    assert len(shard) == 3
    assert shard.tokens.tolist() == list(range(8))
    assert shard.mask is not None
    assert shard.mask.tolist() == [0, 0, 1, 0, 0, 1, 1, 1]
    assert (shard.starts.tolist(), shard.lengths.tolist()) == ([0, 3, 4], [3, 1, 4])
    assert [shard.find(token) for token in range(8)] == [0, 0, 0, 1, 2, 2, 2, 2]
    assert shard.documents["line"].tolist() == [1, 2, 3]
    assert shard.documents["offset"].tolist() == [0, 100, 200]
    assert shard.documents["bytes"].tolist() == [1, 0, 3]


def test_no_mask_is_kept_where_every_target_is_supervised(tmp_path: Path) -> None:
    folder = write_shard(tmp_path / "a", numbered([3, 1, 4]))
    assert not (folder / "tokens.mask.bin").exists()
    assert Shard(folder).mask is None


def test_a_shard_without_documents_can_be_read(tmp_path: Path) -> None:
    shard = Shard(write_shard(tmp_path / "a", []))
    assert (len(shard), len(shard.tokens), len(shard.documents)) == (0, 0, 0)


@pytest.mark.parametrize("name", ["tokens.idx", "tokens.bin", "documents.npy"])
def test_a_missing_file_is_named_as_a_damaged_shard(tmp_path: Path, name: str) -> None:
    folder = write_shard(tmp_path / "a", numbered([3]))
    (folder / name).unlink()
    with pytest.raises(DamagedDataError) as caught:
        Shard(folder)
    assert caught.value.where == str(folder)


@pytest.mark.parametrize("content", [b"", b"MMIDIDX\x00\x00", b"X" * 60])
def test_an_index_of_another_format_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = write_shard(tmp_path / "a", numbered([3]))
    (folder / "tokens.idx").write_bytes(content)
    with pytest.raises(DamagedDataError):
        Shard(folder)
