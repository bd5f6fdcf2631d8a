"""Messages between devices and the cloud: telemetry, device shadow, provisioning."""
