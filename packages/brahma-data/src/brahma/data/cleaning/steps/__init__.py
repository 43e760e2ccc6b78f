"""The steps of a cleaning that look at one text or document at a time."""
