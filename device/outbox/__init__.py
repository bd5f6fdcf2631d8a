"""The durable queue of messages until the broker acknowledges them."""
