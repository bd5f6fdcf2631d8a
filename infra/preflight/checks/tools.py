"""Whether Terraform and its AWS provider are there."""

from __future__ import annotations

from collections.abc import Iterator

from infra.preflight.account import Account
from infra.preflight.findings import OK, Finding
from infra.stacks.provider import VERSION
from infra.terraform import binary, config


def check(account: Account) -> Iterator[Finding]:
    """Checks the binary, which is fetched if there is none, and the provider's source."""
    found = binary.find(account.variables, account.home)
    yield Finding("Terraform", OK, f"Terraform {binary.SERIES}", str(found))
    mirror = config.mirror(account.variables, VERSION)
    source = f"a mirror in {mirror}" if mirror else "the first plan fetches it from the registry"
    yield Finding("AWS provider", OK, VERSION, f"{VERSION}: {source}")
