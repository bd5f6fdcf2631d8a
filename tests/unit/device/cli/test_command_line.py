"""The command line: foreseeable failures end in one line and a code, never in a traceback."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from device.agent.batching import MAX_READINGS, Batching
from device.errors import KitError
from device.mqtt.kit import Broker, ConnectionKit
from lakecast.__main__ import app
from lakecast.__main__ import main as lakecast


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("LAKECAST_MQTT_HOST", "LAKECAST_MQTT_PORT", "LAKECAST_MQTT_CA_FILE"):
        monkeypatch.delenv(variable, raising=False)


def main(words: list[str]) -> int:
    return lakecast(["device", *words])


def options(*words: str) -> dict[str, Any]:
    """Arguments that a verb was called with."""
    _, bound, _ = app.parse_args(["device", *words], exit_on_error=False, print_error=False)
    bound.apply_defaults()
    return bound.arguments


def misused(capsys) -> str:
    """The line of a misuse, without what follows it."""
    line = one_line(capsys)
    assert line.endswith("; see --help")
    return line


def one_line(capsys) -> str:
    printed = capsys.readouterr().err.strip()
    assert "\n" not in printed
    return printed


def kit(folder) -> ConnectionKit:
    folder.mkdir(parents=True)
    return ConnectionKit(folder, "harbour", "local", "000000000000", "abc", "host", 8883, None)


@pytest.mark.parametrize("delay", ["100", "0", "-1", "soon", "nan", "1e99"])
def test_a_delay_below_250_ms_or_no_number_is_refused(capsys, delay):
    assert main(["run", "--thing", "harbour", f"--delay={delay}"]) == 2
    assert " for --delay" in misused(capsys)


@pytest.mark.parametrize(
    "option",
    [
        "--days=0",
        "--stations=-1",
        "--drain=-1",
        "--keep-mb=0",
        "--patience=nan",
        "--batch-readings=0",
        "--batch-readings=401",
        "--batch-readings=few",
        "--batch-seconds=-1",
    ],
)
def test_amounts_that_make_no_sense_are_refused(capsys, option):
    assert main(["fleet", option]) == 2
    assert f" for {option.partition('=')[0]}" in misused(capsys)


@pytest.mark.parametrize("seconds", ["0.1", "86401", "soon", "nan"])
def test_an_interval_that_no_device_would_take_is_refused(capsys, seconds):
    assert main(["interval", "--thing", "harbour", f"--seconds={seconds}"]) == 2
    assert " for --seconds" in misused(capsys)


@pytest.mark.parametrize(
    ("given", "batching"),
    [
        ([], Batching(1)),
        (["--batch-readings=10"], Batching(10)),
        (["--batch-seconds=30"], Batching(MAX_READINGS, timedelta(seconds=30))),
        (["--batch-readings=10", "--batch-seconds=30"], Batching(10, timedelta(seconds=30))),
    ],
)
def test_either_bound_alone_makes_batches(given, batching):
    assert options("run", "--thing=harbour", *given)["sending"].batching == batching


def test_replays_keep_awss_quotas_unless_unthrottled():
    assert options("fleet")["source"].unthrottled is False
    assert options("replay", "--thing=x", "--unthrottled")["source"].unthrottled is True


def test_a_port_in_the_environment_that_is_no_number_is_refused(capsys, monkeypatch):
    monkeypatch.setenv("LAKECAST_MQTT_PORT", "mqtt")
    assert main(["fleet"]) == 2
    assert "LAKECAST_MQTT_PORT" in misused(capsys)


@pytest.mark.parametrize("command", ["run", "replay"])
def test_a_missing_kit_is_reported_with_the_command_that_makes_one(capsys, command):
    assert main([command, "--thing", "harbour"]) == 1
    assert "no connection kit in .lakecast/devices/harbour" in one_line(capsys)


def test_a_missing_certificate_is_reported(capsys, tmp_path):
    kit(tmp_path / ".lakecast/devices/harbour").save(Broker("host"))
    assert main(["run", "--thing", "harbour"]) == 1
    assert "lacks certificate.pem, private.key; provision" in one_line(capsys)


def test_an_unusable_certificate_is_reported(capsys, tmp_path):
    made = kit(tmp_path / ".lakecast/devices/harbour").save(Broker("host"))
    made.certificate.write_text("no certificate")
    made.private_key.write_text("no key")
    assert main(["run", "--thing", "harbour"]) == 1
    assert "its certificate, key or CA can't be used" in one_line(capsys)


def test_a_damaged_kit_is_reported(capsys, tmp_path):
    folder = tmp_path / ".lakecast/devices/harbour"
    folder.mkdir(parents=True)
    (folder / "device.json").write_text('{"thing_name": "harbour"}')
    assert main(["run", "--thing", "harbour"]) == 1
    assert "device.json" in one_line(capsys)


def test_a_data_folder_without_recordings_is_reported(capsys, tmp_path):
    assert main(["fleet", "--data", str(tmp_path)]) == 1
    assert "expected files named *.csv or *.csv.gz; got none" in one_line(capsys)


def test_more_days_than_there_is_weather_are_refused(capsys):
    assert main(["fleet", "--days", "100000"]) == 1
    assert "take fewer days" in one_line(capsys)


def test_a_kit_is_written_for_its_owner_only(tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_text("an authority")
    made = kit(tmp_path / "harbour").save(Broker("broker.example", 8884, ca))
    made.certificate.write_text("c")
    made.private_key.write_text("k")
    assert (made.folder / "device.json").stat().st_mode & 0o077 == 0
    assert json.loads((made.folder / "device.json").read_text())["host"] == "broker.example"
    assert ConnectionKit.load(made.folder) == made
    assert made.ca_file.read_text() == "an authority"


def test_a_missing_ca_file_is_reported(tmp_path):
    with pytest.raises(KitError, match=r"absent\.pem"):
        kit(tmp_path / "harbour").save(Broker("host", 8883, tmp_path / "absent.pem"))


def test_a_replay_of_a_thing_name_that_two_stations_have_is_refused(capsys, tmp_path):
    made = kit(tmp_path / "kits" / "harbour").save(Broker("host"))
    for file in (made.certificate, made.private_key):
        file.touch()
    data = tmp_path / "data"
    data.mkdir()
    (data / "stations.csv").write_text("station,longitude,latitude\nHarbour,1,2\nHarbour.,3,4\n")
    for station, value in (("Harbour", 1), ("Harbour.", 2)):
        (data / f"{station}.csv").write_text(f"date,no2\n2020-01-01,{value}\n")
    words = ["replay", "--thing=harbour", f"--data={data}", f"--kits={tmp_path / 'kits'}"]
    assert main(words) == 1
    printed = capsys.readouterr().err.splitlines()[-1]
    assert "several stations have the thing name 'harbour'; name one with --station" in printed
