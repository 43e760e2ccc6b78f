"""The monitoring half of training: what is measured, written, watched and shown while a run goes.

rewind(directory / METRICS, step)
with (
    open_run_log(log), open_display() as display, SystemSampler(device) as system,
    MetricsWriter(directory / METRICS, attempt, open_trackers(choices, directory, config)) as metrics,
):
    clock, watch = TimeAccount(), LossWatch(rows, precision)
    display.begin(name, step, total)
    for step in range(step + 1, total + 1):
        with clock("data"):
            ...
        watch.check(step, loss, grad_norm)
        display.step(step)
        if step % logging_steps == 0:
            with clock("logging"):
                for notice in watch.observe(step, loss, grad_norm): ...
                display.row(metrics.write(step, {"train/loss": loss, **clock.row(), **system.snapshot()}))
    display.note(str(TimeReport(clock.totals(), tokens, mfu)))
"""

from brahma.train.monitor.clock import PHASES, Phase, TimeAccount
from brahma.train.monitor.convergence import Convergence, check_amount, check_schedule
from brahma.train.monitor.display import Display, Renderer, open_display, shown_by
from brahma.train.monitor.logging import open_run_log
from brahma.train.monitor.metrics import METRICS, SUPERSEDED, MetricsWriter, last_step, rewind
from brahma.train.monitor.report import Circumstances, TimeReport
from brahma.train.monitor.system import SystemSampler
from brahma.train.monitor.throughput import (
    FlopsPerToken,
    flops_per_token,
    mfu,
    model_flops_per_token,
)
from brahma.train.monitor.watch import LossWatch, Notice

__all__ = [
    "METRICS",
    "PHASES",
    "SUPERSEDED",
    "Circumstances",
    "Convergence",
    "Display",
    "FlopsPerToken",
    "LossWatch",
    "MetricsWriter",
    "Notice",
    "Phase",
    "Renderer",
    "SystemSampler",
    "TimeAccount",
    "TimeReport",
    "check_amount",
    "check_schedule",
    "flops_per_token",
    "last_step",
    "mfu",
    "model_flops_per_token",
    "open_display",
    "open_run_log",
    "rewind",
    "shown_by",
]
