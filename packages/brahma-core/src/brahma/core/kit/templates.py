"""What stands around the code of a new plugin: its project, its tests, its page. For `string.Template`."""

from __future__ import annotations

from collections.abc import Mapping

PROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "$distribution"
version = "0.1.0"
description = "$entry, $a_kind for Brahma."
readme = "README.md"
# license = "Apache-2.0"  # yours to choose: https://choosealicense.com; add its text as LICENSE
requires-python = ">=3.11"
dependencies = [
$dependencies]

[project.optional-dependencies]
test = ["pytest>=8"]

[project.entry-points."brahma.plugins"]
$point = "$hooks"

[tool.hatch.build.targets.wheel]
packages = ["src/$module"]

[tool.pytest.ini_options]
testpaths = ["tests"]
"""

README = """# $distribution

$entry, $a_kind for [Brahma](https://pypi.org/project/brahma-core/).

```bash
pip install -e ".[test]"
brahma plugins show $entry --kind $kind
brahma plugins test $entry --kind $kind
pytest
```

It is chosen so:

$write

What a plugin of this kind must do stands in the documentation of `brahma_${kind}s`; `brahma plugins test`
checks it. The package has no licence yet: choose one, and name it in pyproject.toml.
"""

GITIGNORE = """__pycache__/
*.egg-info/
.pytest_cache/
.venv/
build/
dist/
"""

TEST = '''"""$entry does what $a_kind promises, and works where it is used."""

from brahma.core.kit import assert_passes


def test_it_does_what_its_kind_promises():
    assert_passes("$kind", "$entry")


$uses'''

_TRAINED = """def test_a_training_uses_it(tmp_path):
    from brahma import ModelSpec, Trainer

    data = tmp_path / "rows.jsonl"
    data.write_text('{"text": "the ferry left the old harbour before dawn"}\\\\n' * 40)
    shape = {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 32}
    run = Trainer(
        ModelSpec.from_config(shape),
        data,
        tokenizer={"train": {"vocab_size": 270}},
        seq_length=32,
        batch_size=1,
        max_steps=2,
        warmup_steps=0,
        $key,
        output_dir=tmp_path,
    ).fit()
    assert run.status == "finished"
""".replace("\\\\n", "\\n")

_CLEANED = """def test_a_cleaning_uses_it(tmp_path):
    import json

    from brahma.data import clean

    source, output, profile = (tmp_path / name for name in ("raw.jsonl", "clean.jsonl", "profile.json"))
    texts = ["a text of some words " * 10, "another one of other words " * 10]
    source.write_text("".join(json.dumps({"text": text}) + "\\n" for text in texts))
    profile.write_text(json.dumps({"steps": $steps}))
    report = clean([source], output, profile=profile$more)
    assert report.kept == len(output.read_text().splitlines()) == 2
"""

USES: Mapping[str, str] = {
    "optimizer": _TRAINED.replace("$key", 'optimizer="$entry"'),
    "backend": _TRAINED.replace("$key", 'backend="$entry"'),
    "tracker": _TRAINED.replace("$key", 'trackers=["$entry"]'),
    "schedule": """def test_its_factor_goes_from_the_highest_rate_to_none():
    from brahma.core.plugins import get_plugins

    factor = get_plugins().load("schedule", "$entry")
    assert (factor(0.0, None), factor(1.0, None)) == (1.0, 0.0)
""",
    "quantizer": """def test_it_says_which_formats_it_has():
    from brahma.core.plugins import get_plugins

    assert {each.bits for each in get_plugins().find("quantizer", "$entry").formats} == {8}
""",
    "reader": """def test_a_data_set_reads_by_it(tmp_path):
    from brahma import Dataset

    file = tmp_path / "two.$stem"
    file.write_text("One saying.\\n%\\nAnother one.\\n")
    assert [row.text for row in Dataset.from_file(file)] == ["One saying.", "Another one."]
""",
    "filter": _CLEANED.replace("$steps", '["$entry"]').replace("$more", ""),
    "executor": _CLEANED.replace("$steps", '["whitespace"]').replace("$more", ', executor="$entry"'),
    "augmenter": """def test_a_job_takes_its_variants(tmp_path):
    import json

    from brahma.data import augment

    source = tmp_path / "rows.jsonl"
    source.write_text(json.dumps({"text": "The ferry left the old harbour before dawn, and nobody saw it."}))
    report = augment(source, tmp_path / "more.jsonl", techniques=["$entry"])
    assert report.written == 1
""",
    "task": """def test_it_is_found_by_its_name():
    from brahma.core.plugins import get_plugins

    assert "$entry" in get_plugins().entries("task")
""",
    "metric": """def test_it_is_what_is_worked_out_by_hand():
    import pytest

    from brahma.evaluation import LossTotals, compute_metrics

    assert compute_metrics(LossTotals(loss_sum=12.0, tokens=4, bytes=10))["$entry"] == pytest.approx(1.2)
""",
    "sampler": """def test_a_study_asks_it_for_values():
    import optuna

    from brahma.core.plugins import get_plugins

    build = get_plugins().load("sampler", "$entry")
    study = optuna.create_study(sampler=build(1, None))
    assert 0.1 <= study.ask().suggest_float("lr", 0.1, 0.5) <= 0.5
""",
    "objective": """def test_it_is_what_is_worked_out_by_hand(tmp_path):
    import json

    import pytest

    from brahma.core.plugins import get_plugins
    from brahma.core.runs import Run

    rows = [{"step": step, "train/loss": loss} for step, loss in enumerate([4.0, 3.0, 3.5], 1)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\\n" for row in rows))
    assert get_plugins().load("objective", "$entry")(Run(tmp_path), None) == pytest.approx(0.75)
""",
    "command": """def test_it_greets():
    from click.testing import CliRunner

    from brahma.core.plugins import get_plugins

    result = CliRunner().invoke(get_plugins().load("command", "$entry"), ["you"])
    assert result.output == "hello you\\n"
""",
}
"""A test of the plugin where it is used, by kind; of quantizers and tasks the kit has all that is cheap."""
