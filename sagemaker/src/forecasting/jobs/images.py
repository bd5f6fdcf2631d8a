"""Images that train and serve models."""

from __future__ import annotations

from contracts.models.algorithms import ALGORITHMS
from contracts.models.container_images import image_uri
from contracts.names import Names
from forecasting.errors import ForecastingError


def training_image(names: Names, algorithm: str) -> str:
    """Returns the URI of an algorithm's image.

    Raises
    ------
    ForecastingError
        AWS does not offer the built-in algorithm in that region.
    """
    built_in = ALGORITHMS[algorithm].built_in
    if built_in is None:
        return image_uri(names, algorithm)
    from sagemaker.core import image_uris  # noqa: PLC0415  (1.5 s; own images do not need it)

    try:
        return str(image_uris.retrieve(built_in, names.region))
    except ValueError as error:
        raise ForecastingError(
            f"no image of {built_in} for region {names.region}: {error}"
        ) from None
