"""What each role's RabbitMQ user may and may not do, asked of a real node."""

import ssl
from collections.abc import Callable
from typing import Any

import amqp
import pytest

from backends.broker import amqp_ssl
from backends.environment import Environment
from backends.settings import AmqpSettings, broker_settings
from deploy.local.paths import HOST
from tests.servers.rabbit import RabbitSite, as_role, sealed, superuser
from tests.servers.servers import Role

Action = Callable[[Any], Any]

QUEUE = "test-roles"


def publish(channel: Any, exchange: str, key: str = QUEUE) -> None:
    channel.confirm_select()
    channel.basic_publish_confirm(sealed(b"x"), exchange=exchange, routing_key=key)


ACTIONS: dict[str, Action] = {
    "publish to the default exchange": lambda c: publish(c, ""),
    "publish to amq.direct": lambda c: publish(c, "amq.direct"),
    "publish to amq.topic": lambda c: publish(c, "amq.topic"),
    "publish to an exchange of its own": lambda c: publish(c, "test-exchange"),
    "count": lambda c: c.queue_declare(QUEUE, passive=True),
    "consume": lambda c: c.basic_consume(QUEUE, callback=print),
    "get": lambda c: c.basic_get(QUEUE),
    "purge": lambda c: c.queue_purge(QUEUE),
    "declare a queue": lambda c: c.queue_declare("test-new", durable=True, auto_delete=False),
    "declare a queue without a name": lambda c: c.queue_declare("", exclusive=True),
    "declare it again": lambda c: c.queue_declare(
        QUEUE, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"}
    ),
    "delete a queue": lambda c: c.queue_delete(QUEUE),
    "declare an exchange": lambda c: c.exchange_declare("test-new", "fanout"),
    "delete an exchange": lambda c: c.exchange_delete("test-exchange"),
    "bind a queue": lambda c: c.queue_bind(QUEUE, "test-exchange", "x"),
    "unbind a queue": lambda c: c.queue_unbind(QUEUE, "test-exchange", "x"),
    "bind an exchange": lambda c: c.exchange_bind("test-exchange", "amq.direct", "x"),
}
MAY: dict[Role, set[str]] = {
    "dispatcher": {"publish to the default exchange", "count"},
    "worker": {"count", "consume", "get", "purge"},
}


@pytest.fixture
def _queue(rabbit_site: RabbitSite) -> None:
    with superuser(rabbit_site.servers) as channel:
        channel.exchange_declare("test-exchange", "fanout", durable=True, auto_delete=False)
        channel.queue_declare(
            QUEUE, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"}
        )


def allowed(site: RabbitSite, role: Role, action: Action) -> bool:
    with as_role(site.servers, role) as connection:
        try:
            action(connection.channel())
        except amqp.AccessRefused:
            return False
    return True


@pytest.mark.usefixtures("_queue")
@pytest.mark.parametrize("role", MAY)
def test_what_a_role_may_do(rabbit_site: RabbitSite, role: Role) -> None:
    assert {each for each, do in ACTIONS.items() if allowed(rabbit_site, role, do)} == MAY[role]


@pytest.mark.usefixtures("_queue")
def test_a_worker_reads_no_queue_that_is_not_a_job_queue(rabbit_site: RabbitSite) -> None:
    with superuser(rabbit_site.servers) as channel:
        channel.queue_declare("other", durable=True, auto_delete=False)
    for action in (lambda c: c.basic_get("other"), lambda c: c.basic_consume("other")):
        assert not allowed(rabbit_site, "worker", action)


@pytest.mark.parametrize("role", ["gateway", "security"])
def test_others_do_not_get_in(rabbit_site: RabbitSite, role: Role) -> None:
    with pytest.raises(amqp.AccessRefused), as_role(rabbit_site.servers, role):
        pass


@pytest.mark.parametrize("mechanism", ["PLAIN", "AMQPLAIN"])
def test_there_are_no_passwords(rabbit_site: RabbitSite, mechanism: str) -> None:
    connection = connection_as(rabbit_site, "worker", login_method=mechanism)
    with pytest.raises(amqp.ConnectionError, match="appropriate auth mechanism"):
        connection.connect()
    connection.collect()


def test_another_virtual_host_is_refused(rabbit_site: RabbitSite) -> None:
    connection = connection_as(rabbit_site, "worker", virtual_host="/")
    with pytest.raises(amqp.NotAllowed):
        connection.connect()
    connection.collect()


def test_nobody_gets_in_without_a_certificate(rabbit_site: RabbitSite) -> None:
    options = {"ca_certs": str(rabbit_site.servers.paths.certs.authority), "server_hostname": HOST}
    connection = connection_as(rabbit_site, "worker", ssl=options)
    with pytest.raises((ssl.SSLError, OSError)):
        connection.connect()
    connection.collect()


def test_the_servers_name_is_checked(rabbit_site: RabbitSite) -> None:
    settings = settings_of(rabbit_site, "worker")
    options = amqp_ssl(settings) | {"server_hostname": "elsewhere.example"}
    connection = connection_as(rabbit_site, "worker", ssl=options)
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.connect()
    connection.collect()


def settings_of(site: RabbitSite, role: Role) -> AmqpSettings:
    settings = broker_settings(Environment(site.servers.environment(role)))
    assert isinstance(settings, AmqpSettings)
    return settings


def connection_as(site: RabbitSite, role: Role, **options: Any) -> Any:
    settings = settings_of(site, role)
    given = {
        "virtual_host": settings.vhost,
        "login_method": "EXTERNAL",
        "ssl": amqp_ssl(settings),
        "connect_timeout": 5,
        **options,
    }
    return amqp.Connection(host=settings.address, **given)
