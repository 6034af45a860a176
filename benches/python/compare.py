"""Hits of the Python library redis_func_cache, beside a raw GET of redis-py.

    python3 -m venv target/venv && target/venv/bin/pip install redis_func_cache
    target/venv/bin/python benches/python/compare.py        # half a minute

The payload is that of `cargo bench --bench hits`, in JSON as that library has it by default. Compare ratios to GET, not
hits a second: a raw GET costs Python several times what it costs Rust.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import Barrier, Process, Queue
from threading import Thread

import redis
from redis_func_cache import FifoPolicy, LfuPolicy, LruTPolicy, RedisFuncCache

KEYS, ROUNDS, SLICE = 1_000, 5, 0.5
PRODUCT = {
    "id": 0,
    "name": "Desk lamp, brushed steel",
    "description": "Adjustable arm, warm white",
    "price_cents": 12_900,
    "stock": 417,
    "rating": 4.6,
    "tags": ["lighting", "office"],
    "active": True,
}
POLICIES = {"lru_t": LruTPolicy, "fifo": FifoPolicy, "lfu": LfuPolicy}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def contender(name, port):
    """A function that reads one product, connected and with all of them stored."""
    client = redis.Redis(port=port)
    if name == "raw GET":
        for key in range(KEYS):
            client.set(f"product:{key}", json.dumps(PRODUCT | {"id": key}))
        return lambda key: client.get(f"product:{key}")
    cache = RedisFuncCache(name, POLICIES[name](), client=client, maxsize=10 * KEYS)

    @cache
    def find(key):
        return PRODUCT | {"id": key}

    for key in range(KEYS):
        find(key)
    return find


def calls(read, until, first, done):
    count, key = 0, first
    while time.perf_counter() < until:
        read(key % KEYS)
        key += 7_919
        count += 1
    done.append(count)


def in_threads(read, threads):
    """Calls a second of so many threads that share a connection pool."""
    done, started = [], time.perf_counter()
    callers = [Thread(target=calls, args=(read, started + SLICE, 31 * n, done)) for n in range(threads)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return sum(done) / (time.perf_counter() - started)


def in_processes(name, port, processes):
    """Calls a second of so many processes, each with a connection of its own."""
    ready, counts = Barrier(processes), Queue()

    def process(first):
        read, done = contender(name, port), []
        ready.wait()
        calls(read, time.perf_counter() + SLICE, first, done)
        counts.put(done[0] / SLICE)

    callers = [Process(target=process, args=(31 * n,)) for n in range(processes)]
    for caller in callers:
        caller.start()
    total = sum(counts.get() for _ in callers)
    for caller in callers:
        caller.join()
    return total


def main():
    binary, port = os.environ.get("REDIS_SERVER", "redis-server"), free_port()
    with tempfile.TemporaryDirectory() as directory:
        server = subprocess.Popen(
            [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory],
            stdout=subprocess.DEVNULL,
        )
        try:
            while subprocess.run([sys.executable, "-c", f"import redis; redis.Redis(port={port}).ping()"],
                                 stderr=subprocess.DEVNULL, check=False).returncode:
                time.sleep(0.05)
            compare(port)
        finally:
            server.kill()
            server.wait()


def compare(port):
    names = ["raw GET", *POLICIES]
    reads = {name: contender(name, port) for name in names}
    ways = {
        "1 thread": lambda name: in_threads(reads[name], 1),
        "16 threads": lambda name: in_threads(reads[name], 16),
        "16 processes": lambda name: in_processes(name, port, 16),
    }
    print(f"{'':14}{'hits/s':>10}{'x raw GET':>11}")
    for way, measure in ways.items():
        # Interleaved, so that a slow moment of the machine meets all of them.
        rounds = [{name: measure(name) for name in names} for _ in range(ROUNDS)]
        print(way)
        base = statistics.median(round["raw GET"] for round in rounds)
        for name in names:
            figure = statistics.median(round[name] for round in rounds)
            print(f"  {name:12}{figure:>10.0f}{figure / base:>11.2f}")


if __name__ == "__main__":
    main()
