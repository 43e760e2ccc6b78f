"""How likely a model holds given tokens after others: what every measure of a language model is made of."""

from brahma.evaluation.scoring.requests import Request, Scored

__all__ = ["Request", "Scored"]
