"""Recordings from CSV files: UCI Beijing, and other folders by their column map."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from device.errors import RecordingError
from device.sensors.column_map import SHIPPED, UCI_BEIJING, ColumnMap
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
    assert other.source == one.source


def test_another_content_is_another_recording(folder):
    write(folder, "Gucheng", row(1, 0))
    [one] = find_recordings(folder)
    write(folder, "Gucheng", row(1, 1))
    [other] = find_recordings(folder)
    assert one.source != other.source


def test_days_end_with_the_last_reading_of_any_station(folder):
    write(folder, "Gucheng", "".join(row(day, 0) for day in range(1, 11)))
    write(folder, "Dongsi", "".join(row(day, 0) for day in range(1, 9)))
    dongsi, gucheng = find_recordings(folder, days=3)
    assert [reading.taken_at.day for reading in gucheng.readings()] == [7, 8, 9]
    assert [reading.taken_at.day for reading in dongsi.readings()] == [7]
    assert (gucheng.expected, dongsi.expected) == (3, 1)


def test_a_reading_has_the_same_place_in_any_window(folder):
    write(folder, "Gucheng", "".join(row(day, 0) for day in range(1, 11)))
    [short], [long] = find_recordings(folder, days=2), find_recordings(folder, days=5)
    assert list(short.readings()) == list(long.readings())[-2:]
    assert short.source == long.source


def test_an_invalid_number_is_reported_with_its_row_and_column(folder):
    write(folder, "Gucheng", row(1, 0) + row(1, 1, "6,18,broken,7,800,88"))
    [recording] = find_recordings(folder)
    with pytest.raises(RecordingError, match=r"row 2: column SO2: expected a number.*'broken'"):
        list(recording.readings())


@pytest.mark.parametrize("odd", ["nan", "inf", "-inf"])
def test_nan_and_infinity_are_rejected(folder, odd):
    write(folder, "Gucheng", row(1, 0, f"6,18,{odd},7,800,88"))
    [recording] = find_recordings(folder)
    with pytest.raises(RecordingError, match="column SO2"):
        list(recording.readings())


def test_an_impossible_date_is_reported_with_its_row(folder):
    write(folder, "Gucheng", row(1, 0) + row(32, 0))
    with pytest.raises(RecordingError, match=r"row 2: day"):
        find_recordings(folder)


def test_a_missing_column_is_reported(folder):
    path = folder / "PRSA_Data_Gucheng_x.csv"
    path.write_text("year,month,day,PM2.5\n2016,1,1,5\n")
    with pytest.raises(RecordingError, match="row 1: no column 'hour'"):
        find_recordings(folder)


def test_a_damaged_archive_is_reported(folder):
    path = write(folder, "Gucheng", row(1, 0) * 1000, compressed=True)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RecordingError, match=path.name):
        find_recordings(folder)


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


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(RecordingError, match="is not a folder"):
        find_recordings(tmp_path / "absent")


def test_two_files_of_one_station_are_rejected(folder):
    write(folder, "Gucheng", row(1, 0))
    write(folder, "Gucheng", row(1, 0), compressed=True)
    with pytest.raises(RecordingError, match="two files hold station Gucheng"):
        find_recordings(folder)


def test_stations_can_be_limited(folder):
    write(folder, "Gucheng", row(1, 0))
    write(folder, "Dongsi", row(1, 0))
    assert [r.station.name for r in find_recordings(folder, limit=1)] == ["Dongsi"]


def test_any_folder_can_be_described_by_a_column_map(folder):
    description = folder / "columns.toml"
    description.write_text(
        """
        file_pattern = '(?P<station>\\w+)-air\\.csv'
        time = "measured_at"
        utc_offset_hours = -3.5
        missing = ["-"]
        [columns]
        ozone = "O3 (µg/m³)"
        """
    )
    (folder / "Gucheng-air.csv").write_text(
        "measured_at,O3 (µg/m³)\n2020-01-01T00:00:00,12.5\n2020-01-01T01:00:00+01:00,-\n"
    )
    [recording] = find_recordings(folder, ColumnMap.from_toml(description))
    local, offset = recording.readings()
    assert local.taken_at == datetime(2020, 1, 1, 3, 30, tzinfo=UTC)
    assert offset.taken_at == datetime(2020, 1, 1, tzinfo=UTC)
    assert [local.concentrations, offset.concentrations] == [{"ozone": 12.5}, {"ozone": None}]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("time = 'x'\n[columns]\nozone = 'O3'", "file_pattern"),
        ("file_pattern = 'a'\ntime = 'x'\ncolumns = {}", "no group"),
        ("file_pattern = '(?P<station>.)'\ntime = 'x'\ncolumns = {radon = 'Rn'}", "got radon"),
        ("file_pattern = '(?P<station>.)'\ntime = ['y', 'm']\ncolumns = {}", "year, month, day"),
        ("file_pattern = '(?P<station>.'\ntime = 'x'\ncolumns = {}", "unterminated"),
        ("file_pattern = '(?P<station>.)'\ntime = 'x'\ncolumns = {}\ncolour = 1", "colour"),
        ("not toml", "columns.toml"),
    ],
)
def test_an_invalid_column_map_is_reported(tmp_path, toml, message):
    path = tmp_path / "columns.toml"
    path.write_text(toml)
    with pytest.raises(RecordingError, match=message):
        ColumnMap.from_toml(path)


ITALY = """Date;Time;CO(GT);PT08.S1(CO);NMHC(GT);NO2(GT);T;;
10/03/2004;18.00.00;2,6;1360;150;113;13,6;;
10/03/2004;19.00.00;-200;1292;112;-200,0;13,3;;
;;;;;;;;
"""


def test_uci_air_quality_of_italy_is_read_unchanged(tmp_path):
    (tmp_path / "AirQualityUCI.csv").write_text(ITALY)
    (tmp_path / "stations.csv").write_text("station,longitude,latitude\nAirQualityUCI,9.19,45.46\n")
    [recording] = find_recordings(tmp_path, ColumnMap.named("uci-air-quality"))
    first, second = recording.readings()
    assert first.taken_at == datetime(2004, 3, 10, 17, tzinfo=UTC)
    assert first.concentrations == {"carbon_monoxide": 2600, "nitrogen_dioxide": 113}
    assert second.concentrations == {"carbon_monoxide": None, "nitrogen_dioxide": None}
    assert recording.expected == 2


def test_london_style_files_may_have_different_columns(tmp_path):
    (tmp_path / "stations.csv").write_text(
        "station,longitude,latitude\nmy1,-0.15,51.52\nkc1,0,51\n"
    )
    (tmp_path / "my1.csv").write_text("date,no2,o3,co\n2020-07-01 00:00:00,41.5,12,0.25\n")
    (tmp_path / "kc1.csv").write_bytes(b"\xef\xbb\xbfdate,pm25\r\n2020-07-01 01:00,NaN\r\n")
    kensington, marylebone = find_recordings(tmp_path, ColumnMap.named("london"))
    [reading] = marylebone.readings()
    assert reading.taken_at == datetime(2020, 7, 1, tzinfo=UTC)
    assert reading.concentrations == {
        "nitrogen_dioxide": 41.5,
        "ozone": 12,
        "carbon_monoxide": 250,
    }
    assert [r.concentrations for r in kensington.readings()] == [{"particulate_matter": None}]


def test_shipped_maps_are_valid_and_an_unknown_name_is_an_error():
    assert SHIPPED == ("london", "uci-air-quality", "uci-beijing")
    assert all(ColumnMap.named(name).columns for name in SHIPPED)
    with pytest.raises(RecordingError, match="no such file, and none of london, uci-air-quality"):
        ColumnMap.named("paris")


def test_the_identity_of_a_beijing_replay_never_changes():
    """Otherwise a replay after an upgrade would add every reading to the lake a second time."""
    assert UCI_BEIJING.describe() == (
        "[('carbon_monoxide', 'CO'), ('nitrogen_dioxide', 'NO2'), ('ozone', 'O3'), "
        "('particulate_matter', 'PM2.5'), ('sulfur_dioxide', 'SO2')] "
        "('year', 'month', 'day', 'hour') 8 ('', 'NA')"
    )


def test_each_parameter_of_a_column_map_changes_the_recordings_identity():
    plain = ColumnMap("(?P<station>.)", {"ozone": "O3"}, ("t",))
    others = [
        ColumnMap("(?P<station>.)", {"ozone": "O3"}, ("t",), **other)
        for other in (
            {"factors": {"ozone": 2.0}},
            {"decimal": ","},
            {"delimiter": ";"},
            {"time_format": "%Y"},
            {"optional": True},
        )
    ]
    assert len({columns.describe() for columns in [plain, *others]}) == 6


@pytest.mark.real_data
@pytest.mark.skipif(not DATA.is_dir(), reason="no Beijing CSV files: set LAKECAST_DATA")
def test_beijing_files_are_read_unchanged():
    [recording] = find_recordings(DATA, UCI_BEIJING, days=120, limit=1)
    readings = list(recording.readings())
    assert len(readings) == 120 * 24 == recording.expected
    assert readings[-1].taken_at == datetime(2017, 2, 28, 15, tzinfo=UTC)
    assert readings[0].taken_at == readings[-1].taken_at - timedelta(hours=120 * 24 - 1)
    assert readings[-1].concentrations["particulate_matter"] is not None
