"""A device's certificates: claimed, renewed, taken away; killed at every step in between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from contracts.messages.provisioning import CREATE_CERTIFICATE_TOPIC, register_topic
from contracts.messages.telemetry import status_topic, topic
from device.certificates import claim, rotation, signing
from device.certificates.claim import ClaimKit
from device.certificates.identity import has_others, new_key
from device.certificates.signing import NotAllowedError, request_certificate
from device.cli.doctor import _certificate
from device.errors import DeviceError, KitError, OutboxBusyError, ProvisioningError, RefusedError
from device.mqtt.exchange import Exchange
from device.mqtt.kit import ConnectionKit
from device.mqtt.transports import TRANSPORTS
from device.operator.allow_list import AllowList, Entry
from device.operator.revocation import revoke_claims, revoke_thing
from device.outbox.store import Outbox
from infra.estate import leftovers
from lakecast.__main__ import main
from tests.support.device.field import Field, await_that
from tests.support.device.provisioning_estate import field_with_provisioning


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with field_with_provisioning(tmp_path_factory.mktemp("certificates")) as field:
        yield field


@pytest.fixture(scope="module")
def allow_list(site: Field) -> AllowList:
    return AllowList(site.aws.client("dynamodb"), site.names.allow_list_table)


@pytest.fixture(scope="module")
def delivered(site: Field, tmp_path_factory: pytest.TempPathFactory) -> ClaimKit:
    """What new devices are delivered with."""
    folder = tmp_path_factory.mktemp("claim-kit")
    return ClaimKit.make(site.aws.client("iot"), site.names, site.broker, folder)


@pytest.fixture
def device(
    site: Field, allow_list: AllowList, delivered: ClaimKit, request: pytest.FixtureRequest
) -> ConnectionKit:
    """A device that has claimed its certificate."""
    serial_number = f"sn-{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}"
    allow_list.allow(Entry(serial_number, serial_number))
    return claim.claim(delivered, serial_number, site.folder)


def statuses(site: Field, thing_name: str) -> dict[str, str]:
    """Status of each of a thing's certificates."""
    iot = site.aws.client("iot")
    found = {}
    for arn in iot.list_thing_principals(thingName=thing_name)["principals"]:
        described = iot.describe_certificate(certificateId=arn.rpartition("/")[2])
        description = described["certificateDescription"]
        found[description["certificateId"]] = description["status"]
    return found


def active(site: Field, thing_name: str) -> list[str]:
    found = statuses(site, thing_name)
    return [certificate for certificate, status in found.items() if status == "ACTIVE"]


def connects(kit: ConnectionKit) -> bool:
    try:
        with Exchange(kit, kit.thing_name):
            return True
    except RefusedError:
        return False


def ask_hook_for(exchange: Exchange, template: str, parameters: dict[str, str]) -> str:
    return request_certificate(exchange, template, parameters, new_key(), "asked").thing_name


class Killed(BaseException):
    """The process ends here: nothing that handles errors runs."""


def killed(target: Any, name: str, when: str, patch: pytest.MonkeyPatch) -> None:
    """Have the process die before or after a step."""
    step: Callable[..., Any] = getattr(target, name)

    def dying(*args: Any, **options: Any) -> Any:
        if when == "after":
            step(*args, **options)
        raise Killed

    patch.setattr(target, name, dying)


# --- claims -----------------------------------------------------------------------------------


@pytest.mark.parametrize("by", TRANSPORTS)
def test_a_device_on_the_list_claims_its_certificate_and_publishes(site, delivered, by, capsys):
    assert (
        main(
            ["device", "allow", "--serial", f"serial-{by}", "--thing", f"pier-{by}", "--days", "1"]
        )
        == 0
    )
    kits = ["--kits", str(site.folder)]
    claiming = ["claim", "--serial", f"serial-{by}", "--claim-kit", str(delivered.folder), *kits]

    assert main(["device", *claiming]) == 0

    kit = ConnectionKit.load(site.folder / f"pier-{by}")
    iot = site.aws.client("iot")
    assert iot.describe_thing(thingName=kit.thing_name)["thingTypeName"] == site.names.thing_type
    described = iot.describe_certificate(certificateId=kit.certificate_id)
    arn = described["certificateDescription"]["certificateArn"]
    policies = iot.list_attached_policies(target=arn)["policies"]
    assert {policy["policyName"] for policy in policies} == {
        site.names.device_policy,
        site.names.renewal_policy,
    }
    for secret in (kit.private_key, kit.certificate, kit.folder / "device.json"):
        assert secret.stat().st_mode & 0o777 == 0o600
    assert not list((site.folder / claim.DRAFTS).iterdir())
    replaying = ["replay", "--thing", kit.thing_name, "--station", "harbour", "--transport", by]
    assert main(["device", *replaying, "--days", "1", *kits]) == 0
    capsys.readouterr()
    assert main(["device", "allowed"]) == 0
    assert f"pier-{by}" in capsys.readouterr().out


def test_a_serial_number_that_is_not_on_the_list_is_refused(site, delivered, capsys):
    claiming = ["claim", "--serial", "stranger", "--claim-kit", str(delivered.folder)]

    assert main(["device", *claiming, "--kits", str(site.folder)]) == 1

    told = capsys.readouterr().err
    assert "does not provision stranger" in told and "not on the allow-list" in told
    assert len(told.strip().splitlines()) == 1
    assert not (site.folder / "stranger").exists()


def test_an_operator_keeps_the_list(allow_list, capsys):
    assert main(["device", "allow", "--serial", "kept", "taken-off", "--days", "30"]) == 0
    assert main(["device", "allow", "--serial", "taken-off", "--remove"]) == 0

    entries = {entry.serial_number: entry for entry in allow_list.entries()}
    assert "taken-off" not in entries
    kept = entries["kept"]
    assert (kept.thing_name, kept.used_at) == ("kept", None)
    assert kept.expires_at is not None
    assert timedelta(days=29) < kept.expires_at - datetime.now(UTC) <= timedelta(days=30)
    assert main(["device", "allow", "--serial", "a", "b", "--thing", "one"]) == 1
    assert "--thing names one device; got 2 of them" in capsys.readouterr().err
    with pytest.raises(ProvisioningError, match="got 'a/b'"):
        allow_list.allow(Entry("a/b", "b"))


def test_leftovers_of_a_refused_claim_are_removed_with_the_estate(site, delivered):
    iot = site.aws.client("iot")
    with pytest.raises(NotAllowedError):
        claim.claim(delivered, "unwanted", site.folder)
    ours = (site.names.claim_template, site.names.rotation_template)

    pending = leftovers._pending(iot, ours)

    assert pending and not leftovers._pending(iot, ("another-template",))
    for certificate in pending:
        leftovers._delete_certificate(iot, certificate)
    assert not leftovers._pending(iot, ours)


def test_an_expired_serial_number_is_refused(site, allow_list, delivered):
    allow_list.allow(Entry("late", "late", datetime.now(UTC) - timedelta(minutes=1)))

    with pytest.raises(NotAllowedError, match="its time there is over"):
        claim.claim(delivered, "late", site.folder)


def test_a_serial_number_provisions_once(site, allow_list, delivered, tmp_path):
    allow_list.allow(Entry("once", "once"))
    kit = claim.claim(delivered, "once", site.folder)

    with pytest.raises(NotAllowedError, match="another device has used it"):
        claim.claim(delivered, "once", tmp_path)
    with pytest.raises(KitError, match="`lakecast device rotate` renews"):
        claim.claim(delivered, "once", site.folder)
    with pytest.raises(ProvisioningError, match="was used; add --again"):
        allow_list.allow(Entry("once", "once"))
    assert active(site, "once") == [kit.certificate_id]


def test_a_device_that_replaces_another_takes_its_name_and_revokes_it(
    site, allow_list, delivered, tmp_path
):
    allow_list.allow(Entry("former", "quay"))
    former = claim.claim(delivered, "former", site.folder)
    allow_list.allow(Entry("replacement", "quay"))

    replacement = claim.claim(delivered, "replacement", tmp_path)

    assert replacement.thing_name == "quay"
    assert active(site, "quay") == [replacement.certificate_id]
    assert connects(replacement) and not connects(former)


@pytest.mark.parametrize(
    ("target", "step"),
    [
        (claim, "new_key"),
        (claim, "request_certificate"),
        (claim, "write_identity"),
        (ConnectionKit, "save"),
        (claim, "confirm"),
        (claim, "forget_others"),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_claim_leaves_no_kit_or_a_whole_one(
    site, allow_list, delivered, target, step, when
):
    name = f"cut-{when}-{step.replace('_', '-')}"
    allow_list.allow(Entry(name, name))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        killed(target, step, when, patch)
        claim.claim(delivered, name, site.folder)

    if (site.folder / name / "device.json").exists():
        assert connects(ConnectionKit.load(site.folder / name))

    kit = claim.claim(delivered, name, site.folder)
    assert connects(kit)
    assert active(site, name) == [kit.certificate_id]
    assert not has_others(kit)


def test_a_claim_certificate_can_do_nothing_else(site, delivered, device):
    with Exchange(delivered, "claim-curious") as exchange:
        for what in (topic(device.thing_name), register_topic(site.names.rotation_template)):
            with pytest.raises(RefusedError, match="refuses"):
                exchange.ask(what, {}, [f"{register_topic(site.names.claim_template)}/accepted"])
        with pytest.raises(RefusedError, match="refuses subscribing"):
            exchange.ask(CREATE_CERTIFICATE_TOPIC, {}, [topic("+")])
    with pytest.raises(RefusedError), Exchange(delivered, device.thing_name):
        pass


def test_a_template_that_the_claim_certificate_may_not_use_is_refused(site, delivered, allow_list):
    allow_list.allow(Entry("astray", "astray"))
    astray = ClaimKit(**vars(delivered) | {"template": "another"})

    with pytest.raises(RefusedError, match="provisioning-templates/another"):
        claim.claim(astray, "astray", site.folder)
    assert not (site.folder / "astray").exists()


def test_a_closed_port_is_reported(site, delivered, allow_list):
    iot = site.aws.client("iot")
    allow_list.allow(Entry("closed", "closed"))
    iot.update_provisioning_template(templateName=site.names.claim_template, enabled=False)
    try:
        with pytest.raises(ProvisioningError, match=r"InvalidTemplate: .* is not enabled"):
            claim.claim(delivered, "closed", site.folder)
    finally:
        iot.update_provisioning_template(templateName=site.names.claim_template, enabled=True)
    assert claim.claim(delivered, "closed", site.folder).thing_name == "closed"


@pytest.mark.parametrize("csr", ["", "no request", 7, None])
def test_an_invalid_signing_request_is_rejected(delivered, csr):
    with Exchange(delivered, "claim-careless") as exchange:
        answered_on = [f"{CREATE_CERTIFICATE_TOPIC}/{how}" for how in ("accepted", "rejected")]
        request = {"certificateSigningRequest": csr}
        answer = exchange.ask(CREATE_CERTIFICATE_TOPIC, request, answered_on)

    assert answer.topic == answered_on[1]
    assert answer.document["statusCode"] == 400
    assert answer.document["errorCode"] == "InvalidCSR"


# --- rotation ---------------------------------------------------------------------------------


def test_a_device_renews_its_certificate_and_the_former_one_is_deactivated(site, device, capsys):
    kits = ["--thing", device.thing_name, "--kits", str(site.folder)]

    assert main(["device", "rotate", *kits]) == 0

    renewed = ConnectionKit.load(device.folder)
    assert statuses(site, device.thing_name) == {
        device.certificate_id: "INACTIVE",
        renewed.certificate_id: "ACTIVE",
    }
    assert connects(renewed)
    assert not device.private_key.exists() and not has_others(renewed)
    assert device.certificate_id in capsys.readouterr().out
    assert main(["device", "rotate", "--older-than", "1", *kits]) == 0
    assert "it is not that old" in capsys.readouterr().out


def test_a_provisioned_device_renews_its_certificate_too(site):
    kit = site.kit("by-api")

    done = rotation.rotate(kit, datetime.now(UTC))

    assert done.switched_off == [kit.certificate_id]
    assert ConnectionKit.load(kit.folder) == done.kit
    assert not (kit.folder / "private.key").exists()


@pytest.mark.parametrize(
    ("target", "step"),
    [
        (rotation, "request_certificate"),
        (rotation, "write_identity"),
        (ConnectionKit, "save"),
        (rotation, "confirm"),
        (rotation, "forget_others"),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_rotation_leaves_a_working_certificate(site, device, target, step, when):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        killed(target, step, when, patch)
        rotation.rotate(device, datetime.now(UTC))

    left = ConnectionKit.load(device.folder)
    assert connects(left)

    done = rotation.rotate(left, datetime.now(UTC))
    assert connects(done.kit) and not has_others(done.kit)
    assert active(site, device.thing_name) == [done.kit.certificate_id]


def test_an_unfinished_rotation_is_finished_even_if_none_is_due(site, device):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        killed(rotation, "confirm", "before", patch)
        rotation.rotate(device, datetime.now(UTC))
    left = ConnectionKit.load(device.folder)
    assert "a rotation is unfinished" in _certificate(left, datetime.now(UTC))

    done = rotation.rotate(left, datetime.now(UTC), timedelta(days=1))

    assert (done.renewed, done.kit, done.switched_off) == (False, left, [device.certificate_id])
    assert _certificate(left, datetime.now(UTC)) == "valid until 2049-12-31"
    december = datetime(2049, 12, 10, tzinfo=UTC)
    assert "soon: run `lakecast device rotate`" in _certificate(left, december)


def test_a_new_certificate_is_not_used_if_the_broker_refuses_it(site, device):
    def sabotaged(*args: Any) -> signing.Issued:
        issued = request_certificate(*args)
        site.aws.client("iot").update_certificate(
            certificateId=issued.certificate_id, newStatus="INACTIVE"
        )
        return issued

    with pytest.MonkeyPatch.context() as patch, pytest.raises(RefusedError, match="hung up"):
        patch.setattr(rotation, "request_certificate", sabotaged)
        rotation.rotate(device, datetime.now(UTC))

    assert ConnectionKit.load(device.folder) == device
    assert connects(device)


def test_a_rotation_works_beside_a_running_agent(device):
    with Outbox(device.outbox), pytest.raises(OutboxBusyError, match="stop the agent"):
        rotation.rotate(device, datetime.now(UTC))


def test_a_device_gets_certificates_for_itself_only(site, device):
    with Exchange(device, device.thing_name) as exchange:
        parameters = {"ThingName": "somebody-else"}
        named = ask_hook_for(exchange, site.names.rotation_template, parameters)
        assert named == device.thing_name
        with pytest.raises(RefusedError):
            ask_hook_for(exchange, site.names.claim_template, {"SerialNumber": "x"})


def test_a_late_confirmation_does_not_deactivate_later_certificates(site, device):
    renewed = rotation.rotate(device, datetime.now(UTC)).kit
    iot = site.aws.client("iot")
    iot.update_certificate(certificateId=device.certificate_id, newStatus="ACTIVE")

    answer = site.aws.client("lambda").invoke(
        FunctionName=site.names.certificate_confirmation,
        Payload=json.dumps(
            {"thing_name": device.thing_name, "certificate_id": device.certificate_id}
        ).encode(),
    )

    assert "FunctionError" not in answer, answer["Payload"].read()
    assert set(active(site, device.thing_name)) == {device.certificate_id, renewed.certificate_id}


# --- revocation -------------------------------------------------------------------------------


@pytest.mark.parametrize("by", TRANSPORTS)
def test_a_revoked_device_is_cut_off_at_once_and_stays_so(site, device, delivered, by, capsys):
    agent = site.start("run", "--thing", device.thing_name, "--delay", "250", "--transport", by)
    iot_data = site.aws.client("iot-data")

    def status() -> str:
        try:
            told = iot_data.get_retained_message(topic=status_topic(device.thing_name))
        except iot_data.exceptions.ResourceNotFoundException:
            return ""
        return str(json.loads(told["payload"])["status"])

    await_that(lambda: status() in ("started", "online"), "the agent's session")

    assert main(["device", "revoke", "--thing", device.thing_name]) == 0

    _, told = agent.communicate(timeout=30)
    assert agent.returncode == 1
    assert "NOT_AUTHORIZED" in told or "Not authorized" in told
    await_that(lambda: status() == "lost", "the last will")
    assert not connects(device)
    assert "serial numbers closed: sn-" in capsys.readouterr().out
    with pytest.raises(DeviceError, match="hung up"):
        rotation.rotate(device, datetime.now(UTC))
    with pytest.raises(NotAllowedError):
        claim.claim(delivered, device.thing_name, site.folder, again=True)


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_a_session_that_says_nothing_is_ended_too(site, device, status):
    with Exchange(device, device.thing_name) as session:
        site.aws.client("iot").update_certificate(
            certificateId=device.certificate_id, newStatus=status
        )
        await_that(session._over.is_set, "the end of the session", timeout=5)


def test_a_missing_thing_is_reported(site):
    with pytest.raises(ProvisioningError, match="there is no thing nobody"):
        revoke_thing(site.aws.client("iot"), "nobody")


def test_a_leaked_claim_certificate_is_revoked_and_devices_are_not(
    site, device, delivered, allow_list
):
    allow_list.allow(Entry("after-leak", "after-leak"))

    assert delivered_id(delivered) in revoke_claims(site.aws.client("iot"), site.names)

    with pytest.raises(RefusedError, match="hung up"):
        claim.claim(delivered, "after-leak", site.folder)
    assert connects(device)


def delivered_id(kit: ClaimKit) -> str:
    certificate = x509.load_pem_x509_certificate(kit.certificate.read_bytes())
    return certificate.fingerprint(hashes.SHA256()).hex()
