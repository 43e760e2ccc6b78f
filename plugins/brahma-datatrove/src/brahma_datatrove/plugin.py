"""What this plugin brings."""

from __future__ import annotations
