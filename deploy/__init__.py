"""Countersign: the deploy package."""
