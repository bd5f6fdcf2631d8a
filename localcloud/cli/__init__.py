"""The command group ``lakecast cloud``."""

from __future__ import annotations

from cyclopts import App

VERBS = {
    "up": ("localcloud.cli.verbs:up", "Start the local cloud in the background."),
    "down": ("localcloud.cli.verbs:down", "Stop the local cloud; its state is kept."),
    "status": ("localcloud.cli.verbs:status", "Show whether it runs, and where."),
    "serve": ("localcloud.cli.verbs:serve", "Serve in the foreground."),
    "run": ("localcloud.cli.run:run", "Run a command against it."),
    "demo": ("localcloud.cli.demo:demo", "Run everything once, from device to forecast."),
}

app = App(name="cloud", help="AWS on this machine.", version_flags=())
for _verb, (_path, _about) in VERBS.items():
    app.command(_path, name=_verb, help=_about)
