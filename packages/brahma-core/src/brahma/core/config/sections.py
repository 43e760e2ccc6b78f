"""The sections of a configuration: frozen, typed, strict at every depth.

A field's documentation stands under the field. Code receives these objects, never dictionaries.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Fraction = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[Text], Field(min_length=1)]
RunName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]

Format = Literal["auto", "text", "jsonl", "chat", "completion", "instruct", "sharegpt"]

EVAL_STEPS = 500
"""Steps between two evaluations when nothing is said."""


class Section(BaseModel):
    """A frozen group of keys; an unknown key is an error, and `"1"` is no number."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        populate_by_name=True,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )


class Choice(Section):
    """A thing chosen by name, with options: `"adamw"` or `{"name": "adamw", "fused": false}`.

    The options are checked by the chosen entry's own model.
    """

    model_config = ConfigDict(extra="allow")

    name: Text

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


def _as_choice(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


NamedChoice = Annotated[Choice, BeforeValidator(_as_choice)]


class ModelSection(Section):
    """`model_config`: a preset, a base model, or the architecture's own keys."""

    preset: Text | None = None
    """One of the presets: nano, micro, tiny, small, medium, large, xl, xxl."""
    base_model: Text | None = None
    """Folder or hub id of a model to start from."""
    model_type: str | None = None
    """`brahma` (the Llama architecture); the guide's own key."""
    vocab_size: Count | None = None
    """Rows of the embedding. Absent: as many as the tokenizer has ids."""
    hidden_size: Count | None = None
    """Width of the residual stream."""
    intermediate_size: Count | None = None
    """Width inside a feed-forward layer."""
    num_hidden_layers: Count | None = None
    """Layers of the network."""
    num_attention_heads: Count | None = None
    """Query heads of a layer."""
    num_key_value_heads: Count | None = None
    """Key-value heads of a layer, a divisor of the query heads; absent: as many as those."""
    head_dim: Count | None = None
    """Width of a head; absent: `hidden_size` / `num_attention_heads`."""
    hidden_act: str | None = None
    """Activation of the feed-forward layers; absent: `silu`."""
    max_position_embeddings: Count | None = None
    """The longest context, tokens; absent: the preset's, or 4096."""
    initializer_range: Positive | None = None
    """Standard deviation of new weights; absent: 0.02."""
    rms_norm_eps: Positive | None = None
    """Added under the root of a norm; absent: 1e-6."""
    use_cache: bool | None = None
    """Whether the saved model generates with a key-value cache; absent: true."""
    pad_token_id: Whole | None = None
    """Padding id. Absent: the tokenizer's; another one than that is an error."""
    bos_token_id: Whole | None = None
    """Id of the beginning. Absent: the tokenizer's."""
    eos_token_id: Whole | None = None
    """Id of the end. Absent: the tokenizer's."""
    tie_word_embeddings: bool | None = None
    """One matrix for input and output embeddings; absent: the preset's, or false."""
    rope_theta: Positive | None = None
    """Base of the rotary positions; absent: 10000."""
    rope_scaling: dict[str, Any] | None = None
    """Scaling of the rotary positions, in transformers' keys; absent: none."""
    attention_bias: bool | None = None
    """Biases in the projections of attention; absent: false."""
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Dropout on attention probabilities; absent: 0."""
    mlp_bias: bool | None = None
    """Biases in the feed-forward layers; absent: false."""
    sliding_window: None = None
    """Only null: attention is over the whole document."""
    trust_remote_code: bool = False
    """Run code that a model folder or hub repository ships. Off unless you say so by name."""


class TokenizerTraining(Section):
    """`tokenizer.train`: train a byte-level BPE tokenizer on the training text."""

    vocab_size: Annotated[int, Field(ge=262)] = 8192
    """Ids, special tokens included (0 pad, 1 bos, 2 eos)."""
    min_frequency: Count = 2
    """A pair must occur this often to become a token."""
    max_bytes: Count = 200_000_000
    """Training text read at most, taken evenly over the corpus."""


class TokenizerSection(Section):
    """`tokenizer`: a path, or what to train. Absent: the base model's own."""

    path: Text | None = None
    """Folder, `tokenizer.json`, or hub id."""
    train: TokenizerTraining | None = None
    """Train one; `{}` takes the defaults."""
    new_tokens: Texts | None = None
    """Special tokens that a base model's tokenizer gets besides; under adapters only their rows train."""


class DataSection(Section):
    """`data_config`: what to train on and how it becomes packs."""

    train: Text | Texts
    """A path, a folder, a glob, or a list of them."""
    validation: Fraction | Text | Texts | None = None
    """A fraction of whole documents held out from `train`, or paths."""
    format: Format = "auto"
    """`auto` recognises the format of each file."""
    seq_length: Count = 1024
    """Tokens a pack holds."""
    packing: Literal["auto", "concat", "best_fit", "off"] = "auto"
    """How documents fill packs. `auto`: concat for running text, best_fit for examples; off: one a pack."""
    text_document: Literal["file", "blank_line", "line"] = "file"
    """What one document is in a `.txt` file."""
    on_bad_row: Literal["error", "skip"] = "error"
    """What a malformed row does: it stops the run, or is skipped and counted in the ledger."""
    on_long_row: Literal["error", "cut_prompt", "split", "drop"] = "error"
    """What becomes of a chat or completion row longer than `seq_length`; never cuts the answer."""
    template: Text | None = None
    """A Jinja chat template file; absent: the tokenizer's own, else ours."""
    workers: Count | None = None
    """Processes that tokenise; absent: one a core."""


class ParameterRule(Section):
    """A rule of `parameter_groups`: settings of the parameters that it names."""

    match: Text | Texts
    """Patterns of parameter names such as `*.lora_B.*`, or `embeddings`, `head`, `norms`, `last_layers=K`."""
    lr_ratio: NotNegative = 1.0
    """Their learning rate, as a multiple of `lr`."""
    weight_decay: NotNegative | None = None
    """Their weight decay; absent: `weight_decay`, and none for norms and biases."""


class TrainingSection(Section):
    """`training_config`: how to train."""

    lr: Positive = 3e-4
    """The highest learning rate."""
    batch_size: Count = 8
    """Packs per process and micro-step. More trains steadier and takes more memory."""
    gradient_accumulation_steps: Count = 1
    """Micro-batches added up before an optimizer step."""
    global_batch_size: Count | None = None
    """Packs per optimizer step over all processes; replaces `gradient_accumulation_steps`."""
    epochs: Positive = 1.0
    """Times that the data is gone through."""
    max_steps: Count | None = None
    """Optimizer steps; overrides `epochs`."""
    max_minutes: Positive | None = None
    """Minutes to train; overrides `epochs`. A few trial steps tell how many steps fit; so many are done."""
    warmup_steps: Whole = 0
    """Steps over which the rate rises to `lr`."""
    schedule: NamedChoice = Choice(name="linear")
    """The rate after the warm-up: linear, cosine, constant, wsd, polynomial, inverse_sqrt, or a plugin's."""
    optimizer: NamedChoice = Choice(name="adamw")
    """What turns gradients into steps: adamw, muon, lion, adafactor, sgd, or a plugin's."""
    weight_decay: NotNegative = 0.01
    """Shrinks the weights at each step; not applied to norms and biases."""
    adam_beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Decay of the mean of the gradients."""
    adam_beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the mean of their squares."""
    adam_epsilon: Positive = 1e-8
    """Added to the root of that mean."""
    parameter_groups: list[ParameterRule] | None = None
    """Own learning rates and weight decays for parameters by name; the first rule that matches holds."""
    freeze: Text | Texts | None = None
    """What is not trained: `embeddings`, `head`, `norms`, `last_layers=K`, or patterns of parameter names."""
    train_only: Text | Texts | None = None
    """All else is not trained; in the words of `freeze`."""
    max_grad_norm: NotNegative = 1.0
    """Gradients of a larger norm are scaled down to it; 0 turns that off; the norm is logged all the same."""
    logging_steps: Count = 10
    """Steps between two rows of metrics; the first and the last step have one too."""
    save_steps: Count = 1000
    """Steps between two checkpoints; the last step and each best evaluation have one too."""
    save_total_limit: Count = 3
    """Newest checkpoints kept, the best one always besides."""
    async_save: bool = True
    """Write checkpoints beside the training instead of between its steps."""
    evaluation_strategy: Literal["no", "steps", "epoch"] = "no"
    """When to score the validation data, which the last step does in any case."""
    eval_steps: Count | None = None
    """Steps between two evaluations, for the strategy `steps`; absent: 500."""
    fp16: bool | None = None
    """Train in fp16 with loss scaling, where the device is fast at it."""
    bf16: bool | None = None
    """Train in bf16. Neither fp16 nor bf16 given: chosen by measurement, once. Both false: float32."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, more time."""
    compile: bool = False
    """Compile the model: 1.1 to 1.2 times faster after 15 to 60 s, for long runs."""
    backend: NamedChoice = Choice(name="auto")
    """How processes share the work: auto, single, or a plugin's."""
    deepspeed_config: Text | None = None
    """A DeepSpeed configuration file. Refused by name in this version."""
    seed: Seed = 42
    """Order of the data and dropout."""
    init_seed: Seed | None = None
    """Initialisation of new weights; absent: `seed`."""
    threads: Count | None = None
    """CPU threads; absent: one a core. Part of what exact resuming needs."""
    trackers: list[NamedChoice] = [Choice(name="tensorboard")]
    """Where metrics go beside `metrics.jsonl`."""


class LoraSection(Section):
    """`lora_config`: low-rank adapters on a frozen base model (https://arxiv.org/abs/2106.09685)."""

    r: Count = 16
    """Rank."""
    alpha: Positive | None = None
    """Scale: the adapter is multiplied by `alpha` / `r`; absent: 2 · `r`."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout before the adapter."""
    target_modules: Text | Texts = "all-linear"
    """Layers that get one, by the end of their names. `attention` and `mlp` take all of such a part, whatever
    the architecture calls them; `all-linear` takes all but the output head."""
    bias: Literal["none", "all", "lora_only"] = "none"
    """Which biases are trained."""
    task_type: Literal["CAUSAL_LM"] = "CAUSAL_LM"
    """What the adapted model does, as peft calls it."""
    rslora: bool = False
    """Scale by `alpha` / √`r`, so that high ranks learn as fast (https://arxiv.org/abs/2312.03732)."""
    dora: bool = False
    """Learn the length of each row apart from its direction (https://arxiv.org/abs/2402.09353). Slower."""
    lr_ratio: Positive = 1.0
    """The B matrices' learning rate, as a multiple of `lr`; LoRA+ takes 16 (https://arxiv.org/abs/2402.12354)."""
    modules_to_save: Texts | None = None
    """Modules that are trained whole beside the adapters, such as `lm_head`, and stored with them."""
    adapter: Text | None = None
    """Folder of an adapter to go on from: its weights, rank and layers."""
    stack: Texts | None = None
    """Folders of adapters that are applied and stay as they are; the new one learns on top of them."""


class QuantizationSection(Section):
    """`quantization`: the base model's weights in few bits, under adapters (https://arxiv.org/abs/2305.14314)."""

    bits: Literal[4, 8] = 4
    """Bits of a weight."""
    group_size: Count | Literal["row"] | None = None
    """Neighbouring weights that share a scale, `row` for one a row. Absent: 128 for 4 bits, `row` for 8."""
    type: Text | None = None
    """How a weight is coded: nf4, fp4, int4, int8, …; absent: the quantizer's first of so many bits."""
    double_quantization: bool = False
    """Quantize the scales as well, where the quantizer can: 0.4 bits a weight less at a group size of 64."""
    compute_type: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """What products are computed in; `auto`: the precision of the run."""
    quantizer: NamedChoice = Choice(name="auto")
    """Who does it: a plugin's name; `auto`: the first installed one that can do this on this device."""
    skip_modules: Texts | None = None
    """Layers that stay as they are, by the end of their names; the output head always does."""
    strict: bool = False
    """Refuse a layer whose width `group_size` does not divide, instead of giving it a smaller group."""


def _as_metric(value: Any) -> Any:
    """As rows of metrics and other trainers call it: `eval/loss`, `eval_loss`."""
    return value.removeprefix("eval/").removeprefix("eval_") if isinstance(value, str) else value


class EvaluationSection(Section):
    """`evaluation`: what is measured at the end of a run and between its steps, and what follows from it."""

    max_packs: Count | None = None
    """Validation packs scored between steps; absent: all. The end of the run always scores all."""
    metric: Annotated[Text, BeforeValidator(_as_metric)] = "loss"
    """What the best checkpoint is best by: loss, perplexity, bits_per_byte, another metric that is installed,
    or a task's figure, as `hellaswag/acc_norm`."""
    higher_is_better: bool | None = None
    """Which way `metric` improves. Absent: as the metric or task says; upwards where a task says nothing."""
    tasks: Text | Texts | None = None
    """Named tasks that each evaluation runs too, such as hellaswag."""
    task_limit: Count = 100
    """Examples of a task, the first ones."""
    task_every: Count = 1
    """Evaluations from one that runs the tasks to the next; that at the end of the run always does."""
    num_fewshot: Whole | None = None
    """Solved examples before each question; absent: as the task has it."""
    data_dir: Text | None = None
    """Folder that holds the tasks' data; absent: they come from the hub, or its cache."""
    patience: Count | None = None
    """Evaluations in a row without a better `metric` after which the run ends; absent: it goes on."""
    min_delta: NotNegative = 0.0
    """How much better `metric` has to be for `patience`, since it last was."""

    @property
    def task_names(self) -> list[str]:
        """Of `tasks`, which may be one text with commas."""
        given = self.tasks.split(",") if isinstance(self.tasks, str) else self.tasks or []
        return [name.strip() for name in given if name.strip()]

    @property
    def metric_task(self) -> str | None:
        """The task whose figure `metric` is; None for one of the validation data."""
        return self.metric.rpartition("/")[0] or None


class SearchSection(Section):
    """`search`: a search for better settings. `brahma search` reads it; a training does not."""

    name: RunName | None = None
    """Name of the study: whoever searches under it joins it. Absent: the configuration file's stem."""
    parameters: dict[str, Any] | None = None
    """What is varied: a key of `training_config`, or a dotted one such as `lora_config.r`, and its range:
    `{"low": 1e-5, "high": 1e-3, "log": true}`, a list of values, or null for the default range."""
    trials: Count = 20
    """Configurations that are tried, all processes together."""
    metric: Annotated[Text, BeforeValidator(_as_metric)] = "loss"
    """What is compared: loss, perplexity, bits_per_byte, another metric that is installed, a task's figure
    such as `hellaswag/acc_norm`, a metric of the run such as `train/loss`, or an objective of a plugin."""
    higher_is_better: bool | None = None
    """Which way `metric` improves; absent: as the metric says, or higher for a task's figure."""
    sampler: NamedChoice = Choice(name="tpe")
    """What chooses the values of the next trial: tpe, gp, random, qmc, brute_force, or a plugin's."""
    reduction_factor: Annotated[int, Field(ge=2)] | None = 3
    """One in so many of the trials that got as far as a rung goes on to the next, which is so many times as
    far. null: each trial is trained to its end."""
    min_steps: Count | None = None
    """Steps of the base configuration after which trials are first compared; absent: so many that two rungs
    come before the end, a ninth of its steps where `reduction_factor` is 3. A trial with other batches is
    compared after as many tokens."""
    max_tokens: Count | None = None
    """Tokens that all trials together may be trained on; absent: as many as the trials take."""
    storage: Text = "journal"
    """Where the study is kept: `journal`, a file in `<output_dir>/searches/<name>`; the path of another file;
    or the URL of a database, as optuna takes it, such as `sqlite:////data/study.db`."""
    seed: Seed = 0
    """Of the sampler. With the same seed the trials are the same."""


class Config(Section):
    """A whole configuration. Paths are absolute once it is loaded."""

    run_name: RunName | None = None
    """Name of the run's folder; absent: the configuration file's stem and a counter."""
    model: Annotated[ModelSection, Field(alias="model_config")]
    """What to train."""
    tokenizer: TokenizerSection | None = None
    """A path or hub id, or what to train; absent: the base model's own."""
    data: Annotated[DataSection, Field(alias="data_config")]
    """What to train on."""
    training: Annotated[TrainingSection, Field(alias="training_config")] = TrainingSection()
    """How to train."""
    lora: Annotated[LoraSection | None, Field(alias="lora_config")] = None
    """Low-rank adapters are trained instead of the base model's weights; `{}` takes the defaults."""
    quantization: QuantizationSection | None = None
    """The base model is quantized under the adapters; `{}` takes the defaults."""
    evaluation: EvaluationSection = EvaluationSection()
    """What is measured between steps and at the end."""
    search: SearchSection | None = None
    """What `brahma search` varies, and what it compares the trials by."""
    output_dir: Text = "."
    """Where `runs/`, `logs/` and `data/` are made."""
