"""`make bench-quick`: Countersign beside stock Celery, in one run on one Redis, under 3 minutes.

Both sides keep every job through `appendfsync always`, over mutual TLS, and store results. One
gateway process stands against one sending process, one worker of two processes against one.
"""

import asyncio
import json
import os
import pstats
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis

from backends.redis_clients import connect
from backends.settings import environment_of, redis_settings
from bench.load import LoadResult, run_load, signed_requests
from bench.stack import BenchStack, bench_stack
from bench.stock import send_rate, stock_app

ARGS = {"value": {"invoice": "INV-20261122-0001", "amount": 1200, "note": "x" * 200}}
ECHO, NOOP = "demo.echo", "demo.noop"
CONNECTIONS = 32
ACCEPTS = 4000
ROUNDS = 2
STOCK_SECONDS = 5.0
JOBS = 3000
CONCURRENCY = "2"
RESULTS = Path("bench/results")


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison, in jobs a second."""

    what: str
    ours: float
    stock: float

    @property
    def ratio(self) -> float:
        """Ours by stock's."""
        return self.ours / self.stock


def main() -> None:
    """Measure, print, and keep the figures in `bench/results/quick.json`."""
    started = time.perf_counter()
    with bench_stack() as stack:
        accept, load = _accepts(stack)
        run = _runs(stack)
        profile = _profile(stack)
    print(f"{'per second':28}{'countersign':>12}{'celery':>10}{'ratio':>8}")
    for row in (accept, run):
        print(f"{row.what:28}{row.ours:12.0f}{row.stock:10.0f}{row.ratio:7.2f}x")
    print(
        f"accepting: p50 {load.p50_ms:.1f} ms, p99 {load.p99_ms:.1f} ms, "
        f"{CONNECTIONS} connections, one gateway process"
    )
    print("\nwhere the gateway's time goes (cProfile, own time):")
    print("\n".join(profile))
    print(f"\n{time.perf_counter() - started:.0f} s in all")
    RESULTS.mkdir(parents=True, exist_ok=True)
    figures = {row.what: {"ours": row.ours, "stock": row.stock} for row in (accept, run)}
    (RESULTS / "quick.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def _accepts(stack: BenchStack) -> tuple[Row, LoadResult]:
    app = stock_app(stack.stock_settings)
    gateway = stack.start("gateway")
    best: LoadResult | None = None
    stock = 0.0
    for _ in range(ROUNDS):
        stock = max(stock, send_rate(app, ARGS, STOCK_SECONDS / ROUNDS))
        requests = signed_requests(stack.target, ECHO, ARGS, ACCEPTS // ROUNDS)
        load = asyncio.run(run_load(stack.target, requests, CONNECTIONS))
        if set(load.statuses) != {202}:
            raise SystemExit(f"not everything was accepted: {dict(load.statuses)}")
        if best is None or load.accepted_per_second > best.accepted_per_second:
            best = load
    gateway.stop()
    _flush(stack)
    app.close()
    if best is None:
        raise SystemExit("nothing was measured")
    return Row("jobs accepted", best.accepted_per_second, stock), best


def _runs(stack: BenchStack) -> Row:
    stock = _stock_runs(stack)
    gateway = stack.start("gateway")
    requests = signed_requests(stack.target, NOOP, {}, JOBS)
    asyncio.run(run_load(stack.target, requests, CONNECTIONS))
    gateway.stop()
    dispatcher = stack.start("dispatcher")
    ledger = connect(
        redis_settings(
            environment_of(stack.servers.environment("superuser")), "COUNTERSIGN_REDIS_LEDGER_URL"
        )
    )
    # The hints lie in the queue, as the stock messages do, before the worker starts.
    _wait(lambda: ledger.zcard("cs:published:fast") == JOBS)
    worker = stack.start("worker", COUNTERSIGN_CONCURRENCY=CONCURRENCY)
    ours = _drain_rate(lambda: int(ledger.hget("cs:open", "acme") or 0))
    for child in (worker, dispatcher):
        child.stop()
    ledger.close()
    _flush(stack)
    return Row("no-op jobs run", ours, stock)


def _stock_runs(stack: BenchStack) -> float:
    app = stock_app(stack.stock_settings)
    client = connect(stack.stock_settings)
    for _ in range(JOBS):
        app.send_task("stock.noop", kwargs={})
    command = ["-m", "bench.stock_worker", CONCURRENCY]
    worker = stack.spawn("stock", command, stack.stock_environment())
    # Results are stored as ours are; a job counts once its result is there.
    rate = _drain_rate(lambda: JOBS - sum(1 for _ in _results(client)))
    worker.stop()
    client.close()
    app.close()
    _flush(stack)
    return rate


def _results(client: redis.Redis) -> list[bytes]:
    found: list[bytes] = client.keys("celery-task-meta-*")  # type: ignore[assignment]
    return found


def _drain_rate(left: Callable[[], int]) -> float:
    """Jobs a second between the first tenth and the last, so that starting does not count."""
    first, last = JOBS * 9 // 10, JOBS // 20
    _wait(lambda: left() <= first)
    began, at_first = time.perf_counter(), left()
    _wait(lambda: left() <= last)
    return (at_first - left()) / (time.perf_counter() - began)


def _profile(stack: BenchStack) -> list[str]:
    path = stack.paths.state / "gateway.prof"
    gateway = stack.start("gateway", profile=path)
    requests = signed_requests(stack.target, ECHO, ARGS, ACCEPTS // 4)
    asyncio.run(run_load(stack.target, requests, CONNECTIONS))
    os.kill(gateway.pid, signal.SIGINT)
    _wait(lambda: gateway.status is not None)
    stats = pstats.Stats(str(path))
    rows = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:12]  # type: ignore[attr-defined]
    total = sum(item[1][2] for item in stats.stats.items())  # type: ignore[attr-defined]
    return [
        f"  {own / total:5.1%}  {Path(file).name}:{line} {name}"
        for (file, line, name), (_, _, own, _, _) in rows
    ]


def _flush(stack: BenchStack) -> None:
    client = connect(stack.stock_settings)
    client.flushall()
    client.close()


def _wait(ready: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise SystemExit("a measurement did not come to its end in time")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
