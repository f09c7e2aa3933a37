"""Ten thousand jobs of twenty Ocean clients on a quantum node that is killed again and again.

    python tests/hard_day/soak.py --jobs 10000 --clients 20 --kills 6

`hqml node serve` runs as a process of its own; D-Wave's client speaks to it over loopback, each with its own token and
budget. The node is killed (SIGKILL) and started on the same journal while jobs are under way; of some jobs clients
think better and cancel them. At the end the journal is held against what clients were told: nothing lost, nothing
charged twice, budgets exact. Memory, threads and open files of the node go to soak.csv.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NO_PROXY = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}

CANCELLED_SHARE = 0.05

WINDOW = 10
"""Jobs that a client has under way."""

POOR = 50
"""Jobs that the budget of the last client suffices for; it asks for more."""

REFUSALS = 10
"""Then a client has understood that its budget is used up."""

PATIENCE = 120.0
"""Seconds that a client bears with a node that does not answer."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument(
        "--kills", type=int, default=6, help="all in the first half, so that memory is seen in a long life"
    )
    parser.add_argument("--out", default="out/hard_day", help="folder of soak.csv and of the node's journal and log")
    arguments = parser.parse_args()
    os.environ.update(NO_PROXY)
    folder = Path(arguments.out).resolve() / "soak"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("journal*"):
        old.unlink()
    tokens = [f"token-of-client-{number}" for number in range(arguments.clients)]
    node = Node(folder, tokens)
    node.start()
    try:
        return _soaked(node, tokens, arguments.jobs, arguments.kills, folder)
    finally:
        node.stop()


def _soaked(node: Node, tokens: list[str], jobs: int, kills: int, folder: Path) -> int:
    cost = node.cost_of_a_job(tokens[0])
    node.grant(tokens, cost)
    work = Work(jobs)
    # One at a time of the poor client: what waiting jobs reserve would make refusals depend on their order.
    clients = [OneClient(node.endpoint, token, work, 1 if token == tokens[-1] else WINDOW) for token in tokens]
    threads = [threading.Thread(target=one.run, daemon=True) for one in clients]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    lives = _watched(node, work, threads, jobs, kills, folder / "soak.csv")
    seconds = time.monotonic() - began
    statuses = {token: node.status(token) for token in tokens}
    node.stop()
    faults = [fault for one in clients for fault in one.faults]
    faults += list(checked(folder / "journal.sqlite", folder / "log", clients, statuses, cost))
    print(f"{work.done} jobs of {len(clients)} clients in {seconds:.0f} s: {work.done / seconds:.1f} a second")
    print(f"{kills} kills; {sum(one.resumed for one in clients)} times a client had to ask again")
    for line in lives:
        print(line)
    for fault in faults:
        print(f"WRONG: {fault}")
    return 1 if faults else 0


@dataclass
class Work:
    """Jobs that are left, for all clients."""

    jobs: int
    done: int = 0
    taken: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> int | None:
        with self.lock:
            self.taken += 1
            return self.taken if self.taken <= self.jobs else None

    def finished(self) -> None:
        with self.lock:
            self.done += 1


class Node:
    """`hqml node serve` on one port and one journal, however often it is started.

    Args:
        folder: of tokens, journal and log.
        tokens: of its accounts.
    """

    def __init__(self, folder: Path, tokens: list[str]) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}/sapi/v2/"
        self._write(dict.fromkeys(tokens, ""))

    def start(self) -> None:
        command = [sys.executable, "-m", "hqml.cli", "node", "serve", "--json", "--port", str(self.port)]
        command += ["--tokens", str(self.folder / "tokens"), "--journal", str(self.folder / "journal.sqlite")]
        command += ["--topology", "pegasus", "--shape", "2"]
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        if not self.process.stdout.readline():
            raise RuntimeError(f"the node did not start; see {self.folder / 'log'}")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def held(self) -> dict[str, float]:
        """Memory in MiB, threads and open files of the process."""
        assert self.process is not None
        place = Path(f"/proc/{self.process.pid}")
        status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
        rss, threads = (int(status[name].split()[0]) for name in ("VmRSS", "Threads"))
        return {"rss_mib": rss / 1024, "threads": threads, "open_files": len(list((place / "fd").iterdir()))}

    def status(self, token: str) -> dict[str, Any]:
        import httpx

        reply = httpx.get(f"{self.endpoint}node/status", headers={"X-Auth-Token": token}, trust_env=False, timeout=60)
        return dict(reply.raise_for_status().json())

    def cost_of_a_job(self, token: str) -> float:
        """QPU seconds of one, asked with a job that is soon over."""
        client = OneClient(self.endpoint, token, Work(jobs=0, taken=-1))
        client.run()
        return float(self.status(token)["budget"]["used"])

    def grant(self, tokens: list[str], cost: float) -> None:
        """A budget for each; the last one's is soon used up."""
        rich = dict.fromkeys(tokens, f" {cost * 1e6:.6f}")
        self._write({**rich, tokens[-1]: f" {cost * (POOR + 0.5):.9f}"})

    def _write(self, budgets: dict[str, str]) -> None:
        file = self.folder / "tokens"
        file.touch(mode=0o600)
        file.write_text("".join(f"{token}{budget}\n" for token, budget in budgets.items()))


class OneClient:
    """A user of D-Wave's client, who asks again where the node has gone away.

    Attributes:
        told: identities of jobs by label, as the node gave them.
        ends: how each ended, by identity.
        refused: jobs for which the budget did not suffice.
        faults: what was wrong with answers.
        resumed: how often something had to be asked again.
    """

    def __init__(self, endpoint: str, token: str, work: Work, window: int = 1) -> None:
        self.endpoint, self.token, self.work, self.window = endpoint, token, work, window
        self.told: dict[str, str] = {}
        self.ends: dict[str, str] = {}
        self.refused, self.resumed = 0, 0
        self.faults: list[str] = []

    def run(self) -> None:
        from dwave.cloud import Client

        chance = random.Random(self.token)
        client = self._again(lambda: Client(endpoint=self.endpoint, token=self.token))
        with client:
            solver = self._again(lambda: client.get_solver(qpu=True))
            waiting: deque[tuple[str, float, Any]] = deque()
            while True:
                number = self.work.take() if self.refused < REFUSALS else None
                if number is not None:
                    label, bias = f"{self.token} {number}", chance.choice((-1.0, 1.0))
                    waiting.append((label, bias, self._submitted(solver, label, bias, chance.random())))
                if waiting and (number is None or len(waiting) >= self.window):
                    self._settle(client, solver, *waiting.popleft())
                    self.work.finished()
                elif not waiting:
                    return

    def _submitted(self, solver: Any, label: str, bias: float, chance: float) -> Any:
        """The future of a job, of some one that the client thinks better of."""
        future = solver.sample_ising({min(solver.nodes): bias}, {}, num_reads=1, label=label)
        if chance < CANCELLED_SHARE:
            with suppress(Exception):
                future.cancel()
        return future

    def _settle(self, client: Any, solver: Any, label: str, bias: float, future: Any) -> None:
        """One job to its end; where it cannot be known whether it was accepted, its label tells."""
        from dwave.cloud.exceptions import CanceledFutureError, SolverError

        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            try:
                found = future.result()
            except CanceledFutureError:
                return self._ended(label, future.id, "CANCELLED")
            except SolverError as error:
                if "insufficient remaining" in str(error):
                    self.refused += 1
                    return
                future = self._once_more(client, solver, future, label, bias)
            except Exception:
                future = self._once_more(client, solver, future, label, bias)
            else:
                self._check(label, found, bias)
                return self._ended(label, future.id, "COMPLETED")
        self.faults.append(f"{label} did not come to an end")

    def _once_more(self, client: Any, solver: Any, future: Any, label: str, bias: float) -> Any:
        """The future of a job whose node went away: by its identity, by its label, or submitted anew."""
        self.resumed += 1
        time.sleep(0.5)
        identity = future.id or self._again(lambda: self._by_label(label))
        if identity:
            return self._again(lambda: client.retrieve_answer(identity))
        return self._submitted(solver, label, bias, 1.0)

    def _by_label(self, label: str) -> str | None:
        from dwave.cloud.api import Problems

        with Problems(endpoint=self.endpoint, token=self.token) as problems:
            found = problems.list_problems(label=label)
        return found[0].id if found else None

    def _again(self, ask: Any) -> Any:
        """The answer to something that may be asked more than once."""
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                return ask()
            except Exception:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.5)

    def _check(self, label: str, found: dict[str, Any], bias: float) -> None:
        [energy] = found["energies"]
        if abs(energy) != abs(bias):
            self.faults.append(f"{label}: energy {energy} of a qubit with bias {bias}")

    def _ended(self, label: str, identity: str, how: str) -> None:
        self.told[label] = identity
        self.ends[identity] = how


def _watched(node: Node, work: Work, threads: list[threading.Thread], jobs: int, kills: int, path: Path) -> list[str]:
    """Kill and start the node while clients work; what each life looked like."""
    at = [round(jobs / 2 * (number + 1) / (kills + 1)) for number in range(kills)]
    rows: list[dict[str, float]] = []
    life = 0
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.5)
        rows.append({"life": life, "jobs": work.done, "seconds": round(time.monotonic(), 1), **node.held()})
        if at and work.done >= at[0]:
            at.pop(0)
            node.kill()
            node.start()
            life += 1
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return [_of_life(number, [row for row in rows if row["life"] == number]) for number in range(life + 1)]


def _of_life(number: int, rows: list[dict[str, float]]) -> str:
    """Memory after the first tenth of a life, in its middle, and at its end; the most threads and files."""
    if not rows:
        return f"life {number}: too short to be seen"
    rss = [rows[int((len(rows) - 1) * share)]["rss_mib"] for share in (0.1, 0.5, 1.0)]
    most = {name: max(row[name] for row in rows) for name in ("threads", "open_files")}
    last = {name: rows[-1][name] for name in most}
    span = rows[-1]["jobs"] - rows[0]["jobs"]
    shown = ", ".join(f"{one:.1f}" for one in rss)
    return f"life {number}: {span:.0f} jobs, {shown} MiB, at most {most}, at its end {last}"


def checked(
    journal: Path, log: Path, clients: list[OneClient], statuses: dict[str, dict[str, Any]], cost: float
) -> Iterator[str]:
    """What is wrong in the journal, held against what clients were told."""
    from hqml_ocean.node.journal import FINAL, Journal

    held = Journal(journal)
    jobs = held.jobs()
    rows = {str(job.id): job for job in jobs}
    labels = Counter(job.label for job in jobs)
    print(f"the journal has {len(jobs)} jobs: {dict(Counter(job.status for job in jobs))}")
    yield from (f"{label} was accepted {count} times" for label, count in labels.items() if count > 1)
    yield from (f"{job.label} has not ended: {job.status}" for job in jobs if job.status not in FINAL)
    for job in jobs:
        wanted = cost if job.status == "COMPLETED" else 0.0
        if job.used is None or abs(job.used - wanted) > 1e-12:
            yield f"{job.label}, {job.status}, was charged {job.used}, not {wanted}"
    for one in clients:
        for label, identity in one.told.items():
            found = rows.get(identity)
            if found is None or found.label != label or found.status != one.ends[identity]:
                yield f"{label}: the client was told {one.ends[identity]}, the journal has {found}"
    yield from _budgets(held, clients, statuses, cost)
    ended = Counter(line.split("job ")[1].split()[0] for line in log.read_text().splitlines() if " completed, " in line)
    yield from (f"{identity} was completed {count} times" for identity, count in ended.items() if count > 1)


def _budgets(held: Any, clients: list[OneClient], statuses: dict[str, Any], cost: float) -> Iterator[str]:
    """Each account's budget is what its jobs used, to the last bit that a sum of doubles keeps."""
    for one in clients:
        budget = statuses[one.token]["budget"]
        account = statuses[one.token]["account"]
        mine = held.jobs("account = ?", (account,))
        used = sum(job.status == "COMPLETED" for job in mine) * cost
        if abs(budget["used"] - used) > 1e-9 or budget["reserved"] != 0.0:
            yield f"{account}: used {budget['used']}, reserved {budget['reserved']}; its jobs used {used}"
        if budget["granted"] is not None and abs(budget["granted"] - used - budget["left"]) > 1e-9:
            yield f"{account}: {budget['left']} of {budget['granted']} left after {used}"
    poor = clients[-1]
    completed = sum(how == "COMPLETED" for how in poor.ends.values())
    if poor.refused and completed != POOR:
        yield f"the poor client had {completed} jobs for a budget of {POOR}"
    print(f"the poor client: {completed} completed, {poor.refused} refused, budget of {POOR} jobs")


if __name__ == "__main__":
    sys.exit(main())
