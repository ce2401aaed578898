"""Fixtures for all tests."""

from tests.servers.fixtures import (
    acme,
    clean_servers,
    own_stack,
    servers,
    stack,
    state_directory,
)

__all__ = ["acme", "clean_servers", "own_stack", "servers", "stack", "state_directory"]
