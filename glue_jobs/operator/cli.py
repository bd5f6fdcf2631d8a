"""The group ``lakecast lake``."""

from __future__ import annotations

from cyclopts import App

VERBS = {
    "etl": "Turn raw messages into readings, series and channels.",
    "compact": "Merge small files of closed days into large ones.",
    "withdraw": "Take wrong readings of a device out of the lake.",
    "reinstate": "Let the readings of a withdrawal into the lake again.",
    "quality": "Measure whether the tables are as expected.",
}

app = App(name="lake", help="Turn raw messages into tables and training data.", version_flags=())
for _verb, _about in VERBS.items():
    app.command(f"glue_jobs.operator.verbs:{_verb}", name=_verb, help=_about)
