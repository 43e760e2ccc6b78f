"""What an optimizer, a quantizer, a backend and a tracker must do, as checks; see `brahma.core.kit`."""
