"""Named tasks, evaluated beside lm-eval's own HFLM: the same scores, and how long each takes.

    python benchmarks/eval.py --data-dir DIR --write      # about 10 minutes on two idle cores
    python benchmarks/eval.py --data-dir DIR --quick      # a tiny model, to see that everything works

DIR holds folders `hellaswag` and `mmlu` as `brahma evaluate --data-dir` takes them. Both sides run the same
model with the same tokenizer, in float32, on the same rows, each time in a process of its own, in turns; a
time is a whole evaluation, from names to scores. All log-likelihoods are compared. `--write` puts the table
into `benchmarks/RESULTS.md`.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arguments import parse as parse_arguments
from benchmarks.arguments import parser
from benchmarks.children import command_line, run_child
from benchmarks.report import facts, table, write_section

SECTION = "evaluation"
PREPARE, OURS, PEER = "prepare", "brahma", "lm-eval"
ALLOWED = 1e-4  # difference of a log-likelihood
_SUBJECTS = 12  # every twelfth of mmlu's 57: five
MODEL: dict[str, Any] = {
    "vocab_size": 32768,
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
QUICK_MODEL = MODEL | {
    "vocab_size": 2048,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
}


@dataclass(frozen=True)
class Rows:
    """What is evaluated at one time.

    Attributes:
        label: of a row of the table.
        task: hellaswag, or mmlu: some of its subjects.
        limit: examples of a task, by default and with `--quick`.
    """

    label: str
    task: str
    num_fewshot: int
    limit: tuple[int, int]


ALL_ROWS = (
    Rows("hellaswag, 0-shot", "hellaswag", 0, (200, 8)),
    Rows("mmlu, 0-shot", "mmlu", 0, (40, 2)),
    Rows("mmlu, 5-shot", "mmlu", 5, (40, 2)),
)


@dataclass(frozen=True)
class Evaluated:
    """One evaluation by one side.

    Attributes:
        seconds: from the tasks' names to their scores; the model is loaded before.
        responses: of each request, by task, example and choice: log-likelihood, and whether it is greedy.
        figures: of each task.
        work: multiplications in matrix products that HFLM's way takes, and ours; of ours only.
    """

    seconds: float
    responses: list[tuple[float, bool]]
    figures: dict[str, dict[str, float]]
    work: tuple[float, float] | None = None


@dataclass(frozen=True)
class Measurement:
    """One side, in one process.

    Attributes:
        peak_bytes: the process's highest resident memory.
    """

    evaluated: list[Evaluated]
    peak_bytes: int


def prepare(arguments: argparse.Namespace, folder: Path) -> None:
    """A model with random weights; a tokenizer of the tasks' own files and the standard library."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from brahma.data.tokenizer import train_tokenizer

    sizes = QUICK_MODEL if arguments.quick else MODEL
    files = [path for rows in ALL_ROWS[:2] for path in sorted((arguments.data_dir / rows.task).rglob("*.*"))]
    files += sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    texts = [path.read_text(errors="replace") for path in files if path.is_file()]
    tokenizer = train_tokenizer(texts, vocab_size=sizes["vocab_size"])
    config: Any = LlamaConfig(**sizes)
    config.pad_token_id, config.bos_token_id, config.eos_token_id = 0, 1, 2
    torch.manual_seed(42)
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")


def tasks_of(rows: Rows) -> list[str]:
    """Names in lm-eval."""
    from brahma.evaluation.harness.registry import registry

    return list(registry().leaves(rows.task))[:: _SUBJECTS if rows.task == "mmlu" else 1]


def evaluate_ours(arguments: argparse.Namespace, model: Path) -> list[Evaluated]:
    import lm_eval.evaluator  # before the clock runs, as for the peer

    from brahma.evaluation import Evaluator

    assert lm_eval.evaluator
    evaluator = Evaluator(model, device="cpu", dtype="float32", batch_size="auto")
    assert evaluator.model.dtype.itemsize == 4
    found = []
    for rows in ALL_ROWS:
        names = tasks_of(rows)
        began = time.perf_counter()
        with _requests() as requests:
            results = evaluator.evaluate(
                names,
                limit=rows.limit[arguments.quick],
                num_fewshot=rows.num_fewshot,
                data_dir=arguments.data_dir,
                cache=False,
            )
        seconds = time.perf_counter() - began
        samples = [sample for name in names for sample in results.tasks[name].samples]
        responses = [pair for sample in samples for pair in pairs_in(sample.responses)]
        figures = {name: dict(results[name]) for name in names}
        found.append(Evaluated(seconds, responses, figures, work_of(requests, evaluator.model)))
    return found


@contextmanager
def _requests() -> Iterator[list[Any]]:
    """What the Scorer is asked in this block."""
    from brahma.evaluation.scoring import Scorer

    asked: list[Any] = []
    score = Scorer.score

    def noted(scorer: Any, requests: Sequence[Any], *others: Any) -> Any:
        asked.extend(requests)
        return score(scorer, requests, *others)

    with patch.object(Scorer, "score", noted):
        yield asked


def work_of(requests: Sequence[Any], model: Any) -> tuple[float, float]:
    """Multiplications in matrix products, attention and padding aside.

    HFLM runs the decoder and the head over each different text; ours runs the decoder over what is different
    of them, and the head where a token is predicted.
    """
    from torch import nn

    from brahma.evaluation.scoring.requests import text_of
    from brahma.evaluation.scoring.tree import TreeBatches

    texts = [text_of(request, model.config.max_position_embeddings) for request in requests]
    laid = TreeBatches(texts).lay(0, len(texts))
    head = model.get_output_embeddings().weight.numel()
    decoder = sum(m.weight.numel() for m in model.base_model.modules() if isinstance(m, nn.Linear))
    tokens = sum({text.ids.tobytes(): len(text.ids) for text in texts}.values())
    return float(tokens) * (decoder + head), float(len(laid.ids)) * decoder + len(set(laid.slots)) * head


def evaluate_peer(arguments: argparse.Namespace, model: Path) -> list[Evaluated]:
    """lm-eval with its own model class; the rows are loaded as ours are."""
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    from brahma.evaluation.harness.loading import load_tasks

    peer = HFLM(pretrained=str(model), device="cpu", dtype="float32", batch_size=arguments.batch_size)
    found = []
    for rows in ALL_ROWS:
        names = tasks_of(rows)
        began = time.perf_counter()
        loaded = load_tasks(names, data_dir=arguments.data_dir, num_fewshot=rows.num_fewshot)
        document = evaluate(peer, loaded.task_dict, limit=rows.limit[arguments.quick], bootstrap_iters=1000)
        seconds = time.perf_counter() - began
        assert document is not None
        samples = [
            sample
            for name in names
            for sample in sorted(document["samples"][name], key=lambda each: int(each["doc_id"]))
        ]
        responses = [pair for sample in samples for pair in pairs_in(sample["resps"])]
        figures = {name: _figures(document["results"][name]) for name in names}
        found.append(Evaluated(seconds, responses, figures))
    return found


def pairs_in(responses: Any) -> list[tuple[float, bool]]:
    """The pairs of number and truth value, however deep lm-eval has put them into lists."""
    if len(responses) == 2 and not isinstance(responses[0], list | tuple):
        return [(float(responses[0]), str(responses[1]) == "True")]
    return [pair for each in responses for pair in pairs_in(each)]


def _figures(results: Mapping[str, Any]) -> dict[str, float]:
    """`acc,none` as `acc`, without the errors."""
    named = {key.partition(",")[0]: value for key, value in results.items() if "," in key}
    return {name: float(value) for name, value in named.items() if not name.endswith("_stderr")}


def measure(side: str, arguments: argparse.Namespace, model: Path) -> Measurement:
    evaluated = (evaluate_ours if side == OURS else evaluate_peer)(arguments, model)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Measurement(evaluated, peak)


def run_all(arguments: argparse.Namespace, folder: Path) -> dict[str, list[Measurement]]:
    """Both sides in turns, `repeats` times; the first run of each is compared with the other's."""
    more = ["--data-dir", str(arguments.data_dir), "--batch-size", str(arguments.batch_size)]
    more += ["--quick"] if arguments.quick else []
    run_child(__file__, ["--child", PREPARE, *more], folder)
    runs: dict[str, list[Measurement]] = {PEER: [], OURS: []}
    for repeat in range(arguments.repeats):
        for side, measured in runs.items():
            found = run_child(__file__, ["--child", side, *more], folder)
            measured.append(
                Measurement([Evaluated(**each) for each in found["evaluated"]], found["peak_bytes"])
            )
            seconds = ", ".join(f"{each.seconds:.1f} s" for each in measured[-1].evaluated)
            print(f"repeat {repeat + 1}: {side:8} {seconds}", flush=True)
        check_same(runs[OURS][-1].evaluated, runs[PEER][-1].evaluated)
    return runs


def check_same(ours: Sequence[Evaluated], peers: Sequence[Evaluated]) -> None:
    """All answers and scores agree.

    Raises:
        AssertionError: they do not.
    """
    for rows, our, peer in zip(ALL_ROWS, ours, peers, strict=True):
        assert len(our.responses) == len(peer.responses) > 0, f"{rows.label}: not the same requests"
        largest = difference(our, peer)
        assert largest <= ALLOWED, f"{rows.label}: log-likelihoods differ by {largest:.2g}"
        assert our.figures == peer.figures, f"{rows.label}: {our.figures} is not {peer.figures}"


def difference(our: Evaluated, peer: Evaluated) -> float:
    """The largest of a log-likelihood; infinity where a greedy flag differs."""
    pairs = zip(our.responses, peer.responses, strict=True)
    return max(abs(a - b) if x == y else math.inf for (a, x), (b, y) in pairs)


def ratio(peers: Sequence[float], ours: Sequence[float]) -> float:
    """Repeat by repeat, since a machine's own speed changes from hour to hour; the median."""
    return median(peer / our for peer, our in zip(peers, ours, strict=True))


def rows_of(runs: Mapping[str, Sequence[Measurement]]) -> list[list[str]]:
    """Of the table: the parts, and all of them together."""
    lines, total = [], {side: [0.0] * len(measured) for side, measured in runs.items()}
    for number, rows in enumerate(ALL_ROWS):
        times = {side: [each.evaluated[number].seconds for each in runs[side]] for side in runs}
        total = {side: [a + b for a, b in zip(total[side], times[side], strict=True)] for side in runs}
        our, peer = (runs[side][0].evaluated[number] for side in (OURS, PEER))
        same = f"{difference(our, peer):.1e}"
        less = f"{_less(our.work):.1f}×"
        lines.append([rows.label, f"{len(our.responses):,}", *_times(times), less, same])
    works = [runs[OURS][0].evaluated[number].work for number in range(len(ALL_ROWS))]
    whole = [sum(parts) for parts in zip(*(work for work in works if work is not None), strict=True)]
    return [*lines, ["all", "", *_times(total), f"{_less(whole):.1f}×", ""]]


def _less(work: Sequence[float] | None) -> float:
    assert work is not None
    return work[0] / work[1]


def _times(times: Mapping[str, Sequence[float]]) -> list[str]:
    return [
        *(f"{median(times[side]):.1f} s" for side in (PEER, OURS)),
        f"**{ratio(times[PEER], times[OURS]):.1f}×**",
    ]


def section(runs: Mapping[str, Sequence[Measurement]], about: str, arguments: argparse.Namespace) -> str:
    """What is written."""
    sizes = QUICK_MODEL if arguments.quick else MODEL
    hellaswag, mmlu = (rows.limit[arguments.quick] for rows in ALL_ROWS[:2])
    peaks = {side: median(each.peak_bytes for each in measured) for side, measured in runs.items()}
    return "\n\n".join(
        [
            "## Evaluation, beside lm-eval's HFLM",
            f"A Llama of hidden {sizes['hidden_size']}, {sizes['num_hidden_layers']} layers, intermediate "
            f"{sizes['intermediate_size']}, vocabulary {sizes['vocab_size']:,}, tied, random weights, "
            f"float32; {hellaswag} rows of hellaswag, and {mmlu} of each of {len(tasks_of(ALL_ROWS[1]))} "
            "subjects of mmlu (every twelfth by name). A time is a whole evaluation, from the tasks' names "
            f"to their scores, the model being loaded; medians of {arguments.repeats} repeats in turns, each "
            "side in a process of its own; ratios are medians of the repeats' own. HFLM has batches of "
            f"{arguments.batch_size}; ours chooses its own. No response is remembered.",
            about,
            table(
                ["rows", "requests", PEER, OURS, f"{PEER} / {OURS}", "less work", "largest difference"],
                rows_of(runs),
            ),
            f"Target: at least 3 times as fast. Each repeat checks that every log-likelihood is within "
            f"{ALLOWED:g} (the largest difference is in the table), and every greedy flag and score equal. "
            f"Peak memory of the process: {PEER} {peaks[PEER] / 2**20:,.0f} MiB, {OURS} "
            f"{peaks[OURS] / 2**20:,.0f} MiB. With few-shot examples the gain grows with the questions that "
            "share them: whole subjects have 100 to 1,500. `less work`: how many times fewer multiplications "
            "the model's matrix products take, padding and attention aside. It bounds what is gained where "
            "these products are all the time, as on a processor in float32.",
        ]
    )


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--data-dir", type=Path, required=True, help="folder with hellaswag and mmlu")
    made.add_argument("--batch-size", type=int, default=8, help="of HFLM")
    made.add_argument("--child", choices=(PREPARE, OURS, PEER), help=argparse.SUPPRESS)
    made.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parse_arguments(made, None)
    if arguments.child == PREPARE:
        prepare(arguments, arguments.work)
        arguments.output.write_text("{}")
        return
    if arguments.child:
        measured = measure(arguments.child, arguments, arguments.work / "model")
        arguments.output.write_text(json.dumps(asdict(measured)))
        return
    about = facts(command_line())
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.work or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        runs = run_all(arguments, folder)
    text = section(runs, about, arguments)
    print(f"\n{text}", flush=True)
    if arguments.write:
        write_section(arguments.write, SECTION, text)
        print(f"written to {arguments.write}")


if __name__ == "__main__":
    main()
