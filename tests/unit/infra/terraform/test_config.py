from __future__ import annotations

import pytest

from infra.terraform.config import PROVIDER, MirrorError, cli_configuration, mirror


def test_a_named_mirror_is_used(tmp_path):
    (tmp_path / PROVIDER / "5.100.0/linux_amd64").mkdir(parents=True)

    assert mirror({"LAKECAST_TERRAFORM_MIRROR": str(tmp_path)}, "5.100.0") == tmp_path


def test_a_packed_mirror_is_accepted(tmp_path):
    (tmp_path / PROVIDER).mkdir(parents=True)
    (tmp_path / PROVIDER / "terraform-provider-aws_5.100.0_linux_amd64.zip").touch()

    assert mirror({"LAKECAST_TERRAFORM_MIRROR": str(tmp_path)}, "5.100.0") == tmp_path


def test_a_named_mirror_with_another_version_is_refused(tmp_path):
    (tmp_path / PROVIDER / "6.0.0/linux_amd64").mkdir(parents=True)

    with pytest.raises(MirrorError, match=r"has no registry.*aws 5\.100\.0"):
        mirror({"LAKECAST_TERRAFORM_MIRROR": str(tmp_path)}, "5.100.0")


def test_with_a_mirror_the_registry_does_not_provide_the_provider(tmp_path):
    text = cli_configuration(tmp_path)

    assert f'path = "{tmp_path}"' in text
    assert f'exclude = ["{PROVIDER}"]' in text


def test_without_a_mirror_terraform_uses_the_registry():
    assert cli_configuration(None) == "disable_checkpoint = true\n"
