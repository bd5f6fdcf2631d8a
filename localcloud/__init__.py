"""AWS on a laptop: ministack and the services that it lacks, on 127.0.0.1.

No other part knows of this package: the others use AWS's own API at ``AWS_ENDPOINT_URL`` and an
MQTT broker.
"""
