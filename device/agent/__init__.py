"""The agent that runs on a station: takes readings, keeps them, and publishes them."""
