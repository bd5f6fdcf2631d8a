"""The group ``lakecast lake``."""

from __future__ import annotations

from cyclopts import App

VERBS = {
    "etl": "Turn raw messages into readings, series and channels.",
    "compact": "Replace many small files by few large ones.",
    "quality": "Measure whether the tables are as expected.",
}

app = App(name="lake", help="Raw messages to tables and training data.", version_flags=())
for _verb, _about in VERBS.items():
    app.command(f"glue_jobs.operator.verbs:{_verb}", name=_verb, help=_about)
