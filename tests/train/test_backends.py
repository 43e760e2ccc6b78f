from __future__ import annotations

import pytest
import torch

from brahma.core.errors import DeviceError
from brahma.core.plugins import get_plugins
from brahma.train.backends import SingleProcess, choose_backend


def test_one_process_needs_no_exchange() -> None:
    backend = SingleProcess()
    gradients = [torch.ones(2)]
    backend.sum_gradients(gradients)
    assert torch.equal(gradients[0], torch.ones(2))
    assert backend.sum(2.5) == 2.5
    assert (backend.rank, backend.world_size) == (0, 1)
    backend.close()


@pytest.mark.parametrize("processes", [None, "1"])
def test_auto_is_one_process(monkeypatch: pytest.MonkeyPatch, processes: str | None) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if processes is not None:
        monkeypatch.setenv("WORLD_SIZE", processes)
    assert choose_backend("auto") == "single"
    assert get_plugins().load("backend", "single", None) is SingleProcess


def test_a_backend_is_used_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert choose_backend("mine") == "mine"


def test_several_processes_are_refused_and_not_trained_each_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(DeviceError, match="4 processes were started") as caught:
        choose_backend("auto")
    assert caught.value.hint
