"""Tokenizers: training byte-level BPE, loading, and fitting one to its model."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING, cast

from brahma.core.error_text import first_line
from brahma.core.errors import ModelError, TokenizerError
from brahma.core.hub import reachable_source
from brahma.core.progress import Task, progress
from brahma.core.sizes import amount
from brahma.data.templates import DEFAULT_TEMPLATE, ROLE_TOKENS

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

    from brahma.data.rows import Row

PAD, BOS, EOS = "<pad>", "<s>", "</s>"
SPECIAL_TOKENS = (PAD, BOS, EOS, *ROLE_TOKENS)
"""Ids 0, 1, 2, … of every tokenizer trained here."""
MIN_VOCAB_SIZE = 256 + len(SPECIAL_TOKENS)
"""The special tokens and one token for each byte."""

_PATIENCE = 0.2
"""Seconds until Ctrl-C is seen."""
_FAREWELL = 5.0
"""Seconds that Rust code is given to end before the program does; it would abort in the middle of it."""
_PIECE = 1 << 16
"""Characters of a text that are taken or left as one when a corpus is sampled."""
_SURE = 0.75
"""Share of a text's merges that nine tenths of it still hold."""
_UNLIMITED = 1_000_000_000
"""`model_max_length`: a tokenizer does not know how long its model's sequences may be."""

_log = logging.getLogger(__name__)


def train_tokenizer(
    texts: Iterable[str], vocab_size: int = 8192, min_frequency: int = 2
) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer: every text round-trips, none is unknown.

    Ids 0, 1, 2 are `<pad>`, `<s>`, `</s>`; the marks of our chat template follow, then the 256 bytes, then
    merges (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909; bytes as in GPT-2). Encoding adds
    `<s>` in front, never `</s>`. The tokenizer carries our chat template.

    Args:
        texts: the training text; `sample_texts` takes it evenly from a data set.
        vocab_size: ids, special tokens included. Little text gives fewer, which the log says.
        min_frequency: a pair must occur this often to become a token.

    Raises:
        TokenizerError: `vocab_size` has no room for the bytes; there is no text.
    """
    if vocab_size < MIN_VOCAB_SIZE:
        raise TokenizerError(
            f"a vocabulary of {vocab_size} is too small",
            why=f"256 bytes and {len(SPECIAL_TOKENS)} special tokens need {MIN_VOCAB_SIZE}",
            hint="1024 to 32768 is usual",
        )
    backend = _train_bpe(texts, vocab_size, min_frequency)
    if backend.get_vocab_size() < vocab_size:
        _log.warning(
            "the tokenizer has %d tokens, not %d: the text holds no more pairs that occur %d times",
            backend.get_vocab_size(), vocab_size, min_frequency,
        )  # fmt: skip
    return _wrapped(backend)


def filled_vocabulary(texts: Iterable[str], most: int) -> int:
    """The ids, up to `most`, that a tokenizer makes from the text, also where a tenth of it is held out."""
    found = _train_bpe(texts, most, 2).get_vocab_size()
    if found >= most:
        return most
    merges = _SURE * (found - MIN_VOCAB_SIZE)
    return MIN_VOCAB_SIZE + int(merges) // 10 * 10


def _train_bpe(texts: Iterable[str], vocab_size: int, min_frequency: int) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    with progress("training the tokenizer", unit="bytes") as task:
        stop = Event()
        _in_thread(lambda: backend.train_from_iterator(_counted(texts, task, stop), trainer), stop)
    backend.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, SPECIAL_TOKENS.index(BOS))]
    )
    return backend


def _in_thread(work: Callable[[], None], stop: Event) -> None:
    """Run it in a thread: in this one its Rust code would keep Ctrl-C waiting until it is done."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=run, name="tokenizer", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_PATIENCE)
    finally:
        stop.set()
        thread.join(_FAREWELL)
    if errors:
        raise errors[0]


def _counted(texts: Iterable[str], task: Task, stop: Event) -> Iterator[str]:
    """The texts, until it is to stop; there must be some."""
    empty = True
    for text in texts:
        if stop.is_set():
            raise KeyboardInterrupt
        empty = empty and not text
        task.advance(len(text.encode()))
        yield text
    if empty:
        raise TokenizerError(
            "there is no text to train a tokenizer on", hint="Check the data with `brahma data inspect`"
        )


def _wrapped(backend: Tokenizer) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        model_max_length=_UNLIMITED,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = DEFAULT_TEMPLATE
    return tokenizer


def sample_texts(rows: Iterable[Row], max_bytes: int) -> Iterator[str]:
    """At most `max_bytes` of the rows' text, taken evenly from first to last; all of it if that is less.

    Long texts are taken in pieces, so that one long document does not use up the budget. The rows are read
    twice: once to measure them, before this returns.
    """
    total = 0
    with progress("measuring the text", unit="bytes") as task:
        for piece in _pieces(rows):
            total += len(piece.encode())
            task.update(total)
    share = min(1.0, max_bytes / max(1, total))
    if share < 1.0:
        used, there = amount(max_bytes, "bytes"), amount(total, "bytes")
        _log.info("of %s of text, %s are used, taken evenly from first to last", there, used)
    return _share_of(_pieces(rows), share, max_bytes)


def _share_of(pieces: Iterable[str], share: float, max_bytes: int) -> Iterator[str]:
    seen = taken = 0
    for piece in pieces:
        size = len(piece.encode())
        seen += size
        if share == 1.0 or (taken < share * seen and taken + size <= max_bytes):
            taken += size
            yield piece


def _pieces(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        for text in row.texts():
            for start in range(0, len(text), _PIECE):
                yield text[start : start + _PIECE]


def bytes_per_token(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> float:
    """UTF-8 bytes that a token spells on average; special tokens are not counted."""
    num_bytes = num_tokens = 0
    for text in texts:
        num_bytes += len(text.encode())
        num_tokens += len(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)
    return num_bytes / max(1, num_tokens)


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a tokenizer into a new folder; it is there whole or not at all.

    Raises:
        TokenizerError: the folder exists and holds something, or cannot be written.
    """
    check_new_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            built = Path(scratch, folder.name)
            tokenizer.save_pretrained(built)
            built.rename(folder)
    except OSError as error:
        raise TokenizerError(
            "the tokenizer cannot be written",
            where=str(folder),
            why=error.strerror,
            hint="Check the path, its permissions and the free space",
        ) from error


def check_new_folder(folder: Path) -> None:
    """Hold that a tokenizer can be written there, before one is trained.

    Raises:
        TokenizerError: something is there, or the folder around it may not be written.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        kind = "file" if folder.is_file() else "folder"
        raise TokenizerError(
            f"the {kind} exists already", where=str(folder), hint="Name a new folder, or remove it"
        )
    around = next(each for each in folder.absolute().parents if each.exists())
    if not around.is_dir() or not os.access(around, os.W_OK):
        raise TokenizerError(
            "the tokenizer cannot be written",
            where=str(folder),
            why=f"{around} may not be written" if around.is_dir() else f"{around} is a file",
            hint="Name a folder in another place",
        )


def loaded_tokenizer(tokenizer: PreTrainedTokenizerBase | str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer itself, also if it is given by its place, as `load_tokenizer` takes it."""
    return load_tokenizer(tokenizer) if isinstance(tokenizer, str | Path) else tokenizer


def load_tokenizer(path: str | Path) -> PreTrainedTokenizerBase:
    """A tokenizer from a folder, a `tokenizer.json`, or a hub id. Code that it ships is never run.

    Raises:
        TokenizerError: it is not there, lacks files, or is not a fast tokenizer.
    """
    local = Path(path).expanduser()
    if local.is_file() and local.suffix == ".json":
        return _from_json(local)
    if not local.exists() and (
        local.is_absolute() or str(path).startswith((".", "~")) or str(path).count("/") > 1
    ):
        raise TokenizerError(
            "there is no such tokenizer", where=str(path), hint="Give a folder that holds tokenizer.json"
        )
    try:
        source = reachable_source(path)
    except ModelError as error:
        raise TokenizerError(
            "there is no such tokenizer", where=error.where, why=error.why, hint="Check the path"
        ) from error
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise TokenizerError(
            "the tokenizer cannot be loaded",
            where=str(path),
            why="the folder holds no file of a tokenizer"
            if local.is_dir() and not any(local.glob("tokenizer*"))
            else first_line(error),
            hint="A tokenizer's folder holds tokenizer.json and tokenizer_config.json: copy them there",
        ) from error
    require_fast(tokenizer, str(path))
    return cast("PreTrainedTokenizerBase", tokenizer)


def _from_json(path: Path) -> PreTrainedTokenizerBase:
    """A bare `tokenizer.json`; beside a `tokenizer_config.json` the whole folder is loaded."""
    from transformers import PreTrainedTokenizerFast

    if (path.parent / "tokenizer_config.json").is_file() and path.name == "tokenizer.json":
        return load_tokenizer(path.parent)
    try:
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(path), model_max_length=_UNLIMITED)
    except Exception as error:  # tokenizers raises bare Exception for a file that it cannot read
        raise TokenizerError(
            "the file is no tokenizer", where=str(path), why=str(error), hint="Give a tokenizer.json"
        ) from error
    known = {"pad_token": (PAD,), "bos_token": (BOS,), "eos_token": (EOS, "<|endoftext|>")}
    for attribute, names in known.items():
        held = next((name for name in names if name in tokenizer.get_vocab()), None)
        if held:
            setattr(tokenizer, attribute, held)
    return cast("PreTrainedTokenizerBase", tokenizer)


def require_fast(tokenizer: PreTrainedTokenizerBase, where: str | None = None) -> None:
    """Refuse a tokenizer that cannot tell which characters a token spells.

    Raises:
        TokenizerError: it is not a fast tokenizer.
    """
    if not tokenizer.is_fast:
        raise TokenizerError(
            "this tokenizer has no fast version",
            where=where,
            why="masks need to know which characters a token spells, which only fast tokenizers tell",
            hint="Convert it to a tokenizer.json",
        )


def check_tokenizer_fits(tokenizer: PreTrainedTokenizerBase, vocab_size: int) -> None:
    """Refuse a tokenizer with ids that the model has no embedding for.

    Args:
        tokenizer: the tokenizer.
        vocab_size: rows of the model's embedding.

    Raises:
        TokenizerError: an id is `vocab_size` or greater.
    """
    needed = max(tokenizer.get_vocab().values()) + 1
    if needed > vocab_size:
        raise TokenizerError(
            f"the tokenizer has {needed} ids, the model's vocabulary {vocab_size}",
            where="model_config.vocab_size",
            hint=f"Set vocab_size to {needed} or more, or use the model's own tokenizer",
        )


def pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id that fills slots: pad, else unk, else eos.

    Padding is masked by position, never by this id: an end token that is also the padding is still learned.

    Raises:
        TokenizerError: the tokenizer has none of them.
    """
    for found in (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.eos_token_id):
        if found is not None:
            return int(found)
    raise TokenizerError("the tokenizer has no end token", hint="Set eos_token in its tokenizer_config.json")
