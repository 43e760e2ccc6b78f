"""Which examples a text gives away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brahma.evaluation.contamination.examples import Index, Wordings, wordings_of
from tests.evaluation.task_results import sample

QUESTION = "A man stands on the quay and throws a rope to the boat. Then he"
ANSWER = "ties it to an iron ring beside the old crane"


def _found(examples: list[Wordings], *texts: str, ngram: int = 13, min_words: int = 8) -> set[int]:
    index = Index[str](examples, ngram=ngram, min_words=min_words)
    index.look((text, f"text {number}") for number, text in enumerate(texts))
    return set(index.places())


def _judged(example: Wordings) -> bool:
    return bool(Index[str]([example], ngram=13, min_words=8).is_judged[0])


def test_thirteen_words_in_a_row_are_enough_whatever_stands_around_them() -> None:
    words = f"{QUESTION} {ANSWER}".split()
    thirteen, twelve = " ".join(words[4:17]), " ".join(words[4:16])
    assert _found([Wordings(f"{QUESTION} {ANSWER}")], f"So {thirteen}, they say.") == {0}
    assert _found([Wordings(f"{QUESTION} {ANSWER}")], f"So {twelve}, they say.") == set()


def test_case_and_punctuation_do_not_hide_an_example() -> None:
    assert _found([Wordings(f"{QUESTION} {ANSWER}")], f"{QUESTION.upper()} -- ({ANSWER}!!)") == {0}


def test_words_of_two_texts_are_not_in_a_row() -> None:
    words = f"{QUESTION} {ANSWER}".split()
    assert _found([Wordings(" ".join(words[:14]))], " ".join(words[:7]), " ".join(words[7:])) == set()


def test_only_the_examples_that_were_seen_are_found_with_their_places() -> None:
    examples = [Wordings(" ".join(f"w{n}x{m}" for m in range(20))) for n in range(6)]
    index = Index[str](examples, ngram=13, min_words=8)
    index.look([("nothing of them", "a:1"), (examples[4].whole, "a:2")])
    index.look([(f"{examples[1].whole} {examples[4].whole}", "b:7")])
    assert index.places() == {4: "a:2", 1: "b:7"}


def test_two_examples_with_the_same_passage_are_both_found() -> None:
    examples = [Wordings(f"{QUESTION} {ANSWER} first"), Wordings(f"{QUESTION} {ANSWER} second one")]
    assert _found(examples, QUESTION) == {0, 1}


def test_a_shorter_wording_is_looked_for_as_a_whole() -> None:
    short = Wordings("Which metal is liquid at room temperature? Mercury")
    assert _judged(short)
    assert _found([short], "Quiz: which metal is liquid at room temperature? Mercury, of course") == {0}
    assert _found([short], "Which metal is liquid at room temperature?") == set()


def test_a_wording_of_too_few_words_cannot_be_judged() -> None:
    tiny = Wordings("What is two and two? Four")
    assert not _judged(tiny)
    assert _found([tiny], "What is two and two? Four") == set()


def test_a_question_with_one_of_its_answers_is_recognised() -> None:
    """Nobody writes all answers in a row; 13 words begin in the question and end in the right answer."""
    question = "To open the rusty lock she"
    answers = ["pours oil into it and turns the key", "sings", "paints the door green again", "waits"]
    made = sample(0, "\n".join([question, *answers]), [(question, f" {answer}") for answer in answers])
    assert _found([wordings_of([made])[0]], f"{question} {answers[0]}") == {0}
    assert _found([wordings_of([made])[0]], f"{answers[0]}") == set()


def test_short_answers_in_a_row_are_no_wording() -> None:
    made = sample(0, "Capital of France?\nParis\nLyon\nNice\nLille\nMetz", [("Capital of France?", " Paris")])
    assert not _judged(wordings_of([made])[0])


def test_what_stands_before_the_question_is_not_the_examples_own() -> None:
    before = "These are questions about ships. Q: Which rope moors one? A: The stern line\n\n"
    made = sample(0, f"{QUESTION}\n{ANSWER}", [(f"{before}{QUESTION} ", f" {ANSWER}")])
    assert wordings_of([made])[0].single == (f"{QUESTION} {ANSWER}",)


def test_a_question_of_several_lines_is_taken_whole() -> None:
    question = "Which one?\nA. a hawser\nB. a halyard\nAnswer:"
    made = sample(
        0, f"{question}\nA\nB", [(f"Before.\n\n{question}", " A"), (f"Before.\n\n{question}", " B")]
    )
    assert wordings_of([made])[0].single == (f"{question} A", f"{question} B")


def test_a_context_that_is_not_the_question_is_no_wording() -> None:
    made = sample(0, f"{QUESTION}\n{ANSWER}", [(f"<user>{QUESTION}</user>", f" {ANSWER}")])
    assert wordings_of([made])[0].single == ()


def test_a_prompt_that_is_to_be_continued_freely_is_no_wording() -> None:
    made = sample(0, QUESTION, [(QUESTION, {"until": ["\n"]})])
    assert wordings_of([made])[0].single == ()


@pytest.mark.parametrize("ngram", [5, 8, 20])
def test_the_number_of_words_can_be_chosen(ngram: int) -> None:
    text = f"{QUESTION} {ANSWER}"
    enough, one_less = (" ".join(text.split()[:count]) for count in (ngram, ngram - 1))
    assert _found([Wordings(text)], enough, ngram=ngram) == {0}
    assert _found([Wordings(text)], one_less, ngram=ngram) == set()


def test_equal_wordings_have_equal_keys_and_others_have_not() -> None:
    assert Wordings("a", ("b",)).key == Wordings("a", ("b",)).key
    assert len({Wordings("a", ("b",)).key, Wordings("a").key, Wordings("a b").key}) == 3


def test_nothing_to_look_through_finds_nothing() -> None:
    assert _found([Wordings(f"{QUESTION} {ANSWER}")]) == set()
    assert _found([Wordings(f"{QUESTION} {ANSWER}")], "", "…") == set()


def test_a_question_in_a_turn_of_its_own_is_recognised() -> None:
    """Of a conversation: question and answer are never in a row."""
    question = "What happens to you if you eat watermelon seeds?"
    made = replace(sample(0, f"{question}\nThey pass through you"), doc={"question": question})
    assert _found(wordings_of([made]), f"user {question.lower()} assistant They pass through you") == {0}


def test_a_question_that_several_examples_share_tells_nothing() -> None:
    question = "Which of the following statements about rocks is true?"
    made = [
        replace(sample(number, f"{question}\nanswer number {number}"), doc={"question": question})
        for number in range(2)
    ]
    assert [each.questions for each in wordings_of(made)] == [(), ()]
    assert _found(wordings_of(made), question) == set()
