"""The durable queue of messages that wait for the broker's acknowledgement."""
