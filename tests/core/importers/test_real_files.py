"""Configurations that people have published: which were looked at, their keys, and what becomes of each.

The files belong to others and are not kept here. To run over them, lay clones of their repositories
into a folder, `<folder>/<owner>/<name>/`, and name it in `BRAHMA_REAL_CONFIGS`; `real_files.json` has the
commits. What is held without them: no key that was seen in one is unknown.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from brahma.core.config.importers import PEERS, import_config
from brahma.core.errors import ConfigError
from tests.core.importers.sample_files import accounted, keys_of_file, sections_refused

REAL: dict[str, Any] = json.loads(Path(__file__).with_name("real_files.json").read_text(encoding="utf-8"))
FOLDER = os.environ.get("BRAHMA_REAL_CONFIGS")
SECTIONS: dict[str, set[str]] = {"accepted": set(), "model": {"model_config"}}


@pytest.mark.parametrize("peer", PEERS)
def test_at_least_ten_published_files_of_each_peer_were_looked_at(peer: str) -> None:
    assert len([each for each in REAL["files"] if each["peer"] == peer]) >= 10


@pytest.mark.parametrize("peer", PEERS)
def test_no_key_that_was_seen_in_a_published_file_is_unknown(peer: str) -> None:
    assert [key for key in REAL["keys"][peer].split() if key not in PEERS[peer].rules] == []


@pytest.mark.parametrize("each", REAL["files"] if FOLDER else [], ids=lambda each: each["path"])
def test_a_published_file_is_imported_or_refused_as_expected(each: dict[str, str]) -> None:
    path = Path(FOLDER or "") / each["repository"] / each["path"]
    if each["expected"] not in SECTIONS:
        with pytest.raises(ConfigError) as caught:
            import_config(path)
        assert each["expected"] in str(caught.value)
        return
    imported = import_config(path)
    assert imported.peer.name == each["peer"]
    assert accounted(imported) == keys_of_file(path, each["peer"])
    assert imported.unknown == ()
    assert sections_refused(imported) <= SECTIONS[each["expected"]]
