"""Responses of a broker: one that is not as documented ends the command in one line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.certificates import signing
from device.certificates.identity import new_key
from device.errors import AnswerError, DeviceError, ProvisioningError
from device.mqtt.exchange import Answer

KEY = new_key()
MADE = {"certificateOwnershipToken": "t", "certificateId": "c" * 64, "certificatePem": "pem"}
REGISTERED = {"thingName": "quay", "deviceConfiguration": {"environment": "local"}}


class Scripted:
    """A session whose responses are given."""

    def __init__(self, *documents: dict[str, object]) -> None:
        self._documents = iter(documents)

    def ask(self, topic: str, request: object, response_topics: list[str]) -> Answer:
        return Answer.of(response_topics[0], json.dumps(next(self._documents)).encode())


def requested(*documents: dict[str, object]) -> signing.Issued:
    return signing.request_certificate(Scripted(*documents), "t", {}, KEY, "quay")  # type: ignore[arg-type]


def test_documented_responses_become_a_certificate():
    issued = requested(MADE, REGISTERED)
    assert (issued.thing_name, issued.certificate) == ("quay", "pem")


@pytest.mark.parametrize(
    ("made", "registered", "message"),
    [
        ({}, REGISTERED, "expected certificateOwnershipToken, a text .*got None"),
        (MADE | {"certificateId": "../../../../etc"}, REGISTERED, "expected certificateId"),
        (MADE | {"certificatePem": 5}, REGISTERED, "expected certificatePem, a text .*got 5"),
        (MADE, {"thingName": "../../root"}, r"expected thingName, a text .*got '\.\./\.\./root'"),
        (MADE, REGISTERED | {"deviceConfiguration": [1]}, "deviceConfiguration; got \\[1\\]"),
    ],
)
def test_a_member_that_is_missing_or_climbs_folders_is_named(made, registered, message):
    with pytest.raises(AnswerError, match=message):
        requested(made, registered)


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"[1]", b'"text"', b"NaN", b"[" * 100_000, b'{"a":' * 50_000]
)
def test_a_payload_that_is_no_object_is_named_with_its_topic(payload):
    with pytest.raises(AnswerError, match="t/accepted: "):
        Answer.of("t/accepted", payload)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)
CHANGES = st.dictionaries(st.sampled_from(sorted(MADE | REGISTERED)), ANYTHING, max_size=2)


@given(CHANGES, st.sets(st.sampled_from(sorted(MADE | REGISTERED))))
def test_any_response_is_a_certificate_or_an_error_in_one_line(changes, absent):
    both = {
        name: value for name, value in (MADE | REGISTERED | changes).items() if name not in absent
    }
    try:
        issued = requested(both, both)
    except DeviceError as error:
        assert isinstance(error, AnswerError | ProvisioningError)
        assert "\n" not in str(error)
        return
    assert "/" not in issued.thing_name + issued.certificate_id
