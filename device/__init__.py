"""The agent on a sensor station: sensors → outbox → MQTT; and provisioning and replay.

===============  ===============================================================================
`readings`       what a sensor gives, and the message that is made of it
`sensors`        sensors as plug-ins: simulated, CSV, JSON lines from a pipe, and others' own
`simulation`     sensors that are computed: six stations of a made-up city
`recordings`     sensors that are files: CSV, its columns read by a `column_map`
`clock`          the station's time, and readings taken before it is known
`outbox`         messages wait on disk until the broker has acknowledged them; `outbox_file` is
                 its SQLite file, `retention` says how much may wait
`link`           what the agent needs of MQTT 5 over mutual TLS
`connection`     a link by the AWS IoT Device SDK; `paho_connection` one in pure Python
`agent`          the loop between the three, at a `pace`
`publishing`     from the outbox to the link, several readings in a message by `batching`
`sampling`       the interval that the thing's shadow desires; `desired` is an operator's side
`doctor`         what keeps a device from its broker
`provisioning`   thing, certificate and policy through the IoT API; the kit that results
`fleet`          many stations replayed at once
===============  ===============================================================================
"""
