"""Mistakes that newcomers make in a script or a notebook: what each must be told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SdkMistake:
    """One line of code beside the files of `mistake.FILES`; `says` are pieces of what its error shows.

    Attributes:
        line: the code, after `from brahma import Dataset, Evaluator, ModelSpec, Run, Trainer`.
        says: the place or the cause, then the next step.
    """

    line: str
    says: tuple[str, ...]

    def __str__(self) -> str:
        return self.line


SDK_MISTAKES = [
    SdkMistake('Dataset("text.txt")', ("does not read a file", 'Dataset.from_file("text.txt")')),
    SdkMistake('Dataset.from_rows("text.txt")', ("no list of rows", "Dataset.from_file(path)")),
    SdkMistake('Dataset.from_file("txet.txt")', ("txet.txt: there is no such file", "text.txt")),
    SdkMistake('Dataset.from_rows([{"text": 3}])', ("<rows>:1: 'text' is a number", '{"text": "…"}')),
    SdkMistake("Dataset.of([])", ("the list is empty", "at least one row")),
    SdkMistake('Dataset.from_rows([{"question": "?"}])', ("question", '"messages"')),
    SdkMistake('ModelSpec("nano")', ("ModelSpec('nano') makes no model", "ModelSpec.preset('nano')")),
    SdkMistake('ModelSpec("ok.json")', ("makes no model", "ModelSpec.from_config('ok.json')")),
    SdkMistake('ModelSpec.preset("nan0")', ('no preset "nan0"', '"nano"')),
    SdkMistake('ModelSpec.preset("nano", hiden_size=8)', ("hiden_size: unknown key", '"hidden_size"')),
    SdkMistake('ModelSpec.from_config("okk.json")', ("okk.json: there is no such file", "ok.json")),
    SdkMistake('ModelSpec.from_config({"hidden_size": 64})', ("intermediate_size: is missing", "preset")),
    SdkMistake('ModelSpec.from_pretrained("nano")', ("'nano' is a preset", 'ModelSpec.preset("nano")')),
    SdkMistake('Trainer("nano", "text.txt")', ("'nano' is a preset", 'ModelSpec.preset("nano")')),
    SdkMistake(
        'Trainer(ModelSpec.preset("nano"), "text.txt", learning_rat=1)',
        ("learning_rat: unknown key", '"learning_rate"'),
    ),
    SdkMistake(
        'Trainer(ModelSpec.preset("nano"), "text.txt", lr="1e-3")',
        ('got the string "1e-3"', "write 1e-3, without quotes"),
    ),
    SdkMistake(
        'Trainer(ModelSpec.preset("nano"), ["text.txt"])',
        ("also the name of a file", 'Dataset.from_files(["text.txt"])'),
    ),
    SdkMistake(
        'Trainer(ModelSpec.preset("nano"), "text.txt", validation="txet.txt")',
        ("txet.txt: there is no such file", "text.txt"),
    ),
    SdkMistake(
        'Trainer(ModelSpec.preset("nano"), "text.txt", optimizer="adam").fit()',
        ("no optimizer is called 'adam'", '"adamw"'),
    ),
    SdkMistake('Trainer.from_config("okk.json")', ("okk.json: there is no such file", "ok.json")),
    SdkMistake('Run.open("oen")', ("no run is called 'oen'", '"one"')),
    SdkMistake('Evaluator("oen").evaluate_custom("text.txt")', ("oen: there is no such model", '"one"')),
    SdkMistake('Evaluator("one").evaluate("helaswag")', ("no task is called 'helaswag'", '"hellaswag"')),
    SdkMistake('Evaluator("one").evaluate_custom([])', ("the list is empty", "at least one row")),
    SdkMistake(
        'Evaluator("one").evaluate_custom("text.txt", metrics=["exact"])',
        ("no metric is called 'exact'", "exact_match"),
    ),
    SdkMistake(
        'Evaluator("one").evaluate_custom("text.txt", metrics=["f1"])',
        ("text.txt:1: the row is running text", '"completion"'),
    ),
    SdkMistake(
        'Evaluator("one").evaluate_custom([{"prompt": "?"}], metrics="f1")',
        ("<rows>:1: the row has no answer to compare with", '"references"'),
    ),
    SdkMistake(
        'Evaluator("one").evaluate_custom([{"question": "?", "choices": ["a", "b"], "answer": "c"}])',
        ("<rows>:1: 'answer' 'c' is none of the 2 choices", "a letter of AB"),
    ),
    SdkMistake(
        'Evaluator("one").evaluate_custom([{"prompt": "?"}], score=lambda example: 1)',
        ("failed on every example (1)", "returns a number"),
    ),
]
