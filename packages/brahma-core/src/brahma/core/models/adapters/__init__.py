"""Low-rank adapters on a frozen base model, in peft's layout."""

from brahma.core.models.adapters.attaching import Adapter, attach, continue_from
from brahma.core.models.adapters.loading import check_base, load_adapted
from brahma.core.models.adapters.record import (
    AdapterRecord,
    StackedAdapter,
    read_record,
    stacked,
    write_record,
)

__all__ = [
    "Adapter",
    "AdapterRecord",
    "StackedAdapter",
    "attach",
    "check_base",
    "continue_from",
    "load_adapted",
    "read_record",
    "stacked",
    "write_record",
]
