"""The command group ``lakecast smoke``."""

from __future__ import annotations

from cyclopts import App

VERBS = {
    "run": "Send two devices' readings through it, and remove them.",
    "clean": "Remove what killed smoke tests left behind.",
    "status": "Generate the verification status from the committed reports.",
}

app = App(name="smoke", help="Test an applied estate from device to forecast.", version_flags=())
for _verb, _about in VERBS.items():
    app.command(f"smoke.verbs:{_verb}", name=_verb, help=_about)
