"""The verdict on a candidate model."""
