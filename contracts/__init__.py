"""What all parts of Lakecast agree on: the telemetry message, the lake's layout, the API and names.

Every part may import this package; this package imports no part.
"""
