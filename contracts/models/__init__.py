"""Models: their input, their images, their metrics, and the names of releases."""
