"""What tasks and metrics must do, as checks that run (`brahma.core.kit`)."""
