import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from brahma.data.cleaning.contract import Dropped, Rewritten
from brahma.data.cleaning.duplicates.paragraphs import ExactParagraphs, ExactParagraphsOptions
from tests.data.cleaning.corpus_driver import documents_of, run

TEN = ExactParagraphs(ExactParagraphsOptions(min_characters=10))
SAME, OTHER, THIRD = "the same paragraph", "another paragraph", "and a third one"


def test_a_paragraph_that_stands_earlier_is_taken_out_with_one_gap(tmp_path: Path) -> None:
    texts = [f"{SAME}\n\n{OTHER}\n", f" Head\n\n{SAME} \n \n\n  {THIRD}\n\n{OTHER}\n\nend\n"]
    assert run(TEN, tmp_path, documents_of(texts)) == [
        True,
        Rewritten(f" Head\n \n\n  {THIRD}\n\nend\n", {"duplicate paragraphs taken out": 2}),
    ]


def test_a_document_of_which_little_is_left_is_dropped(tmp_path: Path) -> None:
    found = run(TEN, tmp_path, documents_of([SAME, f"Head\n\n{SAME}\n\n{SAME}"], [1]))
    assert found == [True, Dropped("little left without duplicate paragraphs", "2 taken out, 9% left")]


def test_short_paragraphs_stay(tmp_path: Path) -> None:
    assert run(TEN, tmp_path, documents_of(["See also\n\n}\n\n"] * 3)) == [True] * 3


def test_paragraphs_may_occur_as_often_as_is_said(tmp_path: Path) -> None:
    step = ExactParagraphs(ExactParagraphsOptions(min_characters=10, occurrences=2))
    found = run(step, tmp_path, documents_of([SAME, f"{OTHER}\n\n{SAME}", f"{THIRD}\n\n{SAME}"]))
    assert found == [True, True, Rewritten(THIRD, {"duplicate paragraphs taken out": 1})]


def test_rows_of_several_texts_are_left_alone(tmp_path: Path) -> None:
    assert run(TEN, tmp_path, documents_of([(SAME, OTHER), (SAME, THIRD), SAME])) == [True] * 3


paragraphs = st.sampled_from([SAME, OTHER, THIRD, f"  {SAME}", f"{OTHER}\nline", "x", ""])
gaps = st.sampled_from(["\n\n", "\n \n", "\n\n\n\n", "\n\t\n  "])
texts = st.lists(
    st.lists(st.tuples(paragraphs, gaps), max_size=5).map(lambda pairs: "".join(p + g for p, g in pairs)),
    max_size=6,
)


@settings(deadline=None)
@given(texts, st.lists(st.integers(0, 6), max_size=3))
def test_each_long_paragraph_is_left_once_and_nothing_else_goes(texts: list[str], cuts: list[int]) -> None:
    tasks = documents_of(texts, [min(cut, len(texts)) for cut in cuts])
    with tempfile.TemporaryDirectory() as folder:
        found = run(TEN, Path(folder), tasks)
    left = []
    for text, verdict in zip(texts, found, strict=True):
        assert not isinstance(verdict, Rewritten) or verdict.text.strip()
        left.append(
            text if verdict is True else verdict.text if isinstance(verdict, Rewritten) else "",
        )
    before, after = (Counter(_long_paragraphs(all_texts)) for all_texts in (texts, left))
    assert after == Counter(dict.fromkeys(before, 1))


def _long_paragraphs(texts: list[str]) -> list[str]:
    found, lines = [], list[str]()
    for text in texts:
        for line in [*text.split("\n"), ""]:
            if line.strip():
                lines.append(line)
            else:
                found.append("\n".join(lines).strip())
                lines = []
    return [paragraph for paragraph in found if len(paragraph) >= 10]
