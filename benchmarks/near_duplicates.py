"""Near-duplicates found here beside those of datatrove's four MinHash stages, in a folder of `.jsonl`.

    python benchmarks/near_duplicates.py FOLDER [--megabytes 50] [--chains] [--same-words]

Both with 14 bands of 8 rows over runs of five words. Which member of a cluster stays is a rule of its own
(here the longest; there one that the order of unions leaves over), so both partitions are given one rule,
that the first member stays, before the removed documents are compared.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import fields
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

Place = tuple[int, int]
"""A document: number of its file, number in it."""
_WORD = re.compile(r"\w+")


class Agreement(NamedTuple):
    """How far two searches agree.

    Attributes:
        documents: in the folder.
        ours: removed by us.
        theirs: removed by datatrove.
        removed: Jaccard of the removed documents when the first of each cluster stays, in both.
        as_removed: Jaccard of the documents that each really removes, whichever it keeps.
        pairs: Jaccard of the pairs of documents that stand in one cluster.
    """

    documents: int
    ours: int
    theirs: int
    removed: float
    as_removed: float
    pairs: float


def agreement(
    folder: Path, *, megabytes: float = float("inf"), chains: bool = False, same_words: bool = False
) -> Agreement:
    """Search a folder of `.jsonl` files with rows `{"text"}` by both.

    Args:
        folder: its files are read in the order of their names.
        megabytes: of this much, from the beginning of each file.
        chains: the option of `near_duplicates`.
        same_words: give datatrove our words, so that only the hashes differ; else it makes its own, in which
            all numbers are the same and letters have no accents.
    """
    files = sorted(folder.glob("*.jsonl"))
    share = min(1.0, megabytes * 1e6 / sum(path.stat().st_size for path in files))
    texts = [list(_beginning(path, share)) for path in files]
    with tempfile.TemporaryDirectory() as work:
        ours, our_removed = _ours(texts, Path(work), chains)
        theirs, their_removed = _theirs(texts, Path(work), same_words)
    return Agreement(
        sum(map(len, texts)),
        len(our_removed),
        len(their_removed),
        _jaccard(_all_but_first(ours), _all_but_first(theirs)),
        _jaccard(our_removed, their_removed),
        _jaccard(_pairs(ours), _pairs(theirs)),
    )


def _beginning(path: Path, share: float) -> Iterator[str]:
    """The first rows of a file: near ones are alike, which those drawn from all over would not be."""
    with path.open("rb") as lines:
        for line in lines:
            yield json.loads(line)["text"]
            if lines.tell() >= share * path.stat().st_size:
                return


def _ours(
    texts: Sequence[Sequence[str]], work: Path, chains: bool
) -> tuple[Mapping[Place, object], set[Place]]:
    """The cluster of each document that is in one, and the documents that go."""
    from brahma.data.cleaning.contract import Document, Dropped
    from brahma.data.cleaning.duplicates.keys import KeyWriter
    from brahma.data.cleaning.duplicates.near import NearDuplicates, NearDuplicatesOptions

    step = NearDuplicates(NearDuplicatesOptions(chains=chains))
    documents = [
        [Document(task, number, f"{task}", number, (text,)) for number, text in enumerate(part)]
        for task, part in enumerate(texts)
    ]
    for task, part in enumerate(documents):
        with KeyWriter(work / "keys", task=task) as writer:
            for document in part:
                writer.add(document, step.keys(document))
    step.decide(work / "keys", tasks=len(texts))
    clusters: dict[Place, Place] = {}
    for task, part in enumerate(documents):
        verdict = step.verdicts(work / "keys", task=task)
        for document in part:
            if isinstance(found := verdict(document), Dropped):
                source, line = found.detail.removeprefix("of ").split(",")[0].split(":")
                clusters[task, document.number] = int(source), int(line)
    removed = set(clusters)
    clusters |= {kept: kept for kept in set(clusters.values())}
    return clusters, removed


def _theirs(
    texts: Sequence[Sequence[str]], work: Path, same_words: bool
) -> tuple[Mapping[Place, object], set[Place]]:
    """datatrove's own four stages, one after the other in this process."""
    from datatrove.data import Document
    from datatrove.pipeline.dedup import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.utils.hashing import HashConfig
    from datatrove.utils.text import TextNormConfig
    from datatrove.utils.word_tokenizers import WordTokenizer

    from brahma.data.cleaning.words import word_spans

    class Words(WordTokenizer):  # type: ignore[misc]
        def word_tokenize(self, text: str) -> list[str]:
            if same_words:
                return [text[start:end].lower() for start, end in word_spans(text)]
            return _WORD.findall(text)

        def sent_tokenize(self, text: str) -> list[str]:
            return [text]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(0, len(text))]

    hashing = HashConfig(hash_fc="sha1")  # its xxhash fails with xxhash 4, which takes bytes alone
    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8, hash_config=hashing)
    if same_words:
        config.norm_config = TextNormConfig(*[False] * len(fields(TextNormConfig)))
    parts = [[Document(text=text, id=str(n)) for n, text in enumerate(part)] for part in texts]
    signatures, buckets, clusters = (str(work / name) for name in ("signatures", "buckets", "clusters"))
    for rank, part in enumerate(parts):
        MinhashDedupSignature(signatures, config, language=Words()).run(iter(part), rank, len(parts))
    for bucket in range(14):
        MinhashDedupBuckets(signatures, buckets, config=config).run(None, bucket, 14)
    MinhashDedupCluster(buckets, clusters, config=config, save_cluster_id=True).run(None, 0, 1)
    removed: set[Place] = set()
    for rank, part in enumerate(parts):
        left = {int(document.id) for document in MinhashDedupFilter(clusters).run(iter(part), rank)}
        removed |= {(rank, number) for number in range(len(part)) if number not in left}
    return dict(_clusters(Path(clusters))), removed


def _clusters(folder: Path) -> Iterator[tuple[Place, object]]:
    for path in folder.glob("*.clusters"):
        for number, cluster in struct.iter_unpack("<2I", path.read_bytes()):
            yield (int(path.stem), number), cluster


def _members(clusters: Mapping[Place, object]) -> Iterator[list[Place]]:
    def cluster(place: Place) -> str:
        return str(clusters[place])

    for _, group in groupby(sorted(clusters, key=cluster), key=cluster):
        yield sorted(group)


def _all_but_first(clusters: Mapping[Place, object]) -> set[Place]:
    return {place for members in _members(clusters) for place in members[1:]}


def _pairs(clusters: Mapping[Place, object]) -> set[tuple[Place, Place]]:
    return {(a, b) for members in _members(clusters) for a in members for b in members if a < b}


def _jaccard(one: Set[object], other: Set[object]) -> float:
    return len(one & other) / max(1, len(one | other))


def main(argv: Sequence[str] | None = None) -> None:
    """Print the agreement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megabytes", type=float, default=float("inf"), help="so much text, from all files")
    parser.add_argument("--chains", action="store_true", help="our option of that name")
    parser.add_argument("--same-words", action="store_true", help="give datatrove our words")
    given = parser.parse_args(argv)
    found = agreement(
        given.folder, megabytes=given.megabytes, chains=given.chains, same_words=given.same_words
    )
    for name, value in found._asdict().items():
        print(f"{name:11} {value:,}" if isinstance(value, int) else f"{name:11} {value:.3f}")


if __name__ == "__main__":
    main()
