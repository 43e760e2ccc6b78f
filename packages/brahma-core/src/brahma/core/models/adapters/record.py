"""What stands beside an adapter: which base it belongs to, and how that was prepared."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from brahma.core.error_text import first_line
from brahma.core.errors import ModelError
from brahma.core.model_files import ADAPTER_CONFIG, ADAPTER_RECORD, ADAPTER_WEIGHTS
from brahma.core.models.weight_files import weights_sha256

_SCALING = ("r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora")
_DTYPES = ("float32", "bfloat16", "float16")
_MOST_ROWS = 2**24  # of an embedding; no tokenizer comes near


@dataclass(frozen=True)
class StackedAdapter:
    """An adapter that another one was trained on top of.

    Attributes:
        path: its folder.
        sha256: of its weights.
        scaling: what of its `adapter_config.json` decides how strong it is; None: not kept yet.
    """

    path: str
    sha256: str
    scaling: dict[str, Any] | None = None


@dataclass(frozen=True)
class AdapterRecord:
    """What `brahma_adapter.json` says.

    Attributes:
        base_model: folder or hub id.
        base_sha256: of its weights; None for an adapter of another tool.
        base_config: what of its `config.json` decides what it computes; None where that was not kept.
        dtype: in which base and adapter were computed, such as `bfloat16`; None: as the base is stored.
        rows: of the base's embedding, where it was made longer for new tokens.
        quantization: the section under which the base was quantized, with the names and sizes that were
            chosen; None: it was not.
        stack: adapters between the base and this one, the lowest first.
    """

    base_model: str
    base_sha256: str | None = None
    base_config: dict[str, Any] | None = None
    dtype: str | None = None
    rows: int | None = None
    quantization: dict[str, Any] | None = None
    stack: tuple[StackedAdapter, ...] = ()


def stacked(folder: str | Path) -> StackedAdapter:
    """An adapter as it is now, for the record of one that is trained on top of it.

    Raises:
        ModelError: it holds no weights, or they are damaged.
    """
    return StackedAdapter(str(folder), weights_sha256(folder), scaling(folder))


def scaling(folder: str | Path) -> dict[str, Any] | None:
    """What of `adapter_config.json` no shape shows, and yet counts; None: there is none that can be read."""
    try:
        values = json.loads((Path(folder) / ADAPTER_CONFIG).read_bytes())
        return {key: values[key] for key in _SCALING if key in values}
    except (OSError, ValueError, TypeError):
        return None


def write_record(record: AdapterRecord, folder: Path) -> None:
    """Write it beside the adapter."""
    (folder / ADAPTER_RECORD).write_text(json.dumps(asdict(record), indent=1) + "\n")


def read_record(folder: str | Path) -> AdapterRecord:
    """The record of an adapter; of one that another tool made, what its `adapter_config.json` says.

    Raises:
        ModelError: it cannot be read, or names no base.
    """
    folder = Path(folder)
    if (folder / ADAPTER_RECORD).is_file():
        return _read(folder / ADAPTER_RECORD)
    try:
        base = json.loads((folder / ADAPTER_CONFIG).read_bytes())["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            "the adapter cannot be read",
            where=str(folder),
            why=f"{type(error).__name__}: {error}",
            hint=f"name a folder with {ADAPTER_CONFIG} and {ADAPTER_WEIGHTS}",
        ) from error
    if not base:
        raise ModelError(
            "the adapter does not say which base model it belongs to",
            where=str(folder / ADAPTER_CONFIG),
            hint='write the folder or hub id of the base there, as "base_model_name_or_path"',
        )
    return AdapterRecord(base_model=str(base))


def _read(file: Path) -> AdapterRecord:
    """Our own record, whose values someone may have changed."""
    try:
        values = json.loads(file.read_bytes())
        stack = tuple(StackedAdapter(**each) for each in values.pop("stack"))
        record = AdapterRecord(**values, stack=stack)
        _check(record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            "the adapter's record cannot be read",
            where=str(file),
            why=first_line(error),
            hint="copy it again, or use another checkpoint of the run",
        ) from error
    return record


def _check(record: AdapterRecord) -> None:
    """Refuse values that no record has.

    Raises:
        ValueError: one is.
    """
    for name in (record.base_model, *(each.path for each in record.stack)):
        if not isinstance(name, str) or not name:
            raise ValueError(f"{name!r} is no name of a model")
    if record.dtype not in (None, *_DTYPES):
        raise ValueError(f"dtype is {record.dtype!r}, none of {', '.join(_DTYPES)}")
    if record.rows is not None and not (isinstance(record.rows, int) and 0 < record.rows <= _MOST_ROWS):
        raise ValueError(f"rows is {record.rows!r}, no size of an embedding")
    for values in (record.base_config, *(each.scaling for each in record.stack)):
        if values is not None and not isinstance(values, dict):
            raise ValueError(f"{values!r} is no configuration")
    if record.quantization is not None:
        _check_quantization(record.quantization)


def _check_quantization(values: Any) -> None:
    from pydantic import ValidationError

    from brahma.core.config.sections import QuantizationSection

    try:
        QuantizationSection.model_validate(values)
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(["quantization", *map(str, detail["loc"])])
        raise ValueError(f"{key}: {detail['msg']}") from error
