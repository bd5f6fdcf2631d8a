"""The device agent of a sensor station: sensors → outbox → MQTT; and provisioning and replay.

==============  ==================================================================================
`agent`         the loop that reads sensors, stores readings and publishes them
`sensors`       sensor plug-ins: simulated, CSV, JSON lines on standard input, and external ones
`outbox`        messages on disk that wait for the broker's acknowledgement
`mqtt`          connections to the broker by the AWS IoT Device SDK or by Paho
`certificates`  claiming and rotating the device's certificate
`operator`      operations that need AWS credentials: provisioning, allow-list, revocation
`replay`        replay of many recorded stations at once
`clock`         the station's time, and readings taken before the clock is set
==============  ==================================================================================
"""
