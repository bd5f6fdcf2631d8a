"""The command line of a station and of its operator."""
