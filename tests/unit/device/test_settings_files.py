"""Settings files of kits: any content is read, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.certificates.claim import ClaimKit, Draft
from device.certificates.identity import signing_request
from device.errors import KitError
from device.mqtt.kit import ConnectionKit

KIT = {
    **{"thing_name": "quay", "environment": "local", "account_id": "1", "certificate_id": "c"},
    **{"host": "localhost", "port": 8883, "ca": None, "identity": ""},
}
CLAIM = {"template": "t", "host": "localhost", "port": 8883, "ca": None}


def folder_with(folder: Path, name: str, content: bytes) -> Path:
    for file in ("certificate.pem", "private.key"):
        (folder / file).touch()
    (folder / name).write_bytes(content)
    return folder


def load(folder: Path, content: bytes) -> ConnectionKit:
    return ConnectionKit.load(folder_with(folder, "device.json", content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"port": "8883"}, "port: expected int; got '8883'"),
        ({"port": True}, "port: expected int; got True"),
        ({"port": 0}, "port: expected 1 to 65535; got 0"),
        ({"port": 65_536}, "port: expected 1 to 65535"),
        ({"host": ""}, "host: expected a host name or an address; got ''"),
        ({"host": "a\u0000b"}, "host: expected a host name"),
        ({"host": "x" * 64 + ".y"}, "host: expected a host name"),
        ({"ca": "../ca.pem"}, "ca: expected the name of a file in the folder"),
        ({"ca": 5}, "ca: expected"),
        ({"identity": "/etc"}, "identity: expected the name of a file in the folder"),
        ({"identity": ".."}, "identity: expected the name of a file in the folder"),
        ({"thing_name": "a/#"}, "thing_name: expected the name of a thing"),
        ({"colour": 1}, "expected thing_name, .*got 'colour'"),
    ],
)
def test_an_invalid_member_of_a_kit_is_named(tmp_path, change, message):
    with pytest.raises(KitError, match=message) as refused:
        load(tmp_path, json.dumps(KIT | change).encode())
    assert str(tmp_path / "device.json") in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expecting value"),
        (b"[]", "expected a JSON object"),
        (b"{}", "expected account_id, .* thing_name; got none"),
        (b"[" * 100_000, "nested"),
        (b'{"port": 1e400}', "range of a double"),
        (b"\xff", "UTF-8"),
    ],
)
def test_a_file_that_is_no_object_is_refused(tmp_path, content, message):
    with pytest.raises(KitError, match=message):
        load(tmp_path, content)
    with pytest.raises(KitError):
        ClaimKit.load(folder_with(tmp_path, "claim.json", content))
    path = Draft.open(tmp_path, "sn-1").path
    path.write_bytes(content)
    with pytest.raises(KitError, match=r"sn-1\.json"):
        Draft.open(tmp_path, "sn-1")


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "::1", "a1-ats.iot.eu-west-1.amazonaws.com"]
)
def test_names_and_addresses_are_hosts(tmp_path, host):
    assert load(tmp_path, json.dumps(KIT | {"host": host}).encode()).host == host


def test_a_draft_whose_key_is_no_key_is_refused():
    with pytest.raises(KitError, match="expected a private key in PEM"):
        signing_request("no key", "quay", "t")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.binary(max_size=40)
    | ANYTHING.map(lambda document: json.dumps(document).encode())
    | st.dictionaries(st.sampled_from(sorted(KIT)), ANYTHING).map(
        lambda change: json.dumps(KIT | change).encode()
    )
)
def test_any_content_is_a_kit_or_an_error_in_one_line(tmp_path, content):
    try:
        kit = load(tmp_path, content)
    except KitError as error:
        assert "\n" not in str(error)
        return
    assert kit.certificate.resolve().is_relative_to(tmp_path.resolve())
    assert 0 < kit.port < 65_536
