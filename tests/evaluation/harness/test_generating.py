"""Texts that tasks ask for are those of lm-eval's HFLM, whatever is written together with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brahma.core.errors import ConfigError, ModelError
from brahma.evaluation import Evaluator
from tests.core.models.architectures import REFUSED, TRAINED, saved

pytest.importorskip("lm_eval")

if TYPE_CHECKING:
    from lm_eval.models.huggingface import HFLM
    from transformers import PreTrainedTokenizerBase

    from brahma.evaluation.harness.language_model import BrahmaLM

SHOTS = "Q: Who jumps over the lazy dog? A: the fox.\n\n" * 2
CONTEXTS = [
    *(
        f"{SHOTS}Q: Is it {number}? A:"
        for number in ("one", "the brown fox", "日本語", "1, 2, 3 or 4", "café")
    ),
    "The quick brown",
    "One.",
    "<s>has its token already",
    SHOTS * 3,  # leaves no room for what is to be written
    "",
]


class Asked:
    """What of lm-eval's Instance is read."""

    def __init__(self, context: str, options: Mapping[str, Any]) -> None:
        self.args = (context, dict(options))
        self.task_name = "made up"


@pytest.fixture(scope="module")
def folders(tokenizer: PreTrainedTokenizerBase, tmp_path_factory: pytest.TempPathFactory) -> Any:
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            changes = TRAINED[kind].changes if kind in TRAINED else REFUSED[kind][1]
            made[kind] = saved(
                tmp_path_factory.mktemp("models") / kind, kind, {**changes, "vocab_size": len(tokenizer)}
            )
            tokenizer.save_pretrained(made[kind])
        return made[kind]

    return folder


def hflm(folder: Path) -> HFLM:
    """One row a batch: with several, what it gives after an end depends on the others."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(folder), device="cpu", batch_size=1, max_length=96)


def ours(folder: Path, **options: Any) -> BrahmaLM:
    from brahma.evaluation.harness.language_model import BrahmaLM

    evaluator = Evaluator(folder, device="cpu")
    return BrahmaLM(evaluator.model, evaluator.tokenizer, **{"max_length": 96, "batch_size": 4, **options})


def asked(options: Mapping[str, Any], contexts: list[str] = CONTEXTS) -> list[Any]:
    return [Asked(context, options) for context in contexts]


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma2", "mistral", "mamba", "bloom"])
def test_greedy_texts_are_those_of_hflm(kind: str, folders: Any) -> None:
    theirs, model = hflm(folders(kind)), ours(folders(kind))
    free = theirs.generate_until(asked({"max_gen_toks": 24, "until": []}), disable_tqdm=True)
    assert len(set(free)) > 4
    stops = sorted({text[4:6] for text in free[:3]} - {""})
    for options in (
        {"max_gen_toks": 24, "until": []},
        {"max_gen_toks": 24, "until": stops, "do_sample": False},
        {"max_new_tokens": 9, "until": stops[0], "temperature": 0.0},
    ):
        expected = theirs.generate_until(asked(options), disable_tqdm=True)
        assert model.generate_until(asked(options)) == expected
    rooms = (72, 72, 87)
    lengths = [len(model.tok_encode(context)) for context in CONTEXTS]
    assert model.truncated == sum(length > room for room in rooms for length in lengths)


def test_texts_do_not_depend_on_what_is_written_with_them(folders: Any) -> None:
    options = {"max_gen_toks": 24, "until": ["e"]}
    alone = ours(folders("llama"), batch_size=1).generate_until(asked(options))
    for size in (3, 16):
        assert ours(folders("llama"), batch_size=size).generate_until(asked(options)) == alone


def test_requests_of_different_settings_keep_their_own(folders: Any) -> None:
    model = ours(folders("llama"))
    mixed = [Asked(context, {"max_gen_toks": 4 + 8 * (n % 2)}) for n, context in enumerate(CONTEXTS)]
    short = model.generate_until(asked({"max_gen_toks": 4}))
    long = model.generate_until(asked({"max_gen_toks": 12}))
    expected = [long[n] if n % 2 else short[n] for n in range(len(CONTEXTS))]
    assert model.generate_until(mixed) == expected


def test_what_all_prompts_begin_with_is_computed_once(folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ours(folders("llama"), batch_size=2)
    read: list[int] = []
    forward = model.model.model.forward

    def counted(*args: Any, **options: Any) -> Any:
        read.append(options["input_ids"].numel())
        return forward(*args, **options)

    monkeypatch.setattr(model.model.model, "forward", counted)
    contexts = [f"{SHOTS}{letter}" for letter in "abcd"]
    options = {"max_gen_toks": 1}
    together = model.generate_until(asked(options, contexts))
    shared = sum(read)
    read.clear()
    alone = [model.generate_until(asked(options, [context]))[0] for context in contexts]
    assert together == alone
    assert shared < sum(read) / 2


def test_rows_that_have_ended_are_not_run_on(folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ours(folders("llama"), batch_size=8)
    free = model.generate_until(asked({"max_gen_toks": 24}, CONTEXTS[:8]))
    stop = next(letter for letter in free[0] if letter not in free[5])
    rows: list[int] = []
    forward = model.model.model.forward

    def counted(*args: Any, **options: Any) -> Any:
        rows.append(options["input_ids"].shape[0])
        return forward(*args, **options)

    monkeypatch.setattr(model.model.model, "forward", counted)
    contexts = [CONTEXTS[0]] * 6 + [CONTEXTS[5]]
    model.generate_until(asked({"max_gen_toks": 24, "until": [stop]}, contexts))
    assert max(rows) == 7
    assert rows[-1] == 1


def test_drawn_texts_follow_their_requests_and_the_seed(folders: Any) -> None:
    options = {"max_gen_toks": 12, "do_sample": True, "temperature": 1.3}
    contexts = [CONTEXTS[0], CONTEXTS[1], CONTEXTS[0]]
    first = ours(folders("llama"), seed=3).generate_until(asked(options, contexts))
    assert first[0] != first[2]  # the same request again is another draw
    again = ours(folders("llama"), seed=3, batch_size=1).generate_until(asked(options, contexts[1:]))
    assert again == [first[1], first[0]]
    assert ours(folders("llama"), seed=4).generate_until(asked(options, contexts)) != first


def test_drawn_texts_keep_to_the_tasks_filters(folders: Any) -> None:
    model = ours(folders("llama"))
    greedy = model.generate_until(asked({"max_gen_toks": 8}))
    first = {"max_gen_toks": 8, "do_sample": True, "temperature": 2.0, "top_k": 1}
    assert model.generate_until(asked(first)) == greedy


def test_each_text_is_handed_out_when_its_batch_is_written(folders: Any) -> None:
    model, order = ours(folders("llama"), batch_size=2), []

    class Hook:
        def add_partial(self, kind: str, arguments: Any, text: str) -> None:
            order.append((kind, arguments[0], arguments[1], text))

    model.set_cache_hook(Hook())
    options = {"max_gen_toks": 4, "until": ["x"]}
    texts = model.generate_until(asked(options))
    assert {(context, text) for _, context, _, text in order} == set(zip(CONTEXTS, texts, strict=True))
    assert {kind for kind, *_ in order} == {"generate_until"}
    assert all(given == options for _, _, given, _ in order)
    lengths = [len(model.tok_encode(context)) for _, context, _, _ in order]
    assert lengths == sorted(lengths, reverse=True)


def test_a_batch_that_does_not_fit_into_memory_is_halved(
    folders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    model = ours(folders("llama"), batch_size=8)
    expected = model.generate_until(asked({"max_gen_toks": 6}))
    forward, sizes = model.model.model.forward, []

    def small(*args: Any, **options: Any) -> Any:
        sizes.append(options["input_ids"].shape[0])
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("no room")
        return forward(*args, **options)

    monkeypatch.setattr(model.model.model, "forward", small)
    assert model.generate_until(asked({"max_gen_toks": 6})) == expected
    assert sizes.count(8) == sizes.count(4) == 1  # learnt once


def test_more_tokens_than_the_context_has_are_refused(folders: Any) -> None:
    with pytest.raises(ModelError, match="96 new tokens leave no room for a prompt in the model's context"):
        ours(folders("llama")).generate_until(asked({"max_gen_toks": 96}))


def test_a_beam_search_is_refused_by_name(folders: Any) -> None:
    with pytest.raises(ConfigError, match="num_beams=4"):
        ours(folders("llama")).generate_until(asked({"max_gen_toks": 8, "num_beams": 4}))
    model = ours(folders("llama"))
    one = model.generate_until(asked({"max_gen_toks": 8, "num_beams": 1}))
    assert one == model.generate_until(asked({"max_gen_toks": 8}))
