"""The gateway's address: what is connected to is what is signed."""

from dataclasses import dataclass
from typing import Final

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from signing.errors import SettingError

HTTPS_PORT: Final = 443


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway is.

    Attributes:
        authority: `host:port` in lower case, the default port left out (RFC 9421, section 2.2.3).
    """

    host: str
    port: int
    authority: str

    @property
    def url(self) -> str:
        """The gateway's URL, without a path."""
        return f"https://{self.authority}"


def read_address(url: str) -> Address:
    """Read a gateway's URL.

    Raises:
        SettingError: where it is not `https://host` or `https://host:port`. A path is refused:
            the gateway checks signatures against the path it sees.
    """
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise SettingError("the gateway's URL cannot be read") from None
    if parts.scheme != "https" or not parts.host:
        raise SettingError("the gateway's URL does not begin with https:// and a host")
    if parts.auth or parts.query is not None or parts.fragment or parts.path not in (None, "/"):
        raise SettingError("the gateway's URL has more than a host and a port")
    host, port = parts.host.lower(), parts.port or HTTPS_PORT
    authority = host if port == HTTPS_PORT else f"{host}:{port}"
    return Address(host=host, port=port, authority=authority)
