"""Files of recorded sensors: their formats, and the reader that the device and backtests share."""
