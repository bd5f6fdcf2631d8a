"""Data that candidates are trained, tuned and judged on."""
