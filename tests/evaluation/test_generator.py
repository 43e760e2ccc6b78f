"""The Generator: a batch is each alone, a stream is the text, a cache changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from brahma.core.errors import ConfigError, ModelError
from brahma.evaluation.generator import Generator
from brahma.evaluation.sampling import Sampling

if TYPE_CHECKING:
    pass

PROMPTS = ["The quick brown", "One.", "", "Naïve café owners don't count", "def add(a, b):\n    return"]
QUESTION = [{"role": "user", "content": "The quick?"}]


@pytest.fixture(scope="module")
def generator(model_folder: Path) -> Generator:
    """Its head never ends a text by itself: token 2 has logit 0, and some other one is above."""
    import torch

    generator = Generator(model_folder, device="cpu")
    with torch.no_grad():
        generator.model.get_output_embeddings().weight[2] = 0
    return generator


def one_by_one(generator: Generator, sampling: Sampling) -> list[str]:
    return [
        generator.generate_with([prompt], sampling, first=number)[0] for number, prompt in enumerate(PROMPTS)
    ]


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=0, max_new_tokens=12),
        Sampling(temperature=0, max_new_tokens=12, repetition_penalty=1.7),
        Sampling(temperature=1.3, max_new_tokens=12, seed=4, top_k=50, min_p=0.01),
        Sampling(temperature=0),  # as many tokens as each prompt leaves room for
    ],
    ids=str,
)
@pytest.mark.parametrize("batch_size", [2, 8])
def test_a_batch_is_each_prompt_alone(generator: Generator, sampling: Sampling, batch_size: int) -> None:
    batch = generator.generate_with(PROMPTS, sampling, batch_size=batch_size)
    assert batch == one_by_one(generator, sampling)
    assert len(set(batch)) == len(PROMPTS)


@pytest.mark.parametrize("temperature", [0, 1.2])
def test_a_stream_is_the_text_in_pieces(generator: Generator, temperature: float) -> None:
    stream = generator.stream(PROMPTS[0], temperature=temperature, max_new_tokens=20)
    pieces = list(stream)
    assert "".join(pieces) == stream.text
    assert [stream.text] == generator.generate(PROMPTS[0], temperature=temperature, max_new_tokens=20)
    assert len(pieces) > 5
    assert (stream.ending, stream.tokens) == ("length", 20)
    assert 0 < stream.seconds_to_first < stream.seconds
    assert stream.tokens_per_second > 0


def test_samples_of_one_prompt_differ_and_come_again_with_the_seed(generator: Generator) -> None:
    def written(seed: int) -> list[str]:
        return generator.generate(
            ["a", "b"], num_samples=3, seed=seed, temperature=1.5, max_new_tokens=12, batch_size=4
        )

    first = written(1)
    assert len(set(first)) == 6
    assert written(1) == first
    assert not set(written(2)) & set(first)


def test_drawn_tokens_follow_the_models_distribution(generator: Generator) -> None:
    """Of 3,000 first tokens, each of the likeliest comes as often as its probability says (4 sigma)."""
    import torch

    ids = torch.tensor([generator.tokenizer("The quick")["input_ids"]])
    with torch.no_grad():
        logits = generator.model(ids).logits[0, -1]
    from brahma.evaluation.choosing import Choice

    choice = Choice(Sampling(temperature=2.0, top_p=1.0), range(3000), torch.device("cpu"))
    processors = choice.of(range(3000))
    drawn = processors(cast(Any, ids.expand(3000, -1)), cast(Any, logits.expand(3000, -1).clone())).argmax(-1)
    probabilities = torch.softmax(logits / 2.0, -1)
    for token in probabilities.topk(5).indices.tolist():
        p = float(probabilities[token])
        share = float((drawn == token).float().mean())
        assert abs(share - p) < 4 * (p * (1 - p) / 3000) ** 0.5


def test_stop_texts_end_each_row_for_itself(generator: Generator) -> None:
    free = generator.generate(PROMPTS, temperature=0, max_new_tokens=16)
    stop = free[0][4:6]
    cut = generator.generate(PROMPTS, temperature=0, max_new_tokens=16, stop=[stop])
    assert cut == [text.split(stop)[0] for text in free]
    stream = generator.stream(PROMPTS[0], temperature=0, max_new_tokens=16, stop=[stop])
    assert list(stream)
    assert (stream.text, stream.ending) == (cut[0], "stop")


@pytest.mark.parametrize("temperature", [1e-30, 1e-3])
def test_a_temperature_of_almost_zero_is_zero(generator: Generator, temperature: float) -> None:
    cold = generator.generate(PROMPTS, temperature=temperature, max_new_tokens=8)
    assert cold == generator.generate(PROMPTS, temperature=0, max_new_tokens=8)


def test_a_repetition_penalty_changes_the_text(generator: Generator) -> None:
    plain = generator.generate(PROMPTS, temperature=0, max_new_tokens=30)
    assert plain != generator.generate(PROMPTS, temperature=0, max_new_tokens=30, repetition_penalty=3.0)


def test_leaving_the_loop_stops_the_writing(generator: Generator) -> None:
    stream = generator.stream(PROMPTS[0], temperature=0, max_new_tokens=50)
    seen = ""
    for piece in stream:
        seen += piece
        if len(seen) > 3:
            break
    assert stream.text == seen
    assert stream.ending == "cancelled"
    generator.generate("a", max_new_tokens=1)  # the model is free again
    assert stream.tokens < 50


def test_an_exception_in_the_loop_stops_the_writing(generator: Generator) -> None:
    stream = generator.stream(PROMPTS[0], temperature=0, max_new_tokens=50)

    def read() -> None:
        for _ in stream:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read()
    assert stream.ending == "cancelled"
    assert list(stream) == []  # it can be read once
    generator.generate("a", max_new_tokens=1)


def test_an_error_while_writing_reaches_the_reader(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the machine is on fire")

    stream = generator.stream("a", max_new_tokens=4)
    monkeypatch.setattr(generator.model, "forward", fail)
    with pytest.raises(RuntimeError, match="on fire"):
        list(stream)
    monkeypatch.undo()
    assert list(generator.stream("a", max_new_tokens=4, temperature=0))


def count_tokens_run(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """A counter of tokens that went through the model since the last call of it."""
    run: list[int] = []
    forward = generator.model.forward

    def counted(*args: Any, **kwargs: Any) -> Any:
        run.append(kwargs["input_ids"].numel())
        return forward(*args, **kwargs)

    monkeypatch.setattr(generator.model, "forward", counted)

    def count() -> int:
        total = sum(run)
        run.clear()
        return total

    return count


def test_a_conversation_goes_on_from_the_cache_and_says_the_same(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers(fresh: bool) -> list[str]:
        generator, messages, written = Generator(model_folder, device="cpu"), [], []
        for question in ("One.", "The quick?", "Two?"):
            messages.append({"role": "user", "content": question})
            stream = generator.stream(messages, temperature=0, max_new_tokens=6)
            written.append("".join(stream))
            messages.append({"role": "assistant", "content": written[-1]})
            if fresh:
                generator = Generator(model_folder, device="cpu")
        return written

    assert answers(fresh=False) == answers(fresh=True)
    generator = Generator(model_folder, device="cpu")
    tokens_run = count_tokens_run(generator, monkeypatch)
    list(generator.stream("The quick brown fox", temperature=0, max_new_tokens=4))
    first = tokens_run()
    list(generator.stream("The quick brown fox jumps", temperature=0, max_new_tokens=4))
    assert tokens_run() < first


def test_after_a_cancelled_answer_the_cache_is_still_right(generator: Generator) -> None:
    expected = generator.generate("The quick brown fox", temperature=0, max_new_tokens=10)
    for _ in range(2):
        for _ in generator.stream("The quick brown fox", temperature=0, max_new_tokens=30):
            break
        stream = generator.stream("The quick brown fox", temperature=0, max_new_tokens=10)
        assert ["".join(stream)] == expected


def test_the_oldest_turns_go_when_the_context_is_full(generator: Generator) -> None:
    system = {"role": "system", "content": "s"}
    turn = [{"role": "user", "content": "a" * 9}, {"role": "assistant", "content": "b" * 9}]
    last = {"role": "user", "content": "c"}
    fitted = generator.fit([system, *turn, *turn, *turn, last], Sampling(max_new_tokens=16))
    assert fitted.dropped > 0
    assert fitted.dropped % 2 == 0
    assert fitted.messages == [system, *(turn * 3)[fitted.dropped :], last]
    assert generator.generate(fitted.messages, max_new_tokens=16)
    assert generator.fit([last], Sampling()).dropped == 0
    with pytest.raises(ModelError, match="in the model's context of 64"):
        generator.fit([{"role": "user", "content": "word " * 60}], Sampling())


def test_a_prompt_that_does_not_fit_is_named_by_its_place(generator: Generator) -> None:
    with pytest.raises(ModelError, match="context of 64") as raised:
        generator.generate(["a", "x" * 100])
    assert raised.value.where == "prompt 2"


@pytest.mark.parametrize("name", ["num_samples", "batch_size"])
def test_counts_are_at_least_one(generator: Generator, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        generator.generate("a", **{name: 0})  # type: ignore[arg-type]


def test_no_prompts_no_texts(generator: Generator) -> None:
    assert generator.generate([]) == []


def test_models_whose_state_remembers_padding_are_batched_by_length() -> None:
    from brahma.evaluation.writing import alike

    sizes = [(4, length) for length in (3, 5, 3, 4, 5)]
    assert list(alike(sizes, equal_lengths=False)) == [[1, 4, 3, 0, 2]]
    assert list(alike(sizes, equal_lengths=True)) == [[0, 2], [3], [1, 4]]


def test_a_generator_shows_its_model_and_loads_nothing_for_it(model_folder: Path) -> None:
    generator = Generator(model_folder, device="cpu")
    assert repr(generator) == f"Generator({str(model_folder)!r}, not loaded yet)"
    assert generator.model is not None
    assert repr(generator) == f"Generator({str(model_folder)!r}, torch.float32 on cpu)"


def test_streams_of_one_model_take_turns(generator: Generator) -> None:
    first = iter(generator.stream("a", temperature=0, max_new_tokens=30))
    next(first)
    second = generator.stream("b", temperature=0, max_new_tokens=4)
    time.sleep(0.01)
    assert ["".join(second)] == generator.generate("b", temperature=0, max_new_tokens=4)
    assert "".join(first)
