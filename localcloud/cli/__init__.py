"""The command group ``lakecast cloud``."""

from __future__ import annotations

from cyclopts import App

VERBS = {
    "up": ("localcloud.cli.verbs:up", "Start the local cloud in the background."),
    "down": ("localcloud.cli.verbs:down", "Stop the local cloud; its state is kept."),
    "status": (
        "localcloud.cli.verbs:status",
        "Show whether the local cloud runs, and its addresses.",
    ),
    "serve": ("localcloud.cli.verbs:serve", "Run the local cloud in the foreground."),
    "run": ("localcloud.cli.run:run", "Run a command against the local cloud."),
    "demo": ("localcloud.cli.demo:demo", "Run everything once, from device to forecast."),
}

app = App(name="cloud", help="The local cloud: AWS on this machine.", version_flags=())
for _verb, (_path, _about) in VERBS.items():
    app.command(_path, name=_verb, help=_about)
