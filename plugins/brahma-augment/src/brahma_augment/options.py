"""Options of the techniques."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from brahma.core.config.sections import Section

_Positive = Annotated[float, Field(gt=0)]
_Count = Annotated[int, Field(ge=1)]
_Folder = Annotated[Path, Field(strict=False)]
"""Also as the string that a command or a file gives."""


class EngineOptions(Section):
    """What the engines of both techniques take; each takes those that mean something to it."""

    model: str | None = None
    """Of an `openai:` server: the model's name. Absent: the only one that the server has."""
    api_key_env: str = "OPENAI_API_KEY"
    """Of a server: the environment variable that holds its key; a key is never an option."""
    concurrency: _Count = 8
    """Of a server: requests at the same time."""
    requests_per_minute: _Count | None = None
    """Of a server: requests that begin in a minute, at most. Absent: no limit."""
    attempts: _Count = 4
    """Of a server: how often a request is tried before its passage counts as failed."""
    cache: _Folder | None = None
    """Of a server: the folder of its answers, by content. Absent: `brahma/augment` in the user's cache."""
    timeout: _Positive = 120.0
    """Seconds for a request to a server, or for one process of Apertium."""
    temperature: Annotated[float, Field(ge=0)] = 0.7
    """Of a model: how freely it chooses its words; 0 always takes the likeliest."""
    max_new_tokens: _Count = 512
    """Of a model: the longest variant."""
    batch_size: _Count = 8
    """Of a local model: passages at once."""


class ParaphraseOptions(EngineOptions):
    """Options of `paraphrase`."""

    engine: str = "wordnet"
    """`wordnet` or `wordnet:DIR`, `hf:DIR`, `seq2seq:DIR`, or `openai:URL`."""


class BacktranslationOptions(EngineOptions):
    """Options of `backtranslation`."""

    engine: str = "apertium"
    """`apertium` or `apertium:en-eo,eng-spa`, `seq2seq:DIR,DIR`, `hf:DIR`, or `openai:URL`."""
    language: str = "German"
    """Of `hf` and `openai`: the language through which a passage goes."""
    wordnet: _Folder | None = None
    """Of `apertium`: the folder of WordNet's files, which check its words. Absent: where Debian has them."""
