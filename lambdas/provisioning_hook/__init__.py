"""AWS IoT's pre-provisioning hook: decides which devices may get a certificate."""
