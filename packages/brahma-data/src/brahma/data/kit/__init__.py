"""What readers, filters, augmenters and executors must do, as checks that run (`brahma.core.kit`)."""
