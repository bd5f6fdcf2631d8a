"""Files of stations in a folder, and the built-in map that fits them."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.recordings.column_map import UCI_BEIJING, ColumnMap
from contracts.recordings.errors import RecordingError
from contracts.recordings.folder import column_map, examined, station_files, unmatched

HEADERS = {
    "london": ("my1.csv", "date,NO2"),
    "openaq": ("location-7-20220601.csv", "location,datetime,parameter,units,value"),
    "purpleair": ("131075.csv", "time_stamp,pm2.5_atm"),
    "sensor-community": ("2020-01-01_sds011_sensor_12.csv", "sensor_id;timestamp;P1;P2"),
    "uci-air-quality": ("AirQualityUCI.csv", "Date;Time;CO(GT);NO2(GT)"),
    "uci-beijing": (
        "PRSA_Data_Dongsi_20130301-20170228.csv",
        "year,month,day,hour,PM2.5,SO2,NO2,CO,O3",
    ),
    "uk-air": ("MY1_2020.csv", "Data supplied by UK-air\n\nDate,time,Ozone,status,unit"),
}


@pytest.mark.parametrize(("name", "file"), HEADERS.items())
def test_the_built_in_map_that_fits_is_found(tmp_path, name, file):
    (tmp_path / file[0]).write_text(f"{file[1]}\n")
    (tmp_path / "stations.csv").write_text("station,longitude,latitude\n")
    assert column_map(tmp_path, None) == ColumnMap.named(name)


def test_a_folder_that_no_map_fits_is_an_error_that_shows_its_first_line(tmp_path):
    (tmp_path / "my1.csv").write_text("\nday;nox\n")
    with pytest.raises(RecordingError, match=r"\(london, .*my1\.csv, line 2: 'day;nox'\. Name a"):
        column_map(tmp_path, None)


def test_a_folder_whose_time_fits_is_an_error_that_names_the_columns(tmp_path):
    (tmp_path / "my1.csv").write_text("date,nox\n")
    with pytest.raises(RecordingError, match=r"london: .*columns o3, .*the columns are date, nox"):
        column_map(tmp_path, None)


def test_a_folder_that_several_maps_fit_is_an_error(tmp_path):
    (tmp_path / "a.csv").write_text("date,no2,datetime,parameter,units,value\n")
    with pytest.raises(RecordingError, match="name one of london, openaq"):
        column_map(tmp_path, None)


def test_a_missing_and_an_empty_folder_are_errors(tmp_path):
    with pytest.raises(RecordingError, match="is not a folder"):
        column_map(tmp_path / "absent", None)
    with pytest.raises(RecordingError, match=r"expected files named \*\.csv.*got none"):
        column_map(tmp_path, None)


def test_a_named_map_is_read(tmp_path):
    assert column_map(tmp_path, "uci-beijing") == UCI_BEIJING


def test_files_are_those_of_each_station_by_name_and_others_are_listed(tmp_path):
    names = ["2020-01-02_sds011_sensor_12.csv", "2020-01-01_sds011_sensor_12.csv", "x.csv"]
    for name in (*names, "stations.csv", "notes.txt"):
        (tmp_path / name).touch()
    columns = ColumnMap.named("sensor-community")
    assert station_files(tmp_path, columns) == {"12": [tmp_path / names[1], tmp_path / names[0]]}
    [note] = unmatched(tmp_path, columns)
    assert note.startswith(f"left out, the whole file: {tmp_path / 'x.csv'}: expected a name like")


def test_a_file_that_cannot_be_used_is_left_out_unless_it_is_the_only_one():
    def examine(_: str, path: Path) -> str:
        if path.name == "bad":
            raise RecordingError("bad: expected better")
        return path.name

    files = {"a": [Path("1"), Path("bad")], "b": [Path("bad")], "c": [Path("2")]}
    found, notes = examined(files, examine)
    assert found == {"a": ["1"], "c": ["2"]}
    assert notes == ["left out, the whole file: bad: expected better"] * 2
    with pytest.raises(RecordingError, match="expected better"):
        examined({"b": [Path("bad")]}, examine)
