"""How many steps fit into a given time, from a few that are tried and thrown away."""

from __future__ import annotations

import time

import torch

from brahma.core.models import packed_loss, to_device
from brahma.train.loop import Stepper

_TRIAL_STEPS = 3
_FOR_TRAINING = 0.96  # the rest is for checkpoints, logging and the evaluation at the end


def steps_that_fit(stepper: Stepper, minutes: float) -> int:
    """Steps of this plan that this machine does in so many minutes, the trial included; at least one.

    The first steps are run as they will be, without the update: nothing of the run changes by them.
    """
    began = time.perf_counter()
    seconds = min(_trial_step(stepper, step % stepper.plan.total_steps) for step in range(_TRIAL_STEPS))
    update = time.perf_counter()
    stepper.weights.clip(0.0)
    seconds += 3 * (time.perf_counter() - update)  # norm, optimizer, rounding: each reads all there is once
    stepper.weights.clear_gradients()
    left = 60 * minutes * _FOR_TRAINING - (time.perf_counter() - began)
    return max(1, int(left / seconds))


def _trial_step(stepper: Stepper, step: int) -> float:
    began = time.perf_counter()
    for _, packs in stepper.plan.micro_batches(step, stepper.backend.rank, stepper.backend.world_size):
        inputs = to_device(stepper.plan.packs.batch(packs, pad_to=stepper.slots), stepper.backend.device)
        loss, _ = packed_loss(stepper.model, inputs, decoder=stepper.decoder)
        torch.autograd.backward(loss)
        stepper.weights.add_gradients()
    return time.perf_counter() - began
