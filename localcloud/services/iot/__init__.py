"""AWS IoT Core: topic rules and certificate provisioning."""
