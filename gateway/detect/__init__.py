"""The detector of undeclared secrets: one function, so that its engine can be replaced."""

from gateway.detect.engine import find_secrets
from gateway.detect.findings import Finding

__all__ = ["Finding", "find_secrets"]
