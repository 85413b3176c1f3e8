"""Securing the API: certificates, permissions, exposure, monitoring, updates."""
