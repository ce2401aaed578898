"""`countersign up`: the whole system on this machine, until ctrl-C."""

import shlex
from pathlib import Path

import click

from deploy.local.environment import Broker
from deploy.local.paths import StackPaths
from deploy.local.stack import choose_ports, start_stack, submit_command
from deploy.local.state import locked
from deploy.progress import Progress
from deploy.supervise import Supervisor, interruptible, uninterrupted


@click.command("up")
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=".countersign",
    show_default=True,
    help="Where data, keys and logs are kept; a second start goes on with them.",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The gateway's port; 8443, or one that is free."
)
@click.option(
    "--broker",
    type=click.Choice(("redis", "rabbitmq")),
    default="redis",
    show_default=True,
    help="What carries the hints; the ledger is on Redis either way.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def up(state: Path, port: int | None, broker: Broker, as_json: bool) -> None:
    """Run Redis, OpenBao, gateway, dispatcher and worker on loopback, until ctrl-C.

    With --broker rabbitmq also a RabbitMQ node.

    A part that dies is started again. Logs are in STATE/logs.
    """
    paths = StackPaths(state.absolute())
    progress = Progress(as_json)
    with locked(paths), interruptible():
        supervisor = Supervisor(progress)
        try:
            ports = choose_ports(paths, port)
            start_stack(paths, ports, supervisor, progress, broker)
            command = submit_command(paths, ports)
            progress.tell(
                "up",
                "countersign",
                f"https://localhost:{ports.gateway}, state in {state}; ctrl-C stops it",
                url=f"https://localhost:{ports.gateway}",
                state=str(paths.state),
                submit=shlex.join(command),
            )
            progress.note(f"\nSubmit a job:\n\n  {shlex.join(command)}\n")
            supervisor.watch()
        finally:
            with uninterrupted():
                supervisor.stop()
