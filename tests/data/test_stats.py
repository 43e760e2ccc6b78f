import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from brahma.core.errors import DataError
from brahma.data import statistics as module
from brahma.data.commands.stats import stats as command
from brahma.data.statistics import Lengths, stats
from brahma.data.tokenizer import save_tokenizer
from tests.data.small_tokenizers import small_tokenizer

GERMAN = "Der Vogel sitzt auf dem Dach und singt am Abend ein Lied, das alle Leute im Dorf hören können. "
ENGLISH = "The bird sits on the roof and sings a song in the evening that all people in the village hear. "
CHAT = {"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]}


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> list[Path]:
    texts = [ENGLISH * 2, GERMAN, ENGLISH * 2, "Ελληνικά γράμματα εδώ"]
    return [
        write(tmp_path / "a.jsonl", [*({"text": text} for text in texts), "{broken", {"x": 1}]),
        write(tmp_path / "chat.jsonl", [CHAT, CHAT]),
    ]


def test_everything_is_counted_by_source_and_in_total(corpus: list[Path]) -> None:
    found = stats(corpus)
    first, chat = found.sources
    texts = [ENGLISH * 2, GERMAN, ENGLISH * 2, "Ελληνικά γράμματα εδώ"]
    assert (first.rows, first.bad, chat.rows, found.total.rows) == (4, 2, 2, 6)
    assert first.characters == sum(map(len, texts))
    assert first.bytes == sum(len(text.encode()) for text in texts)
    assert first.words == sum(len(text.split()) for text in texts)
    assert (chat.roles, chat.turns.total) == ({"user": 2, "assistant": 2}, 4)
    assert found.total.layouts == {"text": 4, "chat": 2}
    assert found.total.bytes == first.bytes + chat.bytes
    assert [where for where, _ in found.total.named] == [f"{corpus[0]}:5", f"{corpus[0]}:6"]
    assert first.ratio > 1


def test_languages_scripts_duplicates_and_the_longest_rows(corpus: list[Path]) -> None:
    found = stats(corpus)
    assert found.languages["en"] == 2
    assert found.languages["de"] == 1
    assert found.scripts["Greek"] == 19
    assert found.duplicates == pytest.approx(2 / 6)
    assert found.exact
    assert [where for _, where in found.longest[:2]] == [f"{corpus[0]}:1", f"{corpus[0]}:3"]
    assert found.longest[0][0] == len(ENGLISH * 2)


def test_the_same_words_in_other_turns_are_no_duplicate(tmp_path: Path) -> None:
    rows = [{"prompt": "ab", "completion": "c"}, {"prompt": "a", "completion": "bc"}]
    assert stats(write(tmp_path / "a.jsonl", rows)).duplicates == 0


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=60), st.floats(0.01, 1))
def test_a_percentile_is_that_of_the_lengths_to_about_one_percent(values: list[int], share: float) -> None:
    lengths = Lengths()
    for value in values:
        lengths.add(value)
    exact = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    assert abs(lengths.percentile(share) - exact) <= 0.011 * exact + 1
    assert (lengths.least, lengths.most, lengths.total) == (min(values), max(values), sum(values))


def test_lengths_of_two_sources_add_up() -> None:
    one, other, both = Lengths(), Lengths(), Lengths()
    for number in (3, 70, 900):
        one.add(number)
        both.add(number)
    other.add(5)
    both.add(5)
    assert one + other == both
    assert one + Lengths() == Lengths() + one == one


def test_with_more_texts_than_are_held_duplicates_are_estimated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DISTINCT", 200)
    monkeypatch.setattr(module, "_TOLD", 50)
    rows = [{"text": f"text number {number % 1500}"} for number in range(3000)]
    found = stats(write(tmp_path / "a.jsonl", rows))
    assert not found.exact
    assert found.duplicates == pytest.approx(0.5, abs=0.01)
    assert 10 <= found.told <= 50


def test_tokens_are_those_of_the_texts_without_special_ones(corpus: list[Path]) -> None:
    found = stats(corpus[1], tokenizer=small_tokenizer())
    expected = sum(len(small_tokenizer().encode(text, add_special_tokens=False)) for text in ("hello", "hi"))
    assert found.total.tokens.total == 2 * expected


def test_a_file_without_a_row_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no row to look at") as caught:
        stats(write(tmp_path / "a.jsonl", ["{broken", "[]"]))
    assert caught.value.where == f"{tmp_path / 'a.jsonl'}:1"
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(DataError):
        stats(tmp_path / "empty.jsonl")


def test_the_command_prints_text_and_json_and_draws(corpus: list[Path], tmp_path: Path) -> None:
    save_tokenizer(small_tokenizer(), tmp_path / "tokenizer")
    paths = [str(path) for path in corpus]
    text = CliRunner().invoke(
        command, [*paths, "--tokenizer", str(tmp_path / "tokenizer"), "--plot", str(tmp_path / "a.png")],
        catch_exceptions=False,
    )  # fmt: skip
    assert "6 (4 text, 2 chat); 2 cannot be read" in text.stdout
    assert "33.3% of the rows repeat an earlier one" in text.stdout
    assert "drawn into" in text.stderr
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    printed = CliRunner().invoke(command, [*paths, "--json"], catch_exceptions=False)
    assert json.loads(printed.stdout) == json.loads(json.dumps(stats(corpus).to_dict()))


def test_a_picture_of_many_sources_and_odd_names_is_drawn(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path / f"$a_{number}${'x' * 40}.jsonl", [{"text": "a" * (number + 1) ** 3}])
    result = CliRunner().invoke(command, [str(tmp_path), "--plot", str(tmp_path / "a.svg")])
    assert result.exit_code == 0


@pytest.mark.parametrize(("name", "why"), [("a.xyz", "no format"), ("nowhere/a.png", "cannot be written")])
def test_a_picture_that_cannot_be_drawn_is_refused_before_anything_is_read(
    corpus: list[Path], tmp_path: Path, name: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "stats", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(DataError, match=why):
        CliRunner().invoke(command, [str(corpus[0]), "--plot", str(tmp_path / name)], catch_exceptions=False)
