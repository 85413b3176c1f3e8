"""Managed plugins: programs that an engine takes in, and asks when it needs them."""
