"""Correct uses of the SDK: a type checker finds nothing, and every result has the type claimed here.

Checked against the installed wheels by tests/packaging/test_typing.py; never run.
"""

from pathlib import Path
from typing import Any, assert_type

from brahma import Dataset, Evaluator, ModelSpec, Run, Trainer
from brahma.core.errors import BrahmaError, ConfigError
from brahma.data import Message, Row
from brahma.data.example import Example
from brahma.evaluation import Evaluator as GuideEvaluator
from brahma.evaluation import Results, TaskResults

data = Dataset.from_file("chat.jsonl", format="chat", on_bad_row="skip")
more = Dataset.from_files([Path("a.txt"), "b.txt"], text_document="blank_line")
rows = Dataset.from_rows([{"prompt": "a", "completion": "b"}, {"text": "c"}])
assert_type(data[0], Row)
assert_type(data[-3:], list[Row])
assert_type(data[0].messages, tuple[Message, ...])
assert_type([row.text for row in more], list[str])
assert_type(len(rows), int)
assert_type(data.skipped, list[tuple[str, str]])
assert_type(data.show(2, tokenizer="my-tokenizer", template=Path("chat.jinja")), Example)

model = ModelSpec.preset("micro", max_position_embeddings=4096)
assert_type(ModelSpec.from_config({"hidden_size": 128}), ModelSpec)
assert_type(ModelSpec.from_pretrained(Path("base"), trust_remote_code=True), ModelSpec)
assert_type(model.num_parameters, int)
assert_type(model.to_dict(), dict[str, Any])

trainer = Trainer(
    model,
    data,
    validation=0.1,
    tokenizer={"train": {"vocab_size": 8192}},
    run_name="mine",
    output_dir=Path("output"),
    lr=3e-4,
    batch_size=8,
    epochs=1,
    max_minutes=None,
    optimizer={"name": "adamw", "fused": False},
    schedule="cosine",
    packing="best_fit",
    evaluation_strategy="steps",
    trackers=["tensorboard"],
    bf16=True,
)
Trainer("base-model", "chat.jsonl", validation=Dataset.from_file("held_out.jsonl"))
run = trainer.fit(resume="auto")
assert_type(run, Run)
assert_type(Trainer.from_config("my.json").fit(), Run)
assert_type(run.best, Path)
assert_type(run.checkpoints, list[Path])
assert_type(run.metrics(), list[dict[str, Any]])
assert_type(Run.open("mine", output_dir="output").name, str)
finished = run.status == "finished"

evaluator = Evaluator(run.best, device="cpu", dtype="float32", seq_length=512)
GuideEvaluator(model_path="path/to/model")
results = evaluator.evaluate_custom(["a.txt", "b.txt"])
assert_type(results, Results)
assert_type(results.bits_per_byte, float)
assert_type(results["tokens"], float)
tasks = evaluator.evaluate(["hellaswag"], limit=10, batch_size="auto")
assert_type(tasks, TaskResults)
assert_type(tasks["hellaswag"]["acc_norm"], float)
evaluator.evaluate_custom([{"text": "one"}, {"text": "two"}])
evaluator.evaluate_custom(rows)

try:
    trainer.fit()
except ConfigError as error:
    assert_type(error.problems, tuple[BrahmaError, ...])
except BrahmaError as error:
    assert_type(error.hint, str | None)
