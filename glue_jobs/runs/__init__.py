"""Arguments, Spark session, outcome and record of a job run."""
