"""The mailroom: a small system of six containers that can be broken and mended."""
