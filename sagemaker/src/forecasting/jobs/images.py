"""Images that models are trained and served by."""

from __future__ import annotations

from contracts.models.algorithms import ALGORITHMS
from contracts.models.container_images import image_uri
from contracts.names import Names
from forecasting.errors import ForecastingError


def training_image(names: Names, algorithm: str) -> str:
    """URI of an algorithm's image.

    Raises
    ------
    ForecastingError
        AWS offers the built-in algorithm in no registry of that region.
    """
    built_in = ALGORITHMS[algorithm].built_in
    if built_in is None:
        return image_uri(names, algorithm)
    from sagemaker.core import image_uris  # noqa: PLC0415  (1.5 s, and no own image needs it)

    try:
        return str(image_uris.retrieve(built_in, names.region))
    except ValueError as error:
        raise ForecastingError(
            f"no image of {built_in} for region {names.region}: {error}"
        ) from None
