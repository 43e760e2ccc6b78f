from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.core.errors import RowError
from brahma.data.conversion.forms import Talk, Turn
from brahma.data.conversion.transcripts import KNOWN, Transcript, looks_like, transcript_of
from brahma.data.rows import BadRow, Role

SOURCE = Path("talk.txt")
turn_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1).filter(
    lambda text: text.strip() == text
)


def read(text: str, speakers: dict[str, Role] | None = None) -> list[list[tuple[str, str]] | str]:
    """Each conversation as (role, text) pairs; of one that does not fit, the error."""
    units = Transcript(SOURCE, speakers).conversations(enumerate(text.split("\n"), 1))
    return [
        str(unit.error) if isinstance(unit, BadRow) else [(turn.role, turn.content) for turn in unit.turns]
        for unit in units
    ]


PAIR = [("user", "When?"), ("assistant", "At dusk.")]


@pytest.mark.parametrize(
    "text",
    [
        "User: When?\nAssistant: At dusk.",
        "Q: When?\nA: At dusk.",
        "Q1: When?\nA1: At dusk.",
        "Human: When?\nAI: At dusk.\n",
        "\n  USER:When?\n\nassistant: At dusk.\n\n",
        "### Instruction:\nWhen?\n\n### Response:\nAt dusk.",
        "**Question:** When?\n**Answer:** At dusk.",
        "Prompt: When?\nCompletion:\n\nAt dusk.\n",
    ],
)
def test_speakers_are_known_by_their_usual_names(text: str) -> None:
    assert read(text) == [PAIR]
    assert looks_like(text.split("\n")) == "yes"


def test_each_known_name_stands_for_one_role() -> None:
    assert set(KNOWN.values()) == {"system", "user", "assistant"}
    assert all(name == name.lower() for name in KNOWN)


def test_a_turn_keeps_its_lines_and_the_blanks_between_them() -> None:
    assert read("User: a\n  b\n\n\nc\nAssistant: d") == [[("user", "a\n  b\n\n\nc"), ("assistant", "d")]]


def test_the_first_name_of_a_role_counts_and_other_ones_are_text() -> None:
    transcript = Transcript(SOURCE)
    lines = ["User: What is it?", "Assistant: Let us see.", "Answer: 4", "Q: who asks?"]
    (talk,) = transcript.conversations(enumerate(lines, 1))
    assert isinstance(talk, Talk)
    assert talk.turns[1].content == "Let us see.\nAnswer: 4\nQ: who asks?"
    assert (transcript.unheeded, transcript.first_unheeded) == (2, "talk.txt:3")


class TestBorders:
    def test_a_blank_line_before_the_user_ends_a_conversation_where_answers_follow_at_once(self) -> None:
        assert read("User: a\nAssistant: b\n\nUser: c\nAssistant: d") == [
            [("user", "a"), ("assistant", "b")],
            [("user", "c"), ("assistant", "d")],
        ]

    def test_blank_lines_between_all_turns_say_nothing(self) -> None:
        assert len(read("User: a\n\nAssistant: b\n\nUser: c\n\nAssistant: d")) == 1

    def test_without_blank_lines_it_is_one_conversation(self) -> None:
        assert len(read("User: a\nAssistant: b\nUser: c\nAssistant: d")) == 1

    @pytest.mark.parametrize("border", ["---", "=====", "***", "  ---  "])
    def test_a_line_of_dashes_ends_it_everywhere(self, border: str) -> None:
        assert read(f"User: a\n\nAssistant: b\n\n{border}\n\nUser: c\n\nAssistant: d\n{border}\n") == [
            [("user", "a"), ("assistant", "b")],
            [("user", "c"), ("assistant", "d")],
        ]

    def test_dashes_within_an_answer_stay(self) -> None:
        assert read("User: a\nAssistant: b\n---\nc") == [[("user", "a"), ("assistant", "b\n---\nc")]]

    def test_the_system_begins_a_conversation(self) -> None:
        found = read("System: s\nUser: a\nAssistant: b\nSystem: t\nUser: c\nAssistant: d")
        assert found == [
            [("system", "s"), ("user", "a"), ("assistant", "b")],
            [("system", "t"), ("user", "c"), ("assistant", "d")],
        ]


class TestWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("text", "place", "reason"),
        [
            ("Hello\nUser: a\nAssistant: b", "talk.txt:1", "no speaker says this text"),
            ("User: a\nUser: b\nAssistant: c", "talk.txt:2", "the user speaks where the assistant should"),
            ("Assistant: a\nUser: b", "talk.txt:1", "the assistant speaks where the user should"),
            ("User: a\nAssistant:\nUser: b", "talk.txt:2", "a turn of the assistant is empty"),
            ("User: a\nAssistant: b\nAssistant: c", "talk.txt:3", "the assistant speaks where"),
            ("User: a", "talk.txt:1", "the request has no answer"),
        ],
    )
    def test_it_is_named_by_its_line(self, text: str, place: str, reason: str) -> None:
        (error,) = read(text)
        assert isinstance(error, str)
        assert error.startswith(f"{place}: {reason}")
        assert "hint:" in error

    def test_the_other_conversations_are_read(self) -> None:
        found = read("User: a\nAssistant: b\n\nUser: c\nUser: d\n\nUser: e\nAssistant: f")
        assert [isinstance(each, str) for each in found] == [False, True, False]


def test_speakers_can_be_named() -> None:
    text = "Ann: hi\nBob: hello\nUser: is text"
    assert read(text, {"ann": "user", "bob": "assistant"}) == [
        [("user", "hi"), ("assistant", "hello\nUser: is text")]
    ]


@pytest.mark.parametrize(
    ("text", "likeness"),
    [
        ("Once upon a time.\n\nThe end.", "no"),
        ("Note: this\nUser: that", "no"),
        ("User: only", "no"),
        ("", "no"),
        ("A title\n\nUser: a\nAssistant: b\nUser: c\nAssistant: d", "partly"),
        ("Prose that quotes:\nQ: a\nA: b\nand goes on.", "no"),
    ],
)
def test_prose_is_no_transcript(text: str, likeness: str) -> None:
    assert looks_like(text.split("\n")) == likeness


@given(st.lists(turn_text, min_size=2, max_size=6).filter(lambda said: len(said) % 2 == 0))
def test_a_talk_is_read_back_from_its_transcript_or_refused(said: list[str]) -> None:
    roles: list[Role] = ["user", "assistant"]
    turns = tuple(Turn(roles[number % 2], content) for number, content in enumerate(said))
    try:
        text = transcript_of(Talk(source=SOURCE, line=1, turns=turns))
    except RowError:
        return
    assert read(text) == [[(turn.role, turn.content) for turn in turns]]


def test_a_talk_that_would_be_read_otherwise_is_refused() -> None:
    turns = (Turn("user", "a\nAssistant: x"), Turn("assistant", "b"))
    with pytest.raises(
        RowError, match=r"talk\.txt:7: as a transcript the conversation would be read otherwise"
    ):
        transcript_of(Talk(source=SOURCE, line=7, turns=turns))
