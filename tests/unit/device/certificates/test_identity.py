"""Keys, signing requests, and the folders of a kit's identities."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from device.certificates.claim import ClaimKit, Draft
from device.certificates.identity import (
    forget_others,
    has_others,
    new_key,
    signing_request,
    write_identity,
)
from device.errors import KitError
from device.mqtt.kit import ConnectionKit


def kit_with(folder: Path, identity: str) -> ConnectionKit:
    return ConnectionKit(folder, "quay", "staging", "1", "c", "localhost", 8883, None, identity)


def test_a_signing_request_has_the_name_and_a_valid_signature_but_not_the_key():
    key = new_key()

    pem = signing_request(key, "n" * 70, "lakecast-staging-claim")

    request = x509.load_pem_x509_csr(pem.encode())
    assert request.is_signature_valid
    [name] = request.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert name.value == "n" * 64
    [template] = request.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    assert template.value == "lakecast-staging-claim"
    assert "PRIVATE" not in pem


def test_an_identity_is_not_used_until_the_kit_names_it(tmp_path):
    first = write_identity(tmp_path, "a" * 64, "certificate 1", "key 1")
    kit = kit_with(tmp_path, first)
    second = write_identity(tmp_path, "b" * 64, "certificate 2", "key 2")

    assert kit.private_key.read_text() == "key 1"
    assert has_others(kit)
    renewed = kit_with(tmp_path, second)
    forget_others(renewed)
    assert renewed.private_key.read_text() == "key 2"
    assert not has_others(renewed)
    assert not kit.private_key.exists()


def test_a_first_identity_in_the_kits_folder_is_deleted_once_another_is_named(tmp_path):
    for name in ("certificate.pem", "private.key", "outbox.sqlite3"):
        (tmp_path / name).write_text(name)
    provisioned = kit_with(tmp_path, "")
    assert not has_others(provisioned)

    forget_others(kit_with(tmp_path, write_identity(tmp_path, "a" * 64, "c", "k")))

    assert not provisioned.private_key.exists() and not provisioned.certificate.exists()
    assert provisioned.outbox.exists()


def test_a_draft_is_kept_until_its_claim_is_complete(tmp_path):
    draft = Draft.open(tmp_path, "sn-1")

    assert Draft.open(tmp_path, "sn-1") == draft
    assert Draft.open(tmp_path, "sn-2").private_key != draft.private_key
    assert draft.path.stat().st_mode & 0o777 == 0o600
    assert draft.path.parent.stat().st_mode & 0o777 == 0o700
    assert draft.token not in repr(draft) and draft.private_key not in repr(draft)


def test_an_unreadable_draft_is_named(tmp_path):
    Draft.open(tmp_path, "sn-1").path.write_text("{")

    with pytest.raises(KitError, match=r"sn-1\.json"):
        Draft.open(tmp_path, "sn-1")


def test_missing_files_of_a_claim_kit_are_named(tmp_path):
    with pytest.raises(KitError, match="an operator makes one by `claim-kit`"):
        ClaimKit.load(tmp_path)
    settings = '{"template": "t", "host": "h", "port": 1, "ca": "ca.pem"}'
    (tmp_path / "claim.json").write_text(settings)
    with pytest.raises(KitError, match=r"lacks certificate\.pem, private\.key, ca\.pem"):
        ClaimKit.load(tmp_path)
