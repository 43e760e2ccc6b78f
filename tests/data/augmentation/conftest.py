"""A technique of a stranger's plugin, which does as its options say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugin_factory import install_distribution, plugin_site

PLUGIN = """
    from brahma.core.entries import AugmenterEntry
    from brahma.core.hookspecs import hookimpl

    @hookimpl
    def brahma_augmenters():
        for name in ("toy", "other"):
            yield AugmenterEntry(name=name, target="toy_engine:Toy", options="toy_engine:Options")
"""
ENGINE = """
    from pathlib import Path

    from brahma.core.config.sections import Section
    from brahma.data.augmentation.contract import Augmenter, Failed

    class Options(Section):
        engine: str = "good"
        log: str = ""
        stop_after: int = 0

    class Toy(Augmenter):
        batch_size = 4

        def __init__(self, options, seed):
            self.engine, self.options, self.calls = options.engine, options, 0

        def variants(self, passages, count):
            self.calls += 1
            if self.options.stop_after and self.calls > self.options.stop_after:
                raise KeyboardInterrupt
            if self.options.log:
                with open(self.options.log, "a") as file:
                    file.write(f"{len(passages)}\\n")
            if self.engine == "raises":
                raise RuntimeError("out of ideas")
            if self.engine == "forgets":
                return [[]]
            return [self.of(each, count) for each in passages]

        def of(self, text, count):
            if self.engine == "fails" or (self.engine == "fails on odd" and "odd" in text):
                return Failed("took too long", "30 s")
            if self.engine == "echo":
                return [text]
            if self.engine == "nothing":
                return []
            if self.engine == "numbers":
                return [text.replace("7", "8")]
            if self.engine == "french":
                return ["Les voiliers sont revenus au port avant la grande tempête de 7 heures."]
            words = ["quick", "rapid", "speedy"]
            return [text.replace("fast", word) for word in words[:count]]
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The technique `toy`, and `other`, which is the same."""
    site = tmp_path / "site"
    site.mkdir()
    with plugin_site(site, monkeypatch):
        files = {"toy_plugin.py": PLUGIN, "toy_engine.py": ENGINE}
        install_distribution(site, "brahma-toy", files=files, entry_points={"toy": "toy_plugin"})
        yield
