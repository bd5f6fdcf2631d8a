"""A run of a job: its arguments, its session, its outcome."""
