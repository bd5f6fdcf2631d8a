"""MQTT 5 connections to AWS IoT Core, by either of two libraries."""
