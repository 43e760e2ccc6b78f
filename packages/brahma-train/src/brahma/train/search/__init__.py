"""A search for better settings on optuna: whoever is best at a rung goes on from its checkpoint.

parameters.py ranges.py space.py    what is varied, in which ranges; the configuration of a point
circumstances.py lengths.py         memory and steps, from which default ranges and costs follow
measure.py                          what trials are compared by
records.py rungs.py history.py      pure: stored trials -> what to do next, and with which values
journal.py storage.py               the study on disk, shared by all who join it
locks.py kills.py                   who works on it, and whether one who is gone was killed for memory
opening.py joining.py trial.py      what `Search` takes; its study made or joined; a trial to a rung
search.py                           the loop
events.py display.py plain.py       what happens, told in lines,
live.py standing.py table.py        or as a table that stays in place
leading.py importance.py            pure: which trial led when; what matters
results.py outcome.py pictures.py   what came of it: as an object, in words, as pictures
command.py listing.py showing.py    `brahma search`, `brahma searches list`, `brahma searches show`
"""

from typing import TYPE_CHECKING

from brahma.core.lazy import exports

if TYPE_CHECKING:
    from brahma.train.search.results import SearchResult as SearchResult
    from brahma.train.search.search import Search as Search
    from brahma.train.search.storage import Study as Study

__all__ = ["Search", "SearchResult", "Study"]

if not TYPE_CHECKING:
    __getattr__ = exports(__name__, {"Search": "search", "SearchResult": "results", "Study": "storage"})
