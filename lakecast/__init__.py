"""The command line of all parts."""
