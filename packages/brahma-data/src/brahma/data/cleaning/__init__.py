"""Cleaning: `clean`, `dedup`, and what they are made of.

- What people use: `clean`, `dedup`, `report` (as text: `report_text`), `profile` and the files in
  `profiles/`, `choice` of one from the data.
- Steps: `contract` (what a step is), `steps/`, `duplicates/`, `words` (how text is cut into them).
- One document: `reading`, `pieces` (what steps see of a row), `chain` (the steps, with `counts` and
  `excerpts`), `spool`.
- The job on disk: `planning` (which files), `tasks` (how they are cut), `job` (its folder), `folders` (found
  again, locked), `stages` (the order of everything), `passes` (what a task does), `outputs`.
- Where it runs: `executors`, and `child`, a process of the built-in one.
"""
