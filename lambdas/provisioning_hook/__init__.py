"""AWS IoT's pre-provisioning hook: who may have a device's certificate."""
