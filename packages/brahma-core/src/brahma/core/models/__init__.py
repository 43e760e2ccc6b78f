"""Models as torch modules: built, loaded, run on packed batches. Importing this imports torch."""

from brahma.core.models.attention import PACKED, packed_attention, register_packed_attention
from brahma.core.models.forward import Inputs, packed_loss, summed_loss, to_device
from brahma.core.models.loading import build_model, load_model
from brahma.core.models.loss import chunked_loss
from brahma.core.models.packable import check_packable

__all__ = [
    "PACKED",
    "Inputs",
    "build_model",
    "check_packable",
    "chunked_loss",
    "load_model",
    "packed_attention",
    "packed_loss",
    "register_packed_attention",
    "summed_loss",
    "to_device",
]
