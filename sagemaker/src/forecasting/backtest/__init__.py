"""Rolling-origin backtests on recorded stations or on the lake."""
