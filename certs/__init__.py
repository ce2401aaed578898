"""Countersign: the certs package."""
