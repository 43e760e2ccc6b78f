"""Steps of a plugin for the tests of the engine, small inputs, and the command in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.plugin_factory import install_distribution, plugin_site

STEPS = {
    "brahma_trial.py": """
        from brahma.core.entries import FilterEntry
        from brahma.core.hookspecs import hookimpl

        @hookimpl
        def brahma_filters():
            for name, scope in (
                ("upper", "text"), ("mask", "text"), ("short", "document"), ("empty", "text"),
                ("slow", "text"), ("broken", "text"), ("nonsense", "document"), ("whole", "document"),
                ("die", "text"),
            ):
                yield FilterEntry(name=name, target=f"brahma_trial_steps:{name}", scope=scope)
    """,
    "brahma_trial_steps.py": """
        import os, signal, time
        from pathlib import Path
        from brahma.data.cleaning.contract import Dropped, Rewritten

        def upper(options):
            def step(text):
                count = text.count("shout")
                return Rewritten(text.replace("shout", "SHOUT"), {"words raised": count}) if count else True
            return step

        def mask(options):
            def step(text):
                masked = text.replace("secret", "<SECRET>")
                return True if masked == text else Rewritten(masked, {"secrets masked": 1})
            return step

        def short(options):
            return lambda text: True if len(text) > 9 else f"{len(text)} characters, fewer than 10"

        def empty(options):
            return lambda text: Rewritten(text.replace("void", ""), {}) if "void" in text else True

        def slow(options):
            def step(text):
                time.sleep(0.002)
                return True
            return step

        def broken(options):
            return lambda text: 1 / 0

        def nonsense(options):
            return lambda text: 3

        def whole(options):
            return lambda text: Rewritten("one text")

        def die(options):
            def step(text):
                if "die" in text and not os.path.exists("died"):
                    Path("died").touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                return True
            return step
    """,
}


@contextmanager
def trial_steps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The steps above are installed."""
    with plugin_site(folder, monkeypatch) as site:
        install_distribution(site, "brahma-trial", files=STEPS, entry_points={"trial": "brahma_trial"})
        yield


def profile_of(folder: Path, *steps: str | dict[str, object]) -> Path:
    """A profile's file with these steps."""
    path = folder / "profile.json"
    path.write_text(json.dumps({"steps": list(steps)}))
    return path


def write_rows(path: Path, texts: Sequence[str]) -> Path:
    """JSON Lines with these texts, and the number of each as a further key."""
    rows = ({"text": text, "number": number} for number, text in enumerate(texts))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(path: Path) -> list[Any]:
    """The rows of a file of JSON Lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def start_cleaner(*arguments: str | Path, site: Path, cwd: Path) -> subprocess.Popen[str]:
    """The guide's command, with the plugins of a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "brahma.tools.data_cleaner", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
