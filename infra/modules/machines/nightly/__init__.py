"""The state machine that forecasts every series each night."""
