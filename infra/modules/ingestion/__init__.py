"""Constructs from the device's certificate to objects in the raw bucket."""
