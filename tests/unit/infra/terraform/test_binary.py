from __future__ import annotations

import hashlib
import io
import platform
import urllib.error
import zipfile
from pathlib import Path

import pytest

from infra.terraform import binary as terraform_binary
from infra.terraform.binary import RELEASE, TerraformMissingError, find


def program(version: str, path: Path) -> Path:
    """Writes a program that reports this version of Terraform."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho \'{{"terraform_version": "{version}"}}\'\n')
    path.chmod(0o755)
    return path


def release(binary: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("terraform", binary)
    return buffer.getvalue()


def never(address: str) -> bytes:
    raise AssertionError(f"{address} was fetched")


@pytest.fixture
def pinned(tmp_path, monkeypatch):
    """Returns a release whose checksum is pinned for this machine."""
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    content = release(b"#!/bin/sh\n")
    sums = tmp_path / "terraform.sums"
    digest = hashlib.sha256(content).hexdigest()
    sums.write_text(f"{digest}  terraform_{RELEASE}_linux_amd64.zip\n")
    monkeypatch.setattr(terraform_binary, "SUMS", sums)
    return content


def test_terraform_on_the_path_is_taken(tmp_path):
    binary = program("1.11.9", tmp_path / "bin/terraform")

    assert find({"PATH": str(binary.parent)}, tmp_path, never) == binary


def test_a_named_terraform_has_precedence_over_the_path(tmp_path):
    on_path = program("1.11.1", tmp_path / "bin/terraform")
    named = program("1.11.2", tmp_path / "mine")

    found = find({"PATH": str(on_path.parent), "LAKECAST_TERRAFORM": str(named)}, tmp_path, never)

    assert found == named


def test_another_series_is_refused(tmp_path):
    binary = program("1.5.7", tmp_path / "bin/terraform")

    with pytest.raises(TerraformMissingError, match=r"Terraform 1\.5\.7; Lakecast needs 1\.11\.x"):
        find({"PATH": str(binary.parent)}, tmp_path, never)


def test_a_named_terraform_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(TerraformMissingError, match="LAKECAST_TERRAFORM names"):
        find({"LAKECAST_TERRAFORM": str(tmp_path / "none")}, tmp_path, never)


def test_a_missing_terraform_is_fetched_once_and_checked(tmp_path, pinned):
    fetched = []

    def fetch(address: str) -> bytes:
        fetched.append(address)
        return pinned

    first = find({"PATH": str(tmp_path)}, tmp_path, fetch)
    second = find({"PATH": str(tmp_path)}, tmp_path, fetch)

    assert first == second
    assert first.read_bytes() == b"#!/bin/sh\n"
    assert first.stat().st_mode & 0o111
    assert len(fetched) == 1


def test_a_release_with_another_checksum_is_not_used(tmp_path, pinned):
    with pytest.raises(
        TerraformMissingError, match=r"is pinned in terraform\.sums: it is not used"
    ):
        find({"PATH": str(tmp_path)}, tmp_path, lambda _address: pinned + b"more")
    assert not (tmp_path / "bin").exists()


def test_without_a_network_the_error_says_what_to_do(tmp_path, pinned):
    def offline(address: str) -> bytes:
        raise urllib.error.URLError("no route to host")

    with pytest.raises(TerraformMissingError, match=r"can't be fetched \(no route.*LAKECAST_TERR"):
        find({"PATH": str(tmp_path)}, tmp_path, offline)


def test_a_platform_without_a_pinned_release_is_reported(tmp_path, pinned, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")

    with pytest.raises(TerraformMissingError, match="no release for linux on riscv64 is pinned"):
        find({"PATH": str(tmp_path)}, tmp_path, never)
