"""MQTT 5 connections to AWS IoT Core, with a choice of two libraries."""
