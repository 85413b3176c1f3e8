"""The VM driver: engines live in small virtual machines under QEMU, without privileges."""
