"""Tokenising a corpus: tiktoken from the same vocabulary beside tokenizers, and the whole path by processes.

    from benchmarks.tokenisation import measure, pipeline
    measure(texts, tokenizer)
    pipeline("corpus.jsonl", tokenizer, workers=2)

CPU seconds of one core, so that other work on the machine changes little; bytes are those of the texts in
UTF-8, or of the files. `python -m benchmarks.tokenisation TOKENIZER FILE…` prints both.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory
from typing import Any

from transformers import PreTrainedTokenizerBase

_BATCH = 64
"""Texts that tokenizers encodes at once."""


def measure(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, *, repeats: int = 3) -> dict[str, Any]:
    """Both encoders on the same texts, in turn; the best of each.

    Returns:
        `bytes`, `tokens`; `tokenizers` and `tiktoken` in MB per CPU second; `speedup`; `converting` in CPU
        seconds, the comparison on a sample left out; `different`, the texts whose ids are not the same.
    """
    from tokenizers import Tokenizer

    from brahma.data.fast_encoding import convert

    os.environ["RAYON_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    source = tokenizer.backend_tokenizer.to_str()
    backend = Tokenizer.from_str(source)
    backend.encode_special_tokens = True
    converting, fast = _timed(lambda: convert(source))
    fast.encode("warm")

    def slowly() -> list[list[int]]:
        groups = (texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH))
        encoded = (backend.encode_batch_fast(list(group), add_special_tokens=False) for group in groups)
        return [each.ids for group in encoded for each in group]

    rounds = [(_timed(slowly), _timed(lambda: [fast.encode(text) for text in texts])) for _ in range(repeats)]
    size = sum(len(text.encode()) for text in texts)
    slow_seconds = min(slow[0] for slow, _ in rounds)
    fast_seconds = min(quick[0] for _, quick in rounds)
    slow_ids, fast_ids = rounds[0][0][1], rounds[0][1][1]
    different = [a != b.tolist() for a, b in zip(slow_ids, fast_ids, strict=True) if b is not None]
    return {
        "bytes": size,
        "tokens": sum(map(len, slow_ids)),
        "tokenizers": size / 1e6 / slow_seconds,
        "tiktoken": size / 1e6 / fast_seconds,
        "speedup": slow_seconds / fast_seconds,
        "converting": converting,
        "different": sum(different),
        "given_back": sum(ids is None for ids in fast_ids),
    }


def pipeline(files: Sequence[Path], tokenizer: PreTrainedTokenizerBase, *, workers: int) -> dict[str, float]:
    """From files to shards, as a training does it.

    Returns:
        `seconds` by the wall; CPU seconds of the main process (`parent`) and of the `children`; `rate` in
        MB a second by the wall; `bound`, the MB a second if every process had a core of its own: what the
        busiest of them allows.
    """
    from brahma.data._tokenise import tokenise
    from brahma.data.dataset import Dataset
    from brahma.data.encode import Encoder

    dataset, encoder = Dataset.from_files(list(files)), Encoder(tokenizer)
    size = sum(file.stat().st_size for file in files)
    children, wall = _children(), time.perf_counter()
    with TemporaryDirectory() as folder:
        parent, _ = _timed(lambda: tokenise(dataset, encoder, directory=Path(folder), workers=workers))
    seconds, children = time.perf_counter() - wall, _children() - children
    busiest = parent if workers == 1 else max(parent, children / workers)
    return {
        "seconds": seconds,
        "parent": parent,
        "children": children,
        "rate": size / 1e6 / seconds,
        "bound": size / 1e6 / busiest,
    }


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def _children() -> float:
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _main(arguments: Sequence[str]) -> None:
    from brahma.data.dataset import Dataset
    from brahma.data.tokenizer import load_tokenizer, sample_texts

    tokenizer, files = load_tokenizer(arguments[0]), [Path(name) for name in arguments[1:]]
    texts = list(sample_texts(Dataset.from_files(files), 20_000_000))
    print(json.dumps(measure(texts, tokenizer), indent=1))
    for workers in (1, 2):
        print(json.dumps({"workers": workers, **pipeline(files, tokenizer, workers=workers)}, indent=1))


if __name__ == "__main__":
    _main(sys.argv[1:])
