"""What a model is, before there is one: nothing is allocated, and torch is not imported."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.config.resolve import load_model_section
from brahma.core.config.sections import ModelSection
from brahma.core.config.shape import architecture, explicit
from brahma.core.error_text import first_line
from brahma.core.errors import ModelError
from brahma.core.hub import reachable_source
from brahma.core.model_files import ADAPTER_CONFIG, is_adapter
from brahma.core.presets import PRESETS
from brahma.core.suffixes import CONFIG_SUFFIXES

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A Llama-shaped network, in Hugging Face keys."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    hidden_act: str
    max_position_embeddings: int
    initializer_range: float
    rms_norm_eps: float
    use_cache: bool
    pad_token_id: int | None
    bos_token_id: int | None
    eos_token_id: int | None
    tie_word_embeddings: bool
    rope_theta: float
    rope_scaling: dict[str, Any] | None
    attention_bias: bool
    attention_dropout: float
    mlp_bias: bool

    @property
    def is_llama(self) -> bool:
        """Whether transformers' Llama configuration takes this shape; its Mistral takes the others."""
        return self.hidden_size % self.num_attention_heads == 0

    @property
    def num_parameters(self) -> int:
        """Parameters of the built model, tied ones counted once."""
        hidden, inner = self.hidden_size, self.intermediate_size
        queries, keys = self.num_attention_heads * self.head_dim, self.num_key_value_heads * self.head_dim
        attention = hidden * (2 * queries + 2 * keys)
        if self.attention_bias:
            attention += queries + 2 * keys + hidden
        feed_forward = 3 * hidden * inner + (2 * inner + hidden if self.mlp_bias else 0)
        layer = attention + feed_forward + 2 * hidden  # two norms
        embeddings = self.vocab_size * hidden * (1 if self.tie_word_embeddings else 2)
        return self.num_hidden_layers * layer + hidden + embeddings


@dataclass(frozen=True, kw_only=True, repr=False)
class ModelSpec:
    """A model to build or to load.

    Made by `preset`, `from_config`, `from_pretrained` or `from_section`.

    Attributes:
        name: for people: the preset, the file's stem, or the base model.
        architecture: of a new model; None for a base model, which brings its own.
        base_model: folder or hub id of a model to start from; None for a new one.
        trust_remote_code: run code that the base model ships.
        explicit: the architecture keys that were given; a tokenizer may not contradict these.
    """

    name: str
    architecture: Architecture | None = None
    base_model: str | None = None
    trust_remote_code: bool = False
    explicit: frozenset[str] = field(default=frozenset(), compare=False)

    def __new__(cls, *args: object, **fields: object) -> ModelSpec:
        """Tell those who write `ModelSpec("nano")` what they mean."""
        if args:
            raise ModelError(f"ModelSpec({args[0]!r}) makes no model", hint=_maker(args[0]))
        return super().__new__(cls)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> ModelSpec:
        """A size by name: nano, micro, tiny, small, medium, large, xl, xxl.

        Args:
            changes: architecture keys that replace the preset's.

        Raises:
            ConfigError: no such preset, or a key that does not exist or makes no sense.
        """
        return cls.from_section(load_model_section({"preset": name}, changes))

    @classmethod
    def from_config(cls, source: str | Path | Mapping[str, Any], **changes: Any) -> ModelSpec:
        """From a JSON, YAML or TOML file or a dictionary, in the guide's keys.

        Args:
            source: the keys of `model_config`, at its top level or under that name.
            changes: keys that replace those of `source`.

        Raises:
            ConfigError: the file cannot be read, or with all mistakes in it.
        """
        name = "custom" if isinstance(source, Mapping) else Path(source).stem
        return cls.from_section(load_model_section(source, changes), name=name)

    @classmethod
    def from_pretrained(cls, path_or_hub_id: str | Path, trust_remote_code: bool = False) -> ModelSpec:
        """A model that exists: a local folder or a hub id. It is not looked at yet.

        Raises:
            ModelError: it is the name of a preset, which has no weights yet.
        """
        text = str(path_or_hub_id)
        if text in PRESETS and not Path(text).exists():
            raise ModelError(
                f"{text!r} is a preset, a model without weights yet, and no folder is called so",
                hint=f'ModelSpec.preset("{text}"), or "preset": "{text}" in model_config',
            )
        base = str(Path(text).expanduser().absolute()) if Path(text).expanduser().exists() else text
        return cls(name=Path(text).name, base_model=base, trust_remote_code=trust_remote_code)

    @classmethod
    def from_section(cls, section: ModelSection, *, name: str = "custom") -> ModelSpec:
        """From a checked `model_config`; `name` is for an architecture that is no preset."""
        if section.base_model is not None:
            return cls.from_pretrained(section.base_model, section.trust_remote_code)
        return cls(
            name=section.preset or name,
            architecture=Architecture(**architecture(section)),
            explicit=frozenset(explicit(section)),
        )

    @property
    def num_parameters(self) -> int:
        """Parameters of the model, tied ones counted once; nothing is allocated.

        Raises:
            ModelError: a base model's configuration cannot be read.
        """
        if self.architecture is not None:
            return self.architecture.num_parameters
        import torch
        from transformers import AutoModelForCausalLM

        build: Callable[..., torch.nn.Module] = AutoModelForCausalLM.from_config
        with torch.device("meta"):
            model = build(self.hf_config(), trust_remote_code=self.trust_remote_code)
        return sum(parameter.numel() for parameter in model.parameters())

    def to_dict(self) -> dict[str, Any]:
        """Flat Hugging Face keys, as in a `config.json`; of a base model, its own.

        Raises:
            ModelError: a base model's configuration cannot be read.
        """
        if self.architecture is None:
            return dict(self.hf_config().to_dict())
        if self.architecture.is_llama:
            return {"model_type": "llama", **asdict(self.architecture)}
        return {"model_type": "mistral", "sliding_window": None, **asdict(self.architecture)}

    def hf_config(self) -> PreTrainedConfig:
        """transformers' configuration of this model (imports transformers).

        Raises:
            ModelError: transformers cannot read or refuses the configuration.
        """
        if self.base_model is not None:
            return _base_config(self.base_model, self.trust_remote_code)
        from huggingface_hub.errors import StrictDataclassError
        from transformers import LlamaConfig, MistralConfig

        values = self.to_dict()
        kind = LlamaConfig if values.pop("model_type") == "llama" else MistralConfig
        try:
            return kind(**values)
        except (StrictDataclassError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"transformers refuses the architecture {self.name}",
                where="model_config",
                why=first_line(error),
                hint="correct the key that the cause names, or start from a preset",
            ) from error

    def with_tokenizer(self, vocab_size: int, pad: int | None, bos: int | None, eos: int | None) -> ModelSpec:
        """This model for a tokenizer, whose size and ids win; a base model is returned as it is.

        Args:
            vocab_size: ids of the tokenizer.
            pad: its padding id; None when it has none. `bos` and `eos` likewise.

        Raises:
            ModelError: an explicit key of the model contradicts the tokenizer.
        """
        if self.architecture is None:
            return self
        given = self.architecture.vocab_size if "vocab_size" in self.explicit else vocab_size
        if given < vocab_size:
            raise ModelError(
                f"the tokenizer has {vocab_size} ids, more than the model's vocab_size, {given}",
                where="model_config.vocab_size",
                hint="remove vocab_size: it follows from the tokenizer",
            )
        fitted = replace(
            self.architecture,
            vocab_size=given,
            pad_token_id=self._token_id("pad_token_id", pad),
            bos_token_id=self._token_id("bos_token_id", bos),
            eos_token_id=self._token_id("eos_token_id", eos),
        )
        return replace(self, architecture=fitted)

    def _token_id(self, key: str, token: int | None) -> int | None:
        """The tokenizer's id; an explicit one where the tokenizer has none.

        Raises:
            ModelError: both are there and disagree.
        """
        given: int | None = getattr(self.architecture, key) if key in self.explicit else token
        if token is not None and given != token:
            raise ModelError(
                f"{key} is {given}, but the tokenizer's is {token}",
                where=f"model_config.{key}",
                hint=f"remove {key}: the tokenizer's ids are used",
            )
        return given

    def __repr__(self) -> str:
        if self.architecture is None:
            return f"ModelSpec({self.name!r}, base_model={self.base_model!r})"
        shape = self.architecture
        return (
            f"ModelSpec({self.name!r}, {human_count(self.num_parameters)} parameters, "
            f"{shape.num_hidden_layers} layers × {shape.hidden_size}, vocabulary {shape.vocab_size:,})"
        )


def _base_config(base_model: str, trust_remote_code: bool) -> PreTrainedConfig:
    if base_model.startswith((".", "/", "~")) and not Path(base_model).exists():
        raise ModelError(
            "there is no such folder", where=base_model, hint=f"the working directory is {Path.cwd()}"
        )
    if is_adapter(base_model):
        raise _adapter_as_base(base_model)
    source = reachable_source(base_model)  # before transformers is imported: a misspelt name is told at once
    from transformers import AutoConfig

    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(source, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        raise ModelError(
            "transformers cannot read this model's configuration",
            where=base_model,
            why=first_line(error),
            hint="name the folder that holds config.json and model.safetensors, or a hub id",
        ) from error
    return config


def _adapter_as_base(folder: str) -> ModelError:
    try:
        values = json.loads((Path(folder).expanduser() / ADAPTER_CONFIG).read_bytes())
        base = str(values["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError):
        base = "the model that it was trained on"
    return ModelError(
        "the base model is an adapter",
        where=folder,
        hint=f'train it on with "base_model": "{base}" and, in lora_config, "adapter": "{folder}"; or make a '
        f"whole model of it: brahma merge {folder} --output DIR",
    )


def human_count(count: int) -> str:
    """`30100000` -> `30.1M`."""
    for unit, size in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if count >= size:
            return f"{count / size:.3g}{unit}" if count < 1000 * size else f"{count / size:.0f}{unit}"
    return str(count)


def _maker(given: object) -> str:
    """The function that makes a specification of such a thing."""
    if isinstance(given, Mapping) or str(given).endswith(CONFIG_SUFFIXES):
        return f"ModelSpec.from_config({given!r})"
    return f"ModelSpec.{'preset' if given in PRESETS else 'from_pretrained'}({given!r})"
