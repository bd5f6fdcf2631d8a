"""Deactivates the former certificates of a device that has proven its new one."""
