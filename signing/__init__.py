"""Countersign: the signing package."""
