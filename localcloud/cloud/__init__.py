"""A local cloud: its home folder, its store, and how it is started and found."""
