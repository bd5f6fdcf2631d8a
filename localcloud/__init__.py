"""AWS on a laptop: ministack, and beside it what it lacks, on 127.0.0.1.

Nothing outside this package knows that it exists: all other parts see AWS's own API at
``AWS_ENDPOINT_URL`` and an MQTT broker.
"""
