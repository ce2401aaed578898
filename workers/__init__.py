"""Countersign: the workers package."""
