"""What an optimizer, a quantizer, a backend and a tracker must do, as checks that run; see `brahma.core.kit`."""
