"""Amazon Data Firehose: buffering, delivery to S3, faults on request."""
