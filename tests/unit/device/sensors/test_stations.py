"""Coordinates and thing names of recorded stations."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.recordings.errors import RecordingError
from device.sensors.readings import Station
from device.sensors.stations import read_stations, thing_name_of, thing_names


@pytest.mark.parametrize(
    "text",
    [
        "station,longitude,latitude\nmy1,-0.15,51.52\n",
        " Station, LATITUDE, Longitude\nmy1, 51.52, -0.15\n",
        "\ufeffstation;longitude;latitude;note\r\nmy1;-0.15;51.52;x\r\n",
        'station,longitude,latitude\nmy1,-0.15,51.52\nnowhere,x,\n"cut',
        '"station","longitude","latitude"\n"my1","-0.15","51.52"\n',
        "station;longitude;latitude\nmy1;-0,15;51,52\n",
        "station\tlongitude\tlatitude\nmy1\t-0.15\t51.52\n",
    ],
)
def test_coordinates_are_read(tmp_path, text):
    path = tmp_path / "stations.csv"
    path.write_text(text)
    assert read_stations(path, ["my1"]) == {"my1": Station("my1", -0.15, 51.52)}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("my1,nan,51", r"line 2, column longitude: expected degrees from -180 to 180; got 'nan'"),
        ("my1,inf,51", r"longitude.*got 'inf'"),
        ("my1,-0.15,91", r"column latitude: expected degrees from -90 to 90; got '91'"),
        ("my1,-0.15,N51", r"column latitude: .*got 'N51'"),
        ("my1,0,0", "expected a position"),
        ("my1,1", "column latitude: expected degrees.*got ''"),
        ("my1,1,2\nmy1,1,3", "line 3: expected each station once"),
        ("other,1,2", "lacks my1"),
    ],
)
def test_a_row_that_gives_no_position_is_an_error_with_its_line(tmp_path, row, message):
    path = tmp_path / "stations.csv"
    path.write_text(f"station,longitude,latitude\n{row}\n")
    with pytest.raises(RecordingError, match=message):
        read_stations(path, ["my1"])


def test_a_missing_column_is_an_error_that_names_those_found(tmp_path):
    path = tmp_path / "stations.csv"
    path.write_text("name,lon,lat\nmy1,1,2\n")
    with pytest.raises(RecordingError, match=r"expected the column station; got name, lon, lat"):
        read_stations(path, ["my1"])


def test_the_text_of_a_station_is_part_of_an_identity_and_does_not_change():
    assert str(Station("a", 1.0, 2.0, "b")) == "Station(name='a', longitude=1.0, latitude=2.0)"


@pytest.mark.parametrize(
    ("station", "thing"),
    [("Gucheng", "gucheng"), ("Ring Road (N)", "ring-road-n"), ("harbour-2", "harbour-2")],
)
def test_a_thing_name_is_derived_from_its_stations(station, thing):
    assert thing_name_of(station) == thing


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["天坛"], "station '天坛': expected a thing name.*got ''.*column thing_name"),
        (["x" * 129], "1 to 128 letters"),
        (["Ring Road", "ring-road"], "'Ring Road' and 'ring-road'.*got 'ring-road' for both"),
    ],
)
def test_a_name_that_vanishes_or_collides_is_an_error(names, message):
    with pytest.raises(RecordingError, match=message):
        thing_names([Station(name, 1, 2) for name in names])


def test_a_stations_name_may_be_spelt_in_two_ways(tmp_path):
    path = tmp_path / "stations.csv"
    path.write_text("station,longitude,latitude\nZu\u0308rich,8.5,47.4\n")
    assert list(read_stations(path, ["Z\u00fcrich"])) == ["Z\u00fcrich"]


def test_thing_names_can_be_given(tmp_path):
    path = tmp_path / "stations.csv"
    path.write_text(
        "station,longitude,latitude,thing_name\n天坛,116.4,39.9,tiantan\nGucheng,1,2,\n"
    )
    stations = read_stations(path, ["天坛", "Gucheng"])
    assert thing_names(list(stations.values())) == ["tiantan", "gucheng"]


@given(st.lists(st.text(min_size=1), unique=True))
def test_thing_names_are_valid_and_distinct_or_refused(names):
    try:
        found = thing_names([Station(name, 1, 2) for name in names])
    except RecordingError:
        return
    assert len(set(found)) == len(names)
    assert all(re.fullmatch(r"[a-zA-Z0-9:_-]{1,128}", name) for name in found)
