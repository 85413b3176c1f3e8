"""What is put into a machine, and runs there alone."""
