"""Recordings from CSV files: UCI Beijing, and other folders by their column map."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.recordings.column_map import UCI_BEIJING, ColumnMap
from contracts.recordings.errors import RecordingError
from device.sensors.recordings import find_recordings
from tests.support.recorded import RECORDED

HEADER = (
    '"No","year","month","day","hour","PM2.5","PM10","SO2","NO2","CO","O3","TEMP","PRES",'
    '"DEWP","RAIN","wd","WSPM","station"\n'
)
DATA = RECORDED / "beijing"


def row(day: int, hour: int, values: str = "6,18,5,7,800,88") -> str:
    return f'1,2016,3,{day},{hour},{values},0.1,1021.1,-18.6,0,"NW",4.4,"X"\n'


def write(folder: Path, station: str, rows: str, *, compressed: bool = False) -> Path:
    path = folder / f"PRSA_Data_{station}_20130301-20170228.csv"
    if compressed:
        path = path.with_name(f"{path.name}.gz")
        path.write_bytes(gzip.compress((HEADER + rows).encode()))
    else:
        path.write_text(HEADER + rows)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stations.csv").write_text(
        "station,longitude,latitude\nGucheng,116.184,39.914\nDongsi,116.417,39.929\n"
    )
    return tmp_path


def test_local_time_becomes_utc_and_columns_become_pollutants(folder):
    write(folder, "Gucheng", row(1, 0))
    [recording] = find_recordings(folder)
    [reading] = recording.readings()
    assert reading.taken_at == datetime(2016, 2, 29, 16, tzinfo=UTC)
    assert reading.concentrations == {
        "ozone": 88,
        "particulate_matter": 6,
        "carbon_monoxide": 800,
        "sulfur_dioxide": 5,
        "nitrogen_dioxide": 7,
    }
    assert (recording.station.longitude, recording.station.latitude) == (116.184, 39.914)


@pytest.mark.parametrize("nothing", ["", "NA", " "])
def test_a_missing_value_is_null(folder, nothing):
    write(folder, "Gucheng", row(1, 0, f"{nothing},18,5,7,800,88"))
    [recording] = find_recordings(folder)
    assert next(recording.readings()).concentrations["particulate_matter"] is None


def test_compressed_and_plain_files_are_the_same_recording(folder):
    plain = write(folder, "Gucheng", row(1, 0))
    [one] = find_recordings(folder)
    readings = list(one.readings())
    plain.unlink()
    write(folder, "Gucheng", row(1, 0), compressed=True)
    [other] = find_recordings(folder)
    assert list(other.readings()) == readings
    assert other.parts[0].source == one.parts[0].source


def test_another_content_is_another_recording(folder):
    write(folder, "Gucheng", row(1, 0))
    [one] = find_recordings(folder)
    write(folder, "Gucheng", row(1, 1))
    [other] = find_recordings(folder)
    assert one.parts[0].source != other.parts[0].source


def test_days_end_with_the_last_reading_of_any_station(folder):
    write(folder, "Gucheng", "".join(row(day, 0) for day in range(1, 11)))
    write(folder, "Dongsi", "".join(row(day, 0) for day in range(1, 9)))
    dongsi, gucheng = find_recordings(folder, days=3)
    assert [reading.taken_at.day for reading in gucheng.readings()] == [7, 8, 9]
    assert [reading.taken_at.day for reading in dongsi.readings()] == [7]
    assert (gucheng.expected, dongsi.expected) == (3, 1)


def test_readings_before_a_gap_that_are_not_sent_are_noted(folder):
    """One row with a wrong time at the end would otherwise hide all others."""
    path = write(folder, "Gucheng", "".join(row(day, 0) for day in range(1, 4)))
    path.write_text(path.read_text() + row(1, 0).replace("2016", "2019"))
    write(folder, "Dongsi", row(1, 0))
    dongsi, gucheng = find_recordings(folder, days=120)
    assert [reading.taken_at.year for reading in gucheng.readings()] == [2019]
    assert gucheng.notes[-1].startswith(
        "station Gucheng: 3 of 4 readings, to 2016-03-02, lie before the days that are sent"
    )
    assert dongsi.notes[-1].startswith("station Dongsi: 1 of 1 readings")
    assert all(not recording.notes for recording in find_recordings(folder))


def test_a_reading_has_the_same_place_in_any_window(folder):
    write(folder, "Gucheng", "".join(row(day, 0) for day in range(1, 11)))
    [short], [long] = find_recordings(folder, days=2), find_recordings(folder, days=5)
    assert list(short.readings()) == list(long.readings())[-2:]
    assert short.parts[0].source == long.parts[0].source


def test_what_cannot_be_read_is_left_out_and_noted(folder):
    rows = (
        row(1, 0)
        + row(1, 1, "6,18,broken,7,-800,88")
        + row(32, 0)
        + row(1, 3)[:-30]
        + "\n"
        + row(1, 4)
    )
    path = write(folder, "Gucheng", rows)
    [recording] = find_recordings(folder)
    readings = list(recording.readings())
    assert [reading.place for reading in readings] == [0, 1, 4]
    assert readings[1].concentrations["sulfur_dioxide"] is None
    assert readings[1].concentrations["carbon_monoxide"] is None
    assert readings[1].concentrations["ozone"] == 88
    assert recording.expected == 3
    assert recording.notes == (
        f"left out: {path}, line 3, column CO: expected carbon_monoxide from -600 to 1,000,000; "
        "got '-800'",
        f"left out: {path}, line 3, column SO2: expected a number (texts for a missing value stand "
        "in `missing`); got 'broken'",
        f"left out: {path}, line 4, column year, month, day, hour: expected whole numbers of an "
        "existing year, month, day and hour; got '2016 3 32 0'",
        f"left out: {path}, line 5: expected 18 fields, as in line 1; got 12",
    )


def test_missing_coordinates_are_reported(folder):
    write(folder, "Nowhere", row(1, 0))
    with pytest.raises(RecordingError, match=r"stations\.csv lacks Nowhere"):
        find_recordings(folder)


def test_a_missing_stations_file_is_reported(tmp_path):
    write(tmp_path, "Gucheng", row(1, 0))
    with pytest.raises(RecordingError, match=r"stations\.csv is missing.*longitude"):
        find_recordings(tmp_path)


def test_a_folder_without_recordings_is_reported(folder):
    with pytest.raises(RecordingError, match="has a name like"):
        find_recordings(folder)


def test_the_same_file_twice_is_rejected(folder):
    write(folder, "Gucheng", row(1, 0))
    write(folder, "Gucheng", row(1, 0), compressed=True)
    with pytest.raises(RecordingError, match=r"same content: remove one"):
        find_recordings(folder)


def test_a_further_file_of_a_station_changes_no_identity_of_the_others(folder):
    write(folder, "Gucheng", row(1, 0) + row(1, 1))
    [before] = find_recordings(folder)
    (folder / "PRSA_Data_Gucheng_20170301-20170331.csv").write_text(HEADER + row(2, 0))
    [after] = find_recordings(folder)
    assert [part.source for part in before.parts] == [after.parts[0].source]
    assert len({part.source for part in after.parts}) == 2
    assert [reading.place for reading in after.readings()] == [0, 1, 0]
    assert after.expected == 3


def test_a_file_that_cannot_be_used_stops_no_other(folder):
    write(folder, "Gucheng", row(1, 0))
    empty = folder / "PRSA_Data_Gucheng_20170301-20170331.csv"
    empty.write_text(HEADER)
    other = folder / "PRSA_Data_Dongsi_20130301-20170228.csv"
    other.write_text("date,no2\n2020-01-01,5\n")
    (folder / "notes.csv").touch()
    [recording] = find_recordings(folder)
    assert recording.station.name == "Gucheng"
    assert [reading.place for reading in recording.readings()] == [0]
    format_, rows, name = recording.notes
    assert format_.startswith(f"left out, the whole file: {other}: expected a header with the time")
    assert rows == f"left out, the whole file: {empty} holds no rows after its header, line 1"
    assert name.startswith(f"left out, the whole file: {folder / 'notes.csv'}: expected a name")


def test_stations_can_be_limited(folder):
    write(folder, "Gucheng", row(1, 0))
    write(folder, "Dongsi", row(1, 0))
    assert [r.station.name for r in find_recordings(folder, limit=1)] == ["Dongsi"]


def test_a_station_without_a_pollutants_column_says_so(tmp_path):
    (tmp_path / "stations.csv").write_text("station,longitude,latitude\nmy1,-0.15,51.52\n")
    (tmp_path / "my1.csv").write_text("date,no2,wind\n2020-07-01 00:00:00,41.5,2\n")
    [recording] = find_recordings(tmp_path, ColumnMap.named("london"))
    assert recording.notes == (
        f"{tmp_path / 'my1.csv'}: no column of ozone, particulate_matter, carbon_monoxide, "
        "sulfur_dioxide among date, no2, wind",
    )


def test_the_stations_of_a_file_are_recordings_with_an_identity_each(folder):
    (folder / "all.csv").write_text(
        "date,site,no2\n2020-01-01,Gucheng,1\n2020-01-01,Dongsi,2\n2020-01-02,Gucheng,3\n"
    )
    (folder / "map.toml").write_text(
        "file_pattern = 'all\\.csv'\ntime = 'date'\nstation = 'site'\n"
        "[columns]\nnitrogen_dioxide = 'no2'\n"
    )
    columns = ColumnMap.from_toml(folder / "map.toml")
    dongsi, gucheng = find_recordings(folder, columns)
    read = [(r.place, r.concentrations["nitrogen_dioxide"]) for r in gucheng.readings()]
    assert read == [(0, 1), (2, 3)]
    assert [reading.place for reading in dongsi.readings()] == [1]
    assert dongsi.parts[0].source != gucheng.parts[0].source


@pytest.mark.real_data
@pytest.mark.skipif(not DATA.is_dir(), reason="no Beijing CSV files: set LAKECAST_DATA")
def test_beijing_files_are_read_unchanged():
    [recording] = find_recordings(DATA, UCI_BEIJING, days=120, limit=1)
    readings = list(recording.readings())
    assert len(readings) == 120 * 24 == recording.expected
    assert readings[-1].taken_at == datetime(2017, 2, 28, 15, tzinfo=UTC)
    assert readings[0].taken_at == readings[-1].taken_at - timedelta(hours=120 * 24 - 1)
    assert readings[-1].concentrations["particulate_matter"] is not None
