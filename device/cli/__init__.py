"""The command group ``lakecast device``: commands for stations, for operators, and for replays."""

from __future__ import annotations

from cyclopts import App

VERBS = {
    "run": ("device.cli.station:run", "Read a sensor and publish until stopped."),
    "doctor": ("device.cli.station:doctor", "Check everything that a device needs to publish."),
    "claim": ("device.cli.station:claim", "Get a certificate with the claim kit."),
    "rotate": ("device.cli.station:rotate", "Replace the device's key and certificate."),
    "replay": ("device.cli.replay:replay", "Replay one recording with an existing kit."),
    "fleet": ("device.cli.replay:fleet", "Provision all stations and replay them at once."),
    "provision": (
        "device.cli.operator:provision",
        "Register a device and write its kit (operator).",
    ),
    "interval": ("device.cli.operator:interval", "Show or set the sampling interval (operator)."),
    "claim-kit": ("device.cli.operator:claim_kit", "Make a claim kit for new devices (operator)."),
    "allow": (
        "device.cli.operator:allow",
        "Allow serial numbers to claim a certificate (operator).",
    ),
    "allowed": ("device.cli.operator:allowed", "List serial numbers and their use (operator)."),
    "revoke": ("device.cli.operator:revoke", "Cut off a device, or all claims (operator)."),
}

app = App(
    name="device",
    help="Publish sensor readings over MQTT, and manage devices.",
    version_flags=(),
)
for _verb, (_path, _about) in VERBS.items():
    app.command(_path, name=_verb, help=_about)
