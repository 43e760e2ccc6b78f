"""How likely a model holds given tokens after others: what multiple-choice tasks are made of."""

from typing import TYPE_CHECKING

from brahma.core.lazy import exports

if TYPE_CHECKING:
    from brahma.evaluation.scoring.requests import Request as Request
    from brahma.evaluation.scoring.requests import Scored as Scored
    from brahma.evaluation.scoring.scorer import Scorer as Scorer

__all__ = ["Request", "Scored", "Scorer"]

if not TYPE_CHECKING:
    __getattr__ = exports(__name__, {"Request": "requests", "Scored": "requests", "Scorer": "scorer"})
