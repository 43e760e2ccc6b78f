"""The ground every other package stands on: configuration, models, runs, errors and plugins.

Nothing here imports torch at import time; what needs it lives in `brahma.core.models`.
"""
