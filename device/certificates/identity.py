"""A device's identity: a key that never leaves the device, and AWS IoT's certificate for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from device.errors import KitError
from device.mqtt.kit import CERTIFICATE, PRIVATE_KEY, ConnectionKit, write_private

_FOLDERS = "certificate-"


def new_key() -> str:
    """Generate a private key on the curve P-256, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def signing_request(private_key: str, common_name: str, template: str) -> str:
    """Build a certificate signing request (CSR), PEM.

    Parameters
    ----------
    common_name
        Common name of the certificate's subject, truncated to X.509's limit of 64 characters.
    template
        Provisioning template of the certificate, in the subject's organization. Only this
        identifies a certificate that no template was applied to.

    Raises
    ------
    KitError
        The text is no key.
    """
    try:
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KitError(f"expected a private key in PEM; got another text ({error})") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KitError(f"expected a private key on an elliptic curve; got {type(key).__name__}")
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, template),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name[:64]),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def write_identity(folder: Path, certificate_id: str, certificate: str, private_key: str) -> str:
    """Write certificate and key into a new folder of the kit; return the folder's name.

    The kit does not use them until its ``device.json`` names that folder.

    Raises
    ------
    KitError
        They can't be written.
    """
    name = f"{_FOLDERS}{certificate_id[:16]}"
    try:
        for place in (folder, folder / name):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.chmod(0o700)
        write_private(folder / name / PRIVATE_KEY, private_key)
        write_private(folder / name / CERTIFICATE, certificate)
    except OSError as error:
        raise KitError(f"connection kit {folder}: {error}") from error
    return name


def has_others(kit: ConnectionKit) -> bool:
    """Return whether the kit has unused keys, which an interrupted rotation leaves."""
    return any(True for _ in _others(kit))


def forget_others(kit: ConnectionKit) -> None:
    """Delete all keys and certificates that the kit does not use.

    Raises
    ------
    KitError
        They can't be deleted.
    """
    try:
        for other in list(_others(kit)):
            if other.is_dir():
                shutil.rmtree(other)
            else:
                other.unlink()
    except OSError as error:
        raise KitError(f"connection kit {kit.folder}: {error}") from error


def _others(kit: ConnectionKit) -> Iterator[Path]:
    for folder in kit.folder.glob(f"{_FOLDERS}*"):
        if folder.name != kit.identity:
            yield folder
    if kit.identity:
        for name in (CERTIFICATE, PRIVATE_KEY):
            if (kit.folder / name).exists():
                yield kit.folder / name
