"""Home folder, store, API protocol and process control of the local cloud."""
