"""Errors of this package."""


class CertificateError(Exception):
    """A certificate or key file cannot be used; the message names the file and the mend."""
