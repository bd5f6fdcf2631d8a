"""The agent that runs on a station: takes readings, stores them, and publishes them."""
