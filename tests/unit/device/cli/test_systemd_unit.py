"""The systemd unit starts what the command line understands, with no more rights than it needs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.cli.options import SendingOptions
from device.cli.station import run
from lakecast.__main__ import app

UNIT = Path(__file__).parents[4] / "device/systemd/lakecast-device@.service"


def settings(section: str) -> Iterator[tuple[str, str]]:
    current = ""
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            current = line.strip("[]")
        elif current == section and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name, value


def test_the_service_runs_the_agent_of_its_instance():
    command = dict(settings("Service"))["ExecStart"].replace("%i", "harbour")
    program, *arguments = shlex.split(command.replace("$DEVICE_OPTIONS", "--delay 60000"))
    verb, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    assert Path(program).name == "lakecast"
    assert (verb, bound.arguments["thing"]) == (run, "harbour")
    state = f"/var/lib/{dict(settings('Service'))['StateDirectory']}"
    assert str(bound.arguments["kits"]).startswith(state)


def test_the_service_waits_longer_than_the_agent_drains():
    patience = int(dict(settings("Service"))["TimeoutStopSec"])
    assert patience > SendingOptions().drain + 10


@pytest.mark.parametrize(
    "right", ["NoNewPrivileges", "PrivateTmp", "ProtectKernelModules", "RestrictNamespaces"]
)
def test_the_service_has_no_more_rights_than_it_needs(right):
    service = dict(settings("Service"))
    assert service[right] == "yes"
    assert (service["ProtectSystem"], service["CapabilityBoundingSet"]) == ("strict", "")
    assert service["User"] == "lakecast"
