"""Image of SageMaker's built-in DeepAR."""

from __future__ import annotations

from forecasting.errors import ForecastingError

ALGORITHM = "forecasting-deepar"


def deepar_image(region: str) -> str:
    """URI of the image in a region's registry.

    Raises
    ------
    ForecastingError
        AWS offers the algorithm in no registry of that region.
    """
    from sagemaker.core import image_uris  # noqa: PLC0415  (1.5 s, and only training needs it)

    try:
        return str(image_uris.retrieve(ALGORITHM, region))
    except ValueError as error:
        raise ForecastingError(f"no image of {ALGORITHM} for region {region}: {error}") from None
