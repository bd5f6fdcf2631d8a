"""The agent on a sensor station: sensors → outbox → MQTT; and provisioning and replay.

===============  ===============================================================================
`readings`       what a sensor gives, and the message that is made of it
`simulation`     sensors that are computed: six stations of a made-up city
`recordings`     sensors that are files: CSV with a column map, UCI Beijing built in
`outbox`         messages wait on disk until the broker has acknowledged them
`clock`          the station's time, and readings taken before it is known
`link`           what the agent needs of MQTT; `connection` and `paho_connection` give it
`agent`          the loop between the three
`provisioning`   thing, certificate and policy through the IoT API; the kit that results
`fleet`          many stations replayed at once
===============  ===============================================================================
"""
