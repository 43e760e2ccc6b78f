"""What a backend does: its processes reach together what one process reaches alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from brahma.core.entries import BackendEntry
from brahma.core.kit import Check, CheckSkippedError, Subject, expect
from brahma.train.backends import Backend, SingleProcess
from brahma.train.kit.processes import on_processes

_SEVERAL = 2


def _several(subject: Subject) -> bool:
    assert isinstance(subject.entry, BackendEntry)
    return subject.entry.several


def _everywhere(work: str, subject: Subject) -> list[Any]:
    """Do something on each number of processes that the entry is for; the results of the largest one."""
    if not _several(subject):
        return [globals()[work](subject)]
    return on_processes(f"{__name__}:{work}", subject, _SEVERAL)


def place(subject: Subject) -> tuple[Any, Any, Any]:
    """In one of the processes: what the backend says of it."""
    backend: Backend = subject.load()()
    told = (backend.rank, backend.world_size, backend.device)
    backend.close()
    return told


def _knows_its_place(subject: Subject) -> None:
    told = _everywhere("place", subject)
    for rank, (said, size, device) in enumerate(told):
        expect(said == rank, f"process {rank} of {len(told)} has rank {said}")
        expect(size == len(told), f"process {rank} of {len(told)} has world_size {size}")
        expect(isinstance(device, torch.device), f"device is {device!r}, which is no torch.device")


def sums(subject: Subject) -> tuple[float, list[Tensor], list[bool]]:
    """In one of the processes: the sum of a number and of gradients, and whether these were changed in
    place."""
    backend: Backend = subject.load()()
    rank = int(os.environ.get("RANK", "0"))
    given = [
        torch.full(shape, 2.0**index + rank, device=backend.device) for index, shape in enumerate(_SHAPES)
    ]
    kept = list(given)
    backend.sum_gradients(given)
    in_place = [now is before for now, before in zip(given, kept, strict=True)]
    number = backend.sum(10.0**rank)
    backend.close()
    return number, [gradient.cpu() for gradient in kept], in_place


_SHAPES = ((3, 5), (1,), (70, 11), ())
"""Of gradients, a scalar among them."""


def _sums(subject: Subject) -> None:
    told = _everywhere("sums", subject)
    numbers = sum(10.0**rank for rank in range(len(told)))
    for rank, (number, gradients, in_place) in enumerate(told):
        expect(number == numbers, f"sum over {len(told)} processes gives {number:g}, not {numbers:g}")
        for index, gradient in enumerate(gradients):
            expected = sum(2.0**index + each for each in range(len(told)))
            found = float(gradient.flatten()[0])
            expect(
                in_place[index] and bool((gradient == expected).all()),
                f"sum_gradients leaves gradient {index} of process {rank} at {found:g}; "
                f"the sum in place is {expected:g}",
            )


def closes(subject: Subject) -> None:
    """In one of the processes: leave the group, twice."""
    backend: Backend = subject.load()()
    backend.close()
    backend.close()


def _closes_twice(subject: Subject) -> None:
    _everywhere("closes", subject)


def training(subject: Subject) -> tuple[Any, str]:
    """In one of the processes: a small training; and the type of its device."""
    from brahma.train.kit.tiny import train

    torch.set_num_threads(1)
    backend: Backend = subject.load()()
    try:
        trained = train(backend, subject.folder / f"data-{os.getpid()}")
    finally:
        backend.close()
    return trained, backend.device.type


def _trains_as_one_process(subject: Subject) -> None:
    from brahma.train.kit.tiny import train

    if not _several(subject):
        raise CheckSkippedError("its entry says that it is for one process (several=False)")
    results = on_processes(f"{__name__}:training", subject, _SEVERAL)
    told = [trained for trained, _ in results]
    single = SingleProcess()
    single.device = torch.device(results[0][1])
    alone = train(single, subject.folder / "alone")
    for step, rows in enumerate(alone.rows):
        seen = [row for trained in told for row in trained.rows[step]]
        expect(
            sorted(seen) == sorted(rows),
            f"step {step + 1} sees other rows on {len(told)} processes: {', '.join(seen)}; "
            f"one process sees {', '.join(rows)}",
        )
    for trained in told:
        for step, (found, expected) in enumerate(zip(trained.losses, alone.losses, strict=True), 1):
            expect(
                abs(found - expected) <= 1e-5 * abs(expected),
                f"the loss of step {step} is {found:.7g} on {len(told)} processes, {expected:.7g} on one",
            )
    for name, expected in told[0].weights.items():
        same = all(torch.equal(trained.weights[name], expected) for trained in told)
        expect(same, f"the processes end with different {name}")


def _trains_alone(subject: Subject) -> None:
    from brahma.train.kit.tiny import train

    (result, device) = (
        on_processes(f"{__name__}:training", subject, 1)[0] if _several(subject) else training(subject)
    )
    single = SingleProcess()
    single.device = torch.device(device)
    alone = train(single, subject.folder / "alone")
    expect(result.losses == alone.losses, f"the losses are {result.losses}; they should be {alone.losses}")


def _checks() -> Iterator[Check]:
    yield Check("knows its rank, the number of processes and its device", _knows_its_place)
    yield Check("sums numbers and gradients", _sums)
    yield Check("closes twice", _closes_twice)
    yield Check("trains alone as one process does", _trains_alone)
    yield Check("trains on two processes as on one", _trains_as_one_process)


CHECKS = tuple(_checks())
