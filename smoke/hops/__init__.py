"""The hops from a device to a forecast, each of which can fail alone."""
