"""What the machine does while it trains: a thread that looks about once a second."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

import psutil

_log = logging.getLogger(__name__)


class SystemSampler:
    """Samples utilisation and memory in the background (a tenth of a millisecond each second).

    Args:
        device: the device that trains, `"cpu"`, `"cuda"` or `"cuda:1"`.
        interval: seconds between samples.
    """

    def __init__(self, device: str = "cpu", interval: float = 1.0) -> None:
        self._process = _Process()
        self._probes: list[Callable[[], dict[str, float]]] = [self._process.sample]
        if device.startswith("cuda"):
            self._probes += _gpu_probes(device)
        self._interval = interval
        self._lock = threading.Lock()
        self._samples: list[dict[str, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="brahma-system-sampler", daemon=True)

    def start(self) -> SystemSampler:
        self._samples.append(self._process.memory())
        self._thread.start()
        return self

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def snapshot(self) -> dict[str, float]:
        """What was seen since the last snapshot, for a row: the highest memory, the mean of the rest.

        Keys: `memory/rss_bytes` (this process), `memory/device_bytes` (held by torch on the GPU),
        `system/cpu_percent` (the machine, 0–100), `system/process_cpu_percent` (100 is one core),
        `system/gpu_percent`, `system/gpu_memory_bytes` (the whole GPU). What this machine lacks is absent.
        """
        with self._lock:
            samples, self._samples = self._samples, self._samples[-1:]
        summary: dict[str, float] = {}
        for key in dict.fromkeys(key for sample in samples for key in sample):
            values = [sample[key] for sample in samples if key in sample]
            summary[key] = max(values) if key.endswith("_bytes") else round(sum(values) / len(values), 1)
        return summary

    def _run(self) -> None:
        self._process.sample()  # psutil measures from call to call in each thread: the first begins
        while not self._stop.wait(self._interval):
            self._take()

    def _take(self) -> None:
        sample: dict[str, float] = {}
        for probe in list(self._probes):
            try:
                sample |= probe()
            except Exception:  # a driver that goes away must not end a run
                self._probes.remove(probe)
                _log.warning(
                    "a part of the system sampling failed and is left out from now on", exc_info=True
                )
        with self._lock:
            self._samples.append(sample)

    def __enter__(self) -> SystemSampler:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Process:
    """This process and the machine's processors."""

    def __init__(self) -> None:
        self._process = psutil.Process()

    def memory(self) -> dict[str, float]:
        return {"memory/rss_bytes": self._process.memory_info().rss}

    def sample(self) -> dict[str, float]:
        return self.memory() | {
            "system/cpu_percent": psutil.cpu_percent(),
            "system/process_cpu_percent": self._process.cpu_percent(),
        }


def _gpu_probes(device: str) -> list[Callable[[], dict[str, float]]]:
    """torch's allocator, and the driver where nvidia-ml-py is installed and answers."""
    import torch

    index = torch.device(device).index or 0
    probes: list[Callable[[], dict[str, float]]] = [
        lambda: {"memory/device_bytes": torch.cuda.memory_reserved(index)}
    ]
    try:
        import pynvml  # type: ignore[import-untyped]

        pynvml.nvmlInit()
        # By UUID: CUDA_VISIBLE_DEVICES renumbers torch's devices and not the driver's.
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(index).uuid}")
        driver = _Driver(pynvml, handle)
        driver.sample()
    except ImportError:
        _log.info("GPU utilisation is not sampled: pip install 'brahma-core[gpu]'")
    except pynvml.NVMLError as error:
        _log.info("GPU utilisation is not sampled: %s", error)
    else:
        probes.append(driver.sample)
    return probes


class _Driver:
    """The GPU as its driver sees it."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle

    def sample(self) -> dict[str, float]:
        return {
            "system/gpu_percent": self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu,
            "system/gpu_memory_bytes": self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used,
        }
