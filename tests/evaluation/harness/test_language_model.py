"""Our answers to lm-eval's requests are those of its own HFLM with the same folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brahma.evaluation import Evaluator
from tests.core.models.architectures import REFUSED, TRAINED, saved

pytest.importorskip("lm_eval")

if TYPE_CHECKING:
    from lm_eval.models.huggingface import HFLM
    from transformers import PreTrainedTokenizerBase

    from brahma.evaluation.harness.language_model import BrahmaLM

ARCHITECTURES = ("llama", "gpt2", "qwen2", "gemma2", "mistral", "mamba", "bloom", "falcon", "falcon alibi")
CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "falcon alibi": ("falcon", {"alibi": True, "initializer_range": 0.3})  # its sdpa and its eager differ
}
SHOTS = "Question: Who jumps over the lazy dog? Answer: the fox.\n\n" * 2
PAIRS = [
    *((f"{SHOTS}Question: Is it {n}?\nAnswer:", f" {letter}") for n in range(3) for letter in "ABCD"),
    *(
        ("The quick brown", ending)
        for ending in (" fox", " fox jumps", " dog", " fox jumps over the lazy dog.")
    ),
    ("blanks at the end  ", "belong to what follows"),
    ("", "from the beginning"),
    ("", "<s>from the beginning, with its token"),
    ("<s>has its token already", " as text"),
    ("two words", " a"),
    (SHOTS * 4, "this one is too long for the model"),
    ("日本語 🙂", " é"),
    ("The quick brown", " fox"),
]
TEXTS = ["", "One.", "The quick brown fox. " * 3, SHOTS * 5]


class Asked:
    """What of lm-eval's Instance is read."""

    def __init__(self, *args: str) -> None:
        self.args = args
        self.task_name = "made up"


@pytest.fixture(scope="module", params=ARCHITECTURES)
def folder(
    request: pytest.FixtureRequest,
    tokenizer: PreTrainedTokenizerBase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    kind, more = CHANGES.get(request.param, (request.param, {}))
    changes = {**(TRAINED[kind].changes if kind in TRAINED else REFUSED[kind][1]), **more}
    folder = saved(tmp_path_factory.mktemp("models") / kind, kind, {**changes, "vocab_size": len(tokenizer)})
    tokenizer.save_pretrained(folder)
    return folder


def hflm(folder: Path, **options: Any) -> HFLM:
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(folder), device="cpu", batch_size=4, **options)


def ours(folder: Path, **options: Any) -> BrahmaLM:
    from brahma.evaluation.harness.language_model import BrahmaLM

    evaluator = Evaluator(folder, device="cpu")
    return BrahmaLM(evaluator.model, evaluator.tokenizer, **options)


def asked(pairs: list[tuple[str, str]]) -> list[Any]:
    return [Asked(*pair) for pair in pairs]


def test_likelihoods_and_greedy_flags_are_those_of_hflm(folder: Path) -> None:
    theirs, model = hflm(folder), ours(folder)
    assert model.max_length == theirs.max_length
    expected = theirs.loglikelihood(asked(PAIRS), disable_tqdm=True)
    found = model.loglikelihood(asked(PAIRS))
    assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]
    assert [logprob for logprob, _ in found] == pytest.approx([each for each, _ in expected], abs=1e-4)
    lengths = [len(model.tok_encode(a + b)) for a, b in PAIRS]
    assert model.truncated == sum(length > model.max_length + 1 for length in lengths)


def test_rolling_likelihoods_are_those_of_hflm(folder: Path) -> None:
    theirs, model = hflm(folder), ours(folder)
    texts: list[Any] = [Asked(text) for text in TEXTS]
    expected = theirs.loglikelihood_rolling(texts, disable_tqdm=True)
    assert model.loglikelihood_rolling(texts) == pytest.approx(expected, rel=1e-6, abs=1e-4)


@pytest.fixture(scope="module")
def pair(
    tokenizer: PreTrainedTokenizerBase, tmp_path_factory: pytest.TempPathFactory
) -> tuple[HFLM, BrahmaLM]:
    folder = tmp_path_factory.mktemp("models") / "llama"
    saved(folder, "llama", {"vocab_size": len(tokenizer)})
    tokenizer.save_pretrained(folder)
    return hflm(folder, max_length=40), ours(folder, max_length=40)


@pytest.mark.parametrize("special", [None, True, False])
@pytest.mark.parametrize("text", ["", "a text", "<s>a text", "a</s> text", "<pad> 日本語", "  "])
def test_ids_are_those_of_hflm(pair: tuple[HFLM, BrahmaLM], text: str, special: bool | None) -> None:
    theirs, model = pair
    expected = theirs.tok_encode(text, add_special_tokens=special)
    assert model.tok_encode(text, add_special_tokens=special) == expected
    assert model.tok_encode_many([text, "other", text], special)[::2] == [expected, expected]


def test_names_and_special_ids_are_those_of_hflm(pair: tuple[HFLM, BrahmaLM]) -> None:
    theirs, model = pair
    assert model.tokenizer_name == theirs.tokenizer_name
    assert (model.eot_token_id, model.prefix_token_id) == (theirs.eot_token_id, theirs.prefix_token_id)
    assert (model.rank, model.world_size, model.max_length) == (0, 1, 40)


def test_a_shorter_context_cuts_as_hflm_does(pair: tuple[HFLM, BrahmaLM]) -> None:
    theirs, model = pair
    expected = theirs.loglikelihood(asked(PAIRS), disable_tqdm=True)
    found = model.loglikelihood(asked(PAIRS))
    assert [logprob for logprob, _ in found] == pytest.approx([each for each, _ in expected], abs=1e-4)
    assert model.truncated > 1


def test_tokens_that_are_split_at_two_places_have_the_answers_of_hflm_one_by_one(
    pair: tuple[HFLM, BrahmaLM],
) -> None:
    theirs, model = pair
    split = [("One two", " three four five"), ("One two three", " four 7")]
    expected = [theirs.loglikelihood([each], disable_tqdm=True)[0] for each in asked(split)]
    found = model.loglikelihood(asked(split))
    assert [logprob for logprob, _ in found] == pytest.approx([each for each, _ in expected], abs=1e-4)


def test_each_answer_is_handed_out(pair: tuple[HFLM, BrahmaLM]) -> None:
    _, model = pair
    came: list[tuple[str, Any, Any]] = []

    class Hook:
        def add_partial(self, kind: str, arguments: Any, answer: Any) -> None:
            came.append((kind, arguments, answer))

    before = model.cache_hook
    model.set_cache_hook(Hook())
    try:
        found = model.loglikelihood(asked(PAIRS))
        sums = model.loglikelihood_rolling([Asked(text) for text in TEXTS])
    finally:
        model.set_cache_hook(before)
    expected: list[Any] = [("loglikelihood", pair, answer) for pair, answer in zip(PAIRS, found, strict=True)]
    expected += [("loglikelihood_rolling", (text,), total) for text, total in zip(TEXTS, sums, strict=True)]
    assert sorted(came, key=repr) == sorted(expected, key=repr)
