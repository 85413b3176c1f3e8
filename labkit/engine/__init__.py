"""Disposable Docker Engines, and the host engine that they live on."""
