import random
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from brahma.data.cleaning.contract import Dropped
from brahma.data.cleaning.duplicates.clusters import flatten, unite
from brahma.data.cleaning.duplicates.near import NearDuplicates, NearDuplicatesOptions
from tests.data.cleaning.corpus_driver import documents_of, run


def text(seed: int, *, words: int = 200, changed: int = 0) -> str:
    """Random words, of which some others in the middle are changed."""
    chosen = random.Random(seed).choices([f"w{number}" for number in range(5000)], k=words)
    start = (words - changed) // 2
    return " ".join(
        [*chosen[:start], *(f"new{seed}x{k}" for k in range(changed)), *chosen[start + changed :]]
    )


def where_it_went(found: list[object]) -> list[str | None]:
    return [verdict.detail if isinstance(verdict, Dropped) else None for verdict in found]


@given(st.integers(1, 30), st.lists(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=9)))
def test_clusters_are_those_of_a_search_through_the_graph(
    size: int, batches: list[list[tuple[int, int]]]
) -> None:
    parents = np.arange(size)
    neighbours: dict[int, set[int]] = {index: {index} for index in range(size)}
    for batch in batches:
        edges = [(a % size, b % size) for a, b in batch]
        unite(parents, np.array([a for a, _ in edges], int), np.array([b for _, b in edges], int))
        for a, b in edges:
            neighbours[a].add(b)
            neighbours[b].add(a)
    flatten(parents)
    for index in range(size):
        reached, front = {index}, {index}
        while front:
            front = set[int]().union(*(neighbours[each] for each in front)) - reached
            reached |= front
        assert parents[index] == min(reached)


def test_the_longest_of_a_cluster_stays(tmp_path: Path) -> None:
    short, long = text(1), text(1) + " and some more words"
    found = run(
        NearDuplicates(NearDuplicatesOptions()), tmp_path, documents_of([short, text(2), long, short])
    )
    detail = "of part0.jsonl:3, kept as the longest of 3"
    assert found == [
        Dropped("near-duplicate", detail),
        True,
        True,
        Dropped("near-duplicate", detail),
    ]


def test_of_equally_long_ones_the_first_stays(tmp_path: Path) -> None:
    found = run(NearDuplicates(NearDuplicatesOptions()), tmp_path, documents_of([text(1)] * 3, [1, 2]))
    assert [verdict is True for verdict in found] == [True, False, False]


@settings(deadline=None, max_examples=20)
@given(st.permutations(list(range(12))), st.lists(st.integers(0, 12), max_size=3))
def test_neither_the_order_nor_the_cut_changes_what_stays(order: list[int], cuts: list[int]) -> None:
    # different lengths, so that the order of reading breaks no tie
    texts = [text(index % 4) + " x" * (index // 4 + 1) for index in range(12)]
    with tempfile.TemporaryDirectory() as folder:
        tasks = documents_of([texts[index] for index in order], cuts)
        found = run(NearDuplicates(NearDuplicatesOptions()), Path(folder), tasks)
    assert {index for index, verdict in zip(order, found, strict=True) if verdict is True} == {8, 9, 10, 11}


def test_a_chain_drops_nothing_that_is_unlike_the_one_that_stays(tmp_path: Path) -> None:
    words = text(3, words=400).split()
    chain = [" ".join(words[start : start + 200]) + " pad" * (9 - start // 15) for start in range(0, 150, 15)]
    kept = run(NearDuplicates(NearDuplicatesOptions()), tmp_path / "a", documents_of(chain))
    in_chains = run(NearDuplicates(NearDuplicatesOptions(chains=True)), tmp_path / "b", documents_of(chain))
    assert [verdict is True for verdict in in_chains].count(True) < [
        verdict is True for verdict in kept
    ].count(True)
    runs = [set(zip(*(document.split()[k:] for k in range(5)), strict=False)) for document in chain]
    for index, verdict in enumerate(kept):
        if isinstance(verdict, Dropped):
            stays = int(verdict.detail.split(",")[0].rpartition(":")[2]) - 1
            assert kept[stays] is True
            assert len(runs[index] & runs[stays]) / len(runs[index] | runs[stays]) > 0.3


def test_documents_without_words_are_no_duplicates_and_short_ones_are_compared_whole(tmp_path: Path) -> None:
    texts = ["", "--", "...", "Yes!", "yes", "no", "yes no", "Yes, no."]
    found = run(NearDuplicates(NearDuplicatesOptions()), tmp_path, documents_of(texts))
    assert [verdict is True for verdict in found] == [True, True, True, True, False, True, False, True]


def test_scripts_without_spaces_are_compared_by_characters(tmp_path: Path) -> None:
    sentence = "このパッケージは多くの言語で書かれた文書を読み込み、重複した文書を見つけて取り除きます。" * 3
    other = "日本語の文章では単語のあいだに空白を入れないので、文字を単語のかわりに使います。" * 3
    texts = [sentence, sentence + "終わり", other]
    found = run(NearDuplicates(NearDuplicatesOptions()), tmp_path, documents_of(texts))
    assert [verdict is True for verdict in found] == [False, True, True]


def test_documents_that_share_nothing_all_stay(tmp_path: Path) -> None:
    found = run(NearDuplicates(NearDuplicatesOptions()), tmp_path, documents_of([text(1), text(2)]))
    assert found == [True, True]
