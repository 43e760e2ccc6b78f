"""Who quantizes a base model, and how: decided from the configuration alone, before anything is loaded.

No torch is imported here, so that a configuration can be checked without it. What is then done with a model
stands in `brahma.core.models.quantization`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from brahma.core.config.sections import Choice, QuantizationSection, Section
from brahma.core.entries import QuantizedFormat, QuantizerEntry
from brahma.core.errors import ConfigError, PluginError
from brahma.core.plugins import FIRST_PARTY, Registration, get_plugins
from brahma.core.suggest import suggestion

DEFAULT_GROUP = 128
"""Weights that share a scale when nothing is said; the guide's own figure."""

_GROUPS = (32, 64, 128, 256, 512, 1024, 2048, 4096)
FIRST_PARTY_FORMATS: Mapping[str, tuple[QuantizedFormat, ...]] = {
    "bitsandbytes": (
        *(
            QuantizedFormat(
                type=type_, bits=4, group_sizes=sizes, devices=(device,), double_quantization=True
            )
            for type_ in ("nf4", "fp4")
            for device, sizes in (("cpu", _GROUPS[:6]), ("cuda", _GROUPS))
        ),
        QuantizedFormat(type="int8", bits=8),
    ),
    "hqq": (
        QuantizedFormat(type="int4", bits=4, group_sizes=_GROUPS),
        QuantizedFormat(type="int8", bits=8),
        QuantizedFormat(type="int8", bits=8, group_sizes=_GROUPS),
    ),
}
"""What our own quantizers can do, in the order in which `auto` tries them, for who has not installed them."""


@dataclass(frozen=True)
class ChosenQuantizer:
    """A quantizer, and what it is asked for; all of it checked against what it says it can do.

    Attributes:
        registration: its entry, and the distribution that brought it.
        format: the chosen one of the entry's formats.
        group_size: weights of a row that share a scale; None: the whole row.
        section: what the user asked for, with what was chosen written in: it chooses the same again.
        options: the entry's own, checked; None when it takes none.
    """

    registration: Registration
    format: QuantizedFormat
    group_size: int | None
    section: QuantizationSection
    options: Section | None

    @property
    def entry(self) -> QuantizerEntry:
        return cast(QuantizerEntry, self.registration.entry)


def choose_quantizer(section: QuantizationSection, device: str, where: str | None = None) -> ChosenQuantizer:
    """The quantizer that does what a configuration asks for.

    Args:
        device: where the model will compute: `cpu`, `cuda`, `cuda:1`, `mps`.
        where: the place of the section, for errors: `my.json:5: quantization`.

    Raises:
        ConfigError: none that is installed, or not the one that was named, can do this on this device; with
            what they can do, and who can.
        PluginError: it is not installed, or nobody is; with the command that installs it.
    """
    kind, place = device.partition(":")[0], where or "quantization"
    _check_compute_type(section, kind, place)
    found = _candidates(section, place)
    _check_type(section, found, place)
    for each in found:
        if (form := _fitting(_formats(each), section, kind)) is not None:
            get_plugins().find("quantizer", each.entry.name, place)  # refuses two of one name
            choice = Choice(name=each.entry.name, **section.quantizer.options)
            options = get_plugins().options(each.entry, choice, f"{place}.quantizer")
            size = _group_size(form, section)
            settled = section.model_copy(
                update={"type": form.type, "group_size": size or "row", "quantizer": choice}
            )
            return ChosenQuantizer(each, form, size, settled, options)
    raise _nobody(section, kind, found, place)


def describe(formats: Iterable[QuantizedFormat], device: str) -> str:
    """What of it works on such a device: `4 bits nf4 or fp4, groups of 32 to 1024; 8 bits int8, whole rows`.

    All of it, with the devices, where nothing works there.
    """
    known = list(formats)
    here = [form for form in known if device in form.devices]
    types: dict[tuple[int, str], list[str]] = {}
    for form in here or known:
        extra = ", double quantization" if form.double_quantization else ""
        extra += "" if here else f", on {' and '.join(form.devices)}"
        types.setdefault((form.bits, f"{_sizes(form.group_sizes)}{extra}"), []).append(form.type)
    return "; ".join(f"{bits} bits {' or '.join(names)}, {rest}" for (bits, rest), names in types.items())


def _candidates(section: QuantizationSection, place: str) -> list[Registration]:
    """In the order in which they are tried: ours, then others by name."""
    plugins, name = get_plugins(), section.quantizer.name
    installed = plugins.of_kind("quantizer")
    if name != "auto":
        plugins.find("quantizer", name, f"{place}.quantizer")
        return [each for each in installed if each.entry.name == name]
    if given := section.quantizer.options:
        raise ConfigError(
            f"{', '.join(given)}: options of a quantizer that is not named",
            where=f"{place}.quantizer",
            hint=f"name it in place of auto: {', '.join(sorted(each.entry.name for each in installed))}",
        )
    if not installed:
        raise PluginError(
            "no quantizer is installed",
            where=place,
            why=plugins.passed_over(),
            hint=f'pip install "{FIRST_PARTY["quantizer", next(iter(FIRST_PARTY_FORMATS))]}"',
        )
    ours = list(FIRST_PARTY_FORMATS)
    return sorted(installed, key=lambda each: (_rank(each.entry.name, ours), each.entry.name))


def _rank(name: str, ours: list[str]) -> int:
    return ours.index(name) if name in ours else len(ours)


def _formats(registration: Registration) -> tuple[QuantizedFormat, ...]:
    return cast(QuantizerEntry, registration.entry).formats


def _check_compute_type(section: QuantizationSection, kind: str, place: str) -> None:
    if section.compute_type == "float16" and kind == "cpu":
        raise ConfigError(
            "compute_type: float16 is a hundred times slower than bfloat16 on a CPU",
            where=place,
            hint='"compute_type": "auto"',
        )


def _check_type(section: QuantizationSection, found: list[Registration], place: str) -> None:
    """A type that nobody has is a slip of the finger."""
    ours = [form for formats in FIRST_PARTY_FORMATS.values() for form in formats]
    known = {form.type for form in [*ours, *(form for each in found for form in _formats(each))]}
    if section.type is not None and section.type not in known:
        raise ConfigError(
            f"type: nothing is called {section.type!r}",
            where=place,
            hint=suggestion(section.type, known, nothing="remove it"),
        )


def _fitting(
    formats: Iterable[QuantizedFormat], section: QuantizationSection, kind: str
) -> QuantizedFormat | None:
    return next((form for form in formats if _fits(form, section, kind)), None)


def _fits(form: QuantizedFormat, section: QuantizationSection, kind: str) -> bool:
    return (
        form.bits == section.bits
        and section.type in (None, form.type)
        and kind in form.devices
        and (form.double_quantization or not section.double_quantization)
        and _has_group(form, section.group_size)
    )


def _has_group(form: QuantizedFormat, asked: int | str | None) -> bool:
    if asked is None:
        return True
    return not form.group_sizes if asked == "row" else asked in form.group_sizes


def _group_size(form: QuantizedFormat, section: QuantizationSection) -> int | None:
    """What was asked for; else the default, or the offered one that is nearest below it, or above."""
    if isinstance(section.group_size, int):
        return section.group_size
    if not form.group_sizes:
        return None
    below = [size for size in form.group_sizes if size <= DEFAULT_GROUP]
    return max(below) if below else min(form.group_sizes)


def _sizes(sizes: tuple[int, ...]) -> str:
    if not sizes:
        return "whole rows"
    return f"groups of {sizes[0]} to {sizes[-1]}" if len(sizes) > 3 else f"groups of {_listed(sizes)}"


def _listed(sizes: Iterable[int]) -> str:
    return ", ".join(map(str, sizes))


def _asked(section: QuantizationSection, kind: str) -> str:
    """`4 bits int8, groups of 100, double quantization, on cpu`."""
    parts = [f"{section.bits} bits" + (f" {section.type}" if section.type else "")]
    if section.group_size is not None:
        parts.append("whole rows" if section.group_size == "row" else f"groups of {section.group_size}")
    if section.double_quantization:
        parts.append("double quantization")
    return f"{', '.join(parts)}, on {kind}"


def _nobody(section: QuantizationSection, kind: str, found: list[Registration], place: str) -> ConfigError:
    name = section.quantizer.name
    who = "no installed quantizer" if name == "auto" else f"the quantizer {name!r}"
    verb = "can do" if name == "auto" else "cannot do"
    abilities = [f"{each.entry.name}: {describe(_formats(each), kind)}" for each in found]
    return ConfigError(
        f"{who} {verb} {_asked(section, kind)}",
        where=place,
        why=" | ".join(abilities),
        hint="; or ".join([*_able(section, kind, name), *_nearest_change(section, kind, found)])
        or "ask for what they can do, or train without quantization",
    )


def _able(section: QuantizationSection, kind: str, refused: str) -> Iterator[str]:
    """Who else can do it: an installed one, or one of ours that is not installed."""
    installed = get_plugins().of_kind("quantizer")
    names = {each.entry.name for each in installed}
    for each in installed:
        if each.entry.name != refused and _fitting(_formats(each), section, kind):
            yield f'"quantizer": "{each.entry.name}", which can do this'
    for name, formats in FIRST_PARTY_FORMATS.items():
        if name not in names and _fitting(formats, section, kind):
            yield f'pip install "{FIRST_PARTY["quantizer", name]}", whose quantizer "{name}" can do this'


def _nearest_change(section: QuantizationSection, kind: str, found: list[Registration]) -> Iterator[str]:
    """One key that, left out or changed, makes it possible."""
    changes: tuple[tuple[str, object, str], ...] = (
        ("group_size", None, "without group_size"),
        ("double_quantization", False, "without double_quantization"),
        ("type", None, "without type"),
        ("bits", 12 - section.bits, f'"bits": {12 - section.bits}'),
    )
    for key, value, text in changes:
        if getattr(section, key) == value:
            continue
        changed = section.model_copy(update={key: value})
        fitting = [form for each in found if (form := _fitting(_formats(each), changed, kind))]
        if fitting:
            if key == "group_size" and fitting[0].group_sizes:
                text = f'"group_size": {_listed_or(fitting[0].group_sizes)}'
            yield text
            return


def _listed_or(sizes: tuple[int, ...]) -> str:
    return f"{_listed(sizes[:-1])} or {sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
