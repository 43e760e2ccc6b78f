"""`brahma evaluate`, which is `python -m brahma.evaluate` too: parse, measure, show.

Tables and JSON go to stdout, all else to stderr. The work is in `evaluation`, beside this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from brahma.core.command import Command
from brahma.core.complete import models as complete_models
from brahma.core.errors import ConfigError
from brahma.evaluation.commands.own_data import own_data_options

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


_SECTIONS = {
    "Models": ("--model", "--device", "--dtype", "--batch-size", "--trust-remote-code"),
    "Named tasks": (
        *("--tasks", "--list-tasks", "--data-dir", "--num-fewshot"),
        *("--include-path", "--allow-code", "--no-cache"),
    ),
    "Data of your own": ("--data", "--metrics", "--score", "--max-new-tokens", "--temperature", "--stop"),
    "Named tasks and data": ("--limit", "--chat-template", "--system", "--seed"),
    "What a model had seen before": ("--contamination", "--contamination-words"),
    "Output": ("--subtasks", "--json", "--output", "--samples"),
}
_OF_TASKS = {
    "data_dir": "--data-dir",
    "num_fewshot": "--num-fewshot",
    "include_path": "--include-path",
    "allow_code": "--allow-code",
}
"""Arguments that are of no use without named tasks."""


class BatchSize(click.ParamType[int | str]):
    """`auto`, or how many sequences at once."""

    name = "auto|N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if str(value).isdecimal() and int(value) > 0:
            return int(value)
        if value != "auto":
            self.fail(f"{value!r} is neither auto nor a number above 0", param, ctx)
        return "auto"


@click.command(cls=Command, sections=_SECTIONS, arguments={"system_instruction": "--system"})
@click.option(
    "--model",
    "models",
    metavar="MODEL",
    multiple=True,
    shell_complete=complete_models,
    help="A run's name or folder, a checkpoint, an adapter, a model folder, or a hub id. Can be given again.",
)
@click.option(
    "--tasks",
    metavar="NAMES",
    multiple=True,
    help="Tasks and groups of lm-eval and of plugins, with commas between them.",
)
@own_data_options
@click.option("--data-dir", type=_FOLDER, help="Where the tasks' data lie, instead of the hub.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    help="Of each task, and of --data, the first N examples only.",
)
@click.option(
    "--num-fewshot",
    metavar="N",
    type=click.IntRange(min=0),
    help="Solved examples before each question; by default as each task has it.",
)
@click.option(
    "--batch-size", type=BatchSize(), default="auto", show_default=True, help="Sequences computed at once."
)
@click.option("--output", type=_FILE, help="File for the results as JSON, in lm-eval's layout.")
@click.option("--samples", type=_FOLDER, help="Folder for each example's record, a .jsonl for each task.")
@click.option(
    "--chat-template",
    metavar="[NAME|FILE]",
    is_flag=False,
    flag_value="",
    help="Ask as conversations, in the model's own chat template or in another one.",
)
@click.option("--system", metavar="TEXT", help="A system message before each question.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option("--dtype", help="float32, bfloat16 or float16; by default as it was saved.")
@click.option("--trust-remote-code", is_flag=True, help="Run code that the model's folder ships.")
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    help="Of what is drawn at random; by default lm-eval's own.",
)
@click.option("--no-cache", is_flag=True, help="Compute everything anew, and keep no responses.")
@click.option(
    "--contamination/--no-contamination",
    default=True,
    show_default=True,
    help="Of a run, give each figure again without the examples that it was trained on.",
)
@click.option(
    "--contamination-words",
    metavar="N",
    type=click.IntRange(min=1),
    default=13,
    show_default=True,
    help="Words in a row that make an example seen before.",
)
@click.option("--include-path", type=_FOLDER, help="Folder with further tasks, as YAML files of lm-eval's.")
@click.option(
    "--allow-code",
    metavar="TASK",
    multiple=True,
    help="Let this task execute what the model writes. Use a sandbox. Can be given again.",
)
@click.option(
    "--list-tasks",
    metavar="[PATTERN]",
    is_flag=False,
    flag_value="",
    help="List tasks and groups, and do nothing else; PATTERN is a part of the name, or has a *.",
)
@click.option(
    "--subtasks", is_flag=True, help="On a terminal, show each task of a group of more than 12 too."
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON instead of a table.")
def evaluate(
    models: tuple[str, ...],
    list_tasks: str | None,
    as_json: bool,
    chat_template: str | None,
    **options: Any,
) -> None:
    """Measure models on named tasks, and on data of your own.

    Stopped, by Ctrl-C or a crash, the same command goes on where it was; repeated, it computes nothing again.
    """
    from brahma.evaluation.commands.evaluation import Request, print_tasks, run
    from brahma.evaluation.commands.own_data import OWN_DATA, own_data

    if list_tasks is not None:
        print_tasks(list_tasks or None, options["include_path"])
        return
    if not models:
        raise ConfigError("no model is given", hint="add --model MODEL: a run, a folder, or a hub id")
    if not options["tasks"] and options["data"] is None:
        raise ConfigError(
            "there is nothing to measure",
            hint="name tasks, as in --tasks hellaswag,mmlu, or give data of your own: --data FILE",
        )
    if not options["tasks"]:
        _refuse_of_tasks(options)
    template = chat_template or True if chat_template is not None else False
    data = own_data(
        **{name: options.pop(name) for name in OWN_DATA},
        chat_template=template,
        system=options["system"],
        limit=options["limit"],
        seed=options["seed"],
        beside_tasks=bool(options["tasks"]),
    )
    run(Request(models=models, chat_template=template, data=data, **options), as_json=as_json)


def _refuse_of_tasks(options: Mapping[str, Any]) -> None:
    """Raises ConfigError of the first option that only named tasks would use."""
    for name, option in _OF_TASKS.items():
        if options[name] not in (None, ()):
            raise ConfigError(f"{option} is of named tasks, and none is given", hint="Add --tasks NAMES")
