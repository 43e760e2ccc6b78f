"""Tokenizers trained in the test, a few hundred tokens each."""

from functools import cache

from transformers import PreTrainedTokenizerFast

from brahma.data.tokenizer import train_tokenizer

TEXT = [
    "the quick brown fox jumps over the lazy dog, and the dog says: hello there!",
    "def hello(name):\n    return 'hello ' + name\n",
    "Grüße aus Köln — naïve café 你好 🙂",
] * 4

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""Most published templates are like this one: no generation block, a line end behind the turn's end token."""


@cache
def small_tokenizer() -> PreTrainedTokenizerFast:
    """One of ours, with our template."""
    return train_tokenizer(TEXT, 400)


@cache
def gpt2_like() -> PreTrainedTokenizerFast:
    """Byte-level, no bos added, end = beginning = unknown, no padding token, offsets without blanks."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(TEXT, trainer)
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=end, eos_token=end, unk_token=end)


@cache
def sentencepiece_like() -> PreTrainedTokenizerFast:
    """Puts a blank in front of what it encodes, as Llama 2's does."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE(unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    backend.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=200, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False
    )
    backend.train_from_iterator(TEXT, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
