"""The demo: from device to forecast on one machine."""
