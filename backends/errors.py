"""What can be wrong with a server behind us; foreign exceptions are converted to these here."""

from signing.errors import CountersignError


class BackendUnavailableError(CountersignError):
    """A server cannot be reached or cannot serve now; trying again later can help."""

    code = "backend_unavailable"


class LedgerUnavailable(BackendUnavailableError):
    """The ledger's Redis cannot be reached, or refuses writes."""

    code = "ledger_unavailable"


class LedgerRefused(LedgerUnavailable):
    """The ledger answered, and for certain wrote nothing."""


class BrokerUnavailable(BackendUnavailableError):
    """The broker cannot be reached."""

    code = "broker_unavailable"


class VaultUnavailable(BackendUnavailableError):
    """Vault cannot be reached, is sealed, or answers with a server error."""

    code = "vault_unavailable"


class VaultDenied(CountersignError):
    """Vault refuses a call: the role's policy does not allow it."""

    code = "vault_denied"


class VaultNotFound(CountersignError):
    """Vault holds nothing at a path."""

    code = "vault_not_found"
