"""Loading a model artefact, and errors for damaged or foreign ones."""

from __future__ import annotations

import json

import pytest
import torch
from deepar_container.model import SETTINGS_FILE, WEIGHTS_FILE, DeepAR


@pytest.fixture
def archive(tmp_path, tiny_model):
    tiny_model.save(tmp_path)
    return tmp_path


def change(archive, **fields):
    path = archive / SETTINGS_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def truncate(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("name", [SETTINGS_FILE, WEIGHTS_FILE])
def test_a_truncated_archive_is_rejected(archive, name, share):
    truncate(archive / name, share)
    with pytest.raises(ValueError, match="the model is damaged"):
        DeepAR.load(archive)


def test_an_archive_of_another_format_is_rejected_with_its_number(archive):
    change(archive, format=1)
    with pytest.raises(ValueError, match=r"expected format 2, got 1; .* another version"):
        DeepAR.load(archive)


def test_incomplete_settings_are_rejected(archive):
    change(archive, hyperparameters={})
    with pytest.raises(ValueError, match=r"damaged.*time_freq"):
        DeepAR.load(archive)


def test_weights_of_another_network_are_rejected(archive):
    torch.save([{"rnn.weight": torch.zeros(3)}], archive / WEIGHTS_FILE)
    with pytest.raises(ValueError, match=r"damaged.*loading state_dict"):
        DeepAR.load(archive)


def test_code_in_weights_is_not_run(archive):
    torch.save({"param_proj": print}, archive / WEIGHTS_FILE)
    with pytest.raises(ValueError, match=r"damaged.*Weights only"):
        DeepAR.load(archive)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=SETTINGS_FILE):
        DeepAR.load(tmp_path)
