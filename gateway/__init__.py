"""Countersign: the gateway package."""
