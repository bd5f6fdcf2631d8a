"""Series read from the lake."""
