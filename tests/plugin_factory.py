"""Distributions made on the spot: what `pip install` leaves behind, as far as the plugin loader reads it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from brahma.core.kit.documented import documented
from brahma.core.plugins import PLUGINS_VARIABLE, get_plugins


@contextmanager
def plugin_site(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put a folder on the import path for distributions to be laid into, and forget them afterwards."""
    monkeypatch.delenv(PLUGINS_VARIABLE, raising=False)
    monkeypatch.syspath_prepend(folder)
    get_plugins.cache_clear()
    yield folder
    get_plugins.cache_clear()
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


def install_distribution(
    folder: Path,
    name: str,
    *,
    version: str = "1.0",
    files: Mapping[str, str],
    entry_points: Mapping[str, str],
) -> None:
    """Lay a distribution into a folder that is on the import path.

    Args:
        files: path -> contents.
        entry_points: name -> module, of the group `brahma.plugins`.
    """
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(dedent(text), encoding="utf-8")
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (metadata / "RECORD").write_text("".join(f"{path},,\n" for path in files))
    lines = "".join(f"{key} = {module}\n" for key, module in entry_points.items())
    (metadata / "entry_points.txt").write_text(f"[brahma.plugins]\n{lines}")


def install_documented(folder: Path, kind: str) -> str:
    """Lay the distribution that a hook's docstring shows into a folder, and give its name."""
    shown = documented(kind)
    install_distribution(
        folder, shown.distribution, files=shown.files, entry_points={shown.point: shown.module}
    )
    return shown.distribution
