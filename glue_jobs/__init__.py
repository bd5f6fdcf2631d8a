"""AWS Glue jobs that turn raw messages into tables and training data."""
