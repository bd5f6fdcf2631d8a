"""What a trained model leaves, and what is said of a folder that holds something else."""

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


def cut_short(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("name", [SETTINGS_FILE, WEIGHTS_FILE])
def test_an_archive_that_was_cut_short_is_refused(archive, name, share):
    cut_short(archive / name, share)
    with pytest.raises(ValueError, match="the model is damaged"):
        DeepAR.load(archive)


def test_an_archive_of_another_format_is_refused_by_its_number(archive):
    change(archive, format=1)
    with pytest.raises(ValueError, match=r"expected format 2, got 1; .* another version"):
        DeepAR.load(archive)


def test_settings_that_lack_something_are_refused(archive):
    change(archive, hyperparameters={})
    with pytest.raises(ValueError, match=r"damaged.*time_freq"):
        DeepAR.load(archive)


def test_weights_of_another_network_are_refused(archive):
    torch.save([{"rnn.weight": torch.zeros(3)}], archive / WEIGHTS_FILE)
    with pytest.raises(ValueError, match=r"damaged.*loading state_dict"):
        DeepAR.load(archive)


def test_weights_that_are_code_are_not_run(archive):
    torch.save({"param_proj": print}, archive / WEIGHTS_FILE)
    with pytest.raises(ValueError, match=r"damaged.*Weights only"):
        DeepAR.load(archive)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=SETTINGS_FILE):
        DeepAR.load(tmp_path)
