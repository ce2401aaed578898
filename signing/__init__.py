"""Seals, claims, keys and request signatures: pure code that gateway and workers both rest on."""
