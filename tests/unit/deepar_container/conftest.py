"""Fixtures of the DeepAR container's tests."""

from tests.support.models.deepar_bench import (
    container,
    tiny_model,
    tiny_series,
    tiny_settings,
    tiny_weights,
)

__all__ = ["container", "tiny_model", "tiny_series", "tiny_settings", "tiny_weights"]
