"""The `mpi` backend and the command on several ranks, which a real mpiexec starts."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from math import ceil
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from hqml.qubo import DenseQubo
from hqml.testing.conformance import all_energies, random_model
from hqml_cpu import CpuBackend

if importlib.util.find_spec("mpi4py") is None:
    pytest.skip("mpi4py is missing: pip install 'hqml[mpi]'", allow_module_level=True)

from hqml_mpi import MpiBackend
from hqml_mpi.distributed import BLOCK

MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")

pytestmark = pytest.mark.mpi

Launch = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """Run a command line, or the text of a script, on so many ranks."""
    if MPIEXEC is None:
        pytest.skip("mpiexec is missing: pip install 'hqml[mpi]'")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_", "PRTE_"))},
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    open_mpi = "Open MPI" in subprocess.run([MPIEXEC, "--version"], capture_output=True, text=True, check=False).stdout

    def launch(
        ranks: int, script: str = "", *command: str, ulfm: bool = False, threads: str = "multiple"
    ) -> subprocess.CompletedProcess[str]:
        if ulfm and not open_mpi:
            pytest.skip("survivors go on under Open MPI's --with-ft ulfm alone; this mpiexec is another")
        if script:
            (tmp_path / "script.py").write_text(dedent(script))
            command = (sys.executable, str(tmp_path / "script.py"))
        flags = [*(["--oversubscribe"] if open_mpi else []), *(["--with-ft", "ulfm"] if ulfm else [])]
        line = [MPIEXEC, *flags, "-n", str(ranks), *command]
        told = {**environment, "MPI4PY_RC_THREAD_LEVEL": threads}
        return subprocess.run(line, env=told, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    return launch


SAME_ON_ANY_NUMBER = """
    import hashlib, json
    import numpy as np
    import hqml
    from hqml_mpi import DistributedGram
    from hqml.testing.conformance import random_model

    models = [random_model(n, seed=n) for n in (30, 12, 25, 18)]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    kernel = np.exp(-((X[:, None] - X) ** 2).sum(-1) / 3)
    asked = []

    def rows(first, last):
        asked.extend(range(first, last))
        return kernel[first:last]

    gram = DistributedGram(
        rows, 200, [1.0, 2.0], linear=np.tile([-1.0, -2.0], 200), scale=rng.choice([-1.0, 1.0], 200), shift=1.0
    )
    found = [
        *hqml.sample(models, "mpi", reads=70, seed=5, num_sweeps=50),
        hqml.sample(gram, "mpi", reads=20, seed=5, num_sweeps=80),  # past a refresh of the products
    ]
    digest = hashlib.md5(b"".join(np.ascontiguousarray(one.record.sample).tobytes() for one in found)).hexdigest()
    energies = [float(one.first.energy) for one in found]
    print(json.dumps({"digest": digest, "energies": energies, "rows": len(asked), "ranks": found[0].info["ranks"],
        "drift": found[-1].info["product_drift"], "hint": found[0].info.get("hint")}))
"""


def test_the_same_seed_gives_the_same_samples_on_any_number_of_ranks(launch: Launch) -> None:
    lines = []
    for ranks in (1, 2, 3):
        # With three of them rank 0 hands out alone, as where MPI lets one thread alone call it.
        done = launch(ranks, SAME_ON_ANY_NUMBER, threads="funneled" if ranks == 3 else "multiple")
        assert done.returncode == 0, done.stderr
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert [one["ranks"] for one in told] == [ranks] * ranks
        assert sum(one["rows"] for one in told) == 200  # every row was read by one rank
        assert max(one["rows"] for one in told) <= BLOCK * ceil(ceil(200 / BLOCK) / ranks)
        lines += told
    assert len({one["digest"] for one in lines}) == 1
    assert all(one["energies"] == lines[0]["energies"] for one in lines)
    assert all(0 < one["drift"] < 1e-5 for one in lines)
    assert all(one["hint"] is None for one in lines)


TEMPERED = """
    import hashlib, json
    from pathlib import Path
    import numpy as np
    import scipy.sparse
    import hqml
    from hqml.io import read
    from hqml_cpu import CpuBackend
    from hqml_mpi.ranks import world
    from hqml_mpi.tempering import Ladders

    rng = np.random.default_rng(1)
    dense = hqml.DenseQubo(rng.normal(size=(4, 4)), linear=rng.normal(size=4))
    couplings = scipy.sparse.csr_array(np.triu(rng.choice([-2, 1, 3], (4, 4)), 1))
    sparse = hqml.SparseQubo(couplings, linear=rng.choice([-2, 1, 3], 4))
    every = (np.arange(16)[:, None] >> np.arange(4)) & 1
    ranks, told = world(), {"seen": [], "expected": [], "moved": []}
    for model in (dense, sparse):
        ladders = Ladders.start(
            model, ranks, CpuBackend(), replicas=64, temperatures=8, beta_range=(0.25, 2), seed=(1,)
        )
        mine = ladders.level[ranks.rank :: ranks.size]  # a view
        before, energies = np.sort(mine), np.unique(model.energies(every).round(6))
        seen = np.zeros((8, len(energies)))
        for turn in range(1600):
            ladders.sweep(3)
            ladders.exchange(odd=bool(turn % 2))
            if turn >= 100:
                # Energies of replicas lack the constant of the model, which has none here.
                met = np.abs(ladders.own.energies()[:, None] - energies).argmin(axis=1)
                np.add.at(seen, (mine, met), 1)
        told["moved"].append(bool((np.sort(mine) != before).any()))
        told["seen"].append(seen.tolist())
        weights = np.exp(-ladders.betas[:, None] * model.energies(every))
        places = np.abs(model.energies(every)[:, None] - energies).argmin(axis=1)
        expected = np.stack([np.bincount(places, row / row.sum()) for row in weights])
        told["expected"].append(expected.tolist())
    models = [read(Path("FOLDER") / name).qubo for name in ("G1.mc.gz", "bqp250-1.qubo.gz")]
    once, again = (hqml.sample(models, "mpi", method="tempering", reads=40, seed=5) for _ in range(2))
    told["best"] = [float(one.first.energy) for one in once]
    told["replicas"] = [one.info["replicas"] for one in once]
    told["digests"] = [hashlib.md5(one.record.sample.tobytes()).hexdigest() for one in (*once, *again)]
    print(json.dumps(told))
"""


@pytest.mark.parametrize("ranks", [1, 2])
def test_ladders_are_climbed_by_all_ranks(launch: Launch, shared_data: Path, ranks: int) -> None:
    done = launch(ranks, TEMPERED.replace("FOLDER", str(shared_data / "qubo")))
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == ranks
    for form in range(2):
        counts = np.sum([one["seen"][form] for one in told], axis=0)
        # 12,000 energies at each temperature, or more: four standard errors of a share are below 0.02.
        shares = counts / counts.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shares, told[0]["expected"][form], atol=0.02)
    # A rank keeps its temperatures, unless some are exchanged with those of another rank.
    assert all(one["moved"] == [ranks > 1] * 2 for one in told)
    for one in told:
        assert one["best"] == [-11624.0, -45607.0]  # published optima
        assert one["replicas"] == [64 * ranks, 64]  # whole vectors of the sparse model on every rank
        assert one["digests"] == told[0]["digests"]
        assert one["digests"][:2] == one["digests"][2:]


def test_survivors_of_a_killed_rank_begin_the_ladders_again(launch: Launch) -> None:
    script = """
        import os, signal
        import hqml
        from hqml.testing.conformance import random_model
        from hqml_cpu import CpuBackend
        from hqml_mpi import MpiBackend
        from hqml_mpi.ranks import world

        rank = world().rank

        class Dies(CpuBackend):
            def replicas(self, qubo, count, *, seed):
                lent = super().replicas(qubo, count, seed=seed)
                sweep, sweeps = type(lent).sweep, [0]

                class Lent(type(lent)):
                    def sweep(self, temperatures, number):
                        sweeps[0] += number
                        if rank == 1 and sweeps[0] > 50:
                            os.kill(os.getpid(), signal.SIGKILL)
                        sweep(self, temperatures, number)

                return Lent(lent.model, lent.blocks, lent.sampling)

        [found] = MpiBackend(Dies()).sample([random_model(30, seed=0)], reads=9, seed=2, method="tempering")
        print(found.info["ranks"], found.info["lost_ranks"], float(found.first.energy), flush=True)
    """
    done = launch(3, script, ulfm=True)
    lowest = MpiBackend().sample([random_model(30, seed=0)], reads=9, seed=2, method="tempering")[0].first.energy
    assert done.stdout.splitlines() == [f"2 1 {lowest}"] * 2, done.stderr


BATCH = """
    import os, signal, time
    from pathlib import Path
    import numpy as np
    import hqml
    from hqml.files import discarding, discards
    from hqml.testing.conformance import random_model
    from hqml_cpu import CpuBackend
    from hqml_mpi import MpiBackend

    victim = {victim}
    rank = int(os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK", 0)))

    class Dies(CpuBackend):
        calls = 0

        def sample(self, qubos, **arguments):
            self.calls += 1
            if self.calls == 2:  # every rank has told of its first slice and has been handed a second one
                Path(f"here-{{rank}}").touch()
                while not all(Path(f"here-{{other}}").exists() for other in range({ranks})):
                    time.sleep(0.01)
                if rank == victim:
                    os.kill(os.getpid(), signal.SIGKILL)
            return super().sample(qubos, **arguments)

    models = [random_model(10 + n, seed=n) for n in range(12)]
    with discarding():
        found = MpiBackend(Dies()).sample(models, reads=4, seed=2, num_sweeps=20, checkpoint={folder!r})
        writes = not discards()
    whole = np.concatenate([one.record.sample.ravel() for one in found])
    print(rank, found[0].info["ranks"], found[0].info["lost_ranks"], int(whole.sum()),
          [float(one.first.energy) for one in found], writes, flush=True)
"""


@pytest.mark.parametrize(("ranks", "victim"), [(3, 2), (3, 0), (2, 1)])
def test_survivors_of_a_killed_rank_finish_the_batch(launch: Launch, ranks: int, victim: int) -> None:
    done = launch(ranks, BATCH.format(victim=victim, ranks=ranks, folder=None), ulfm=True)
    lines = sorted(done.stdout.splitlines())
    assert [line[0] for line in lines] == [str(rank) for rank in range(ranks) if rank != victim], done.stderr
    assert "alone" not in done.stderr  # the last one left has met the others
    models = [random_model(10 + n, seed=n) for n in range(12)]
    alone = MpiBackend(CpuBackend()).sample(models, reads=4, seed=2, num_sweeps=20)
    ones = sum(int(one.record.sample.sum()) for one in alone)
    for line in lines:
        takes_over = line == lines[0]  # the first rank that is left writes the files
        assert line[2:] == f"{ranks - 1} 1 {ones} {[float(one.first.energy) for one in alone]} {takes_over}"


@pytest.mark.parametrize(
    ("method", "threads"), [("batch", "multiple"), ("batch", "funneled"), ("tempering", "multiple")]
)
def test_ctrl_c_at_rank_0_gives_the_best_so_far_on_all(launch: Launch, method: str, threads: str) -> None:
    """MPICH's mpiexec sends it to all ranks; one of them is enough."""
    script = f"""
        import os, signal, threading
        from hqml.testing.conformance import random_model
        from hqml_cpu import CpuBackend
        from hqml_mpi import MpiBackend
        from hqml_mpi.ranks import world

        ranks = world()
        pid = ranks.from_first(os.getpid())

        def press():
            if not ranks.first:  # rank 0 has begun then as well
                threading.Timer(0.5, os.kill, (pid, signal.SIGINT)).start()

        class Pressed(CpuBackend):
            def sample(self, *arguments, **options):
                press()
                self.sample = super().sample
                return self.sample(*arguments, **options)

            def replicas(self, *arguments, **options):
                press()
                self.replicas = super().replicas
                return self.replicas(*arguments, **options)

        models = [random_model(200, seed=n) for n in range(2)]
        if {method!r} == "batch":
            options = {{"reads": 10**6, "reads_at_once": 32}}
        else:
            options = {{"reads": 40, "num_sweeps": 10**8}}
        CpuBackend(threads=1).sample(models, reads=32, num_sweeps=1)  # compiled: Ctrl-C would fall into numba
        found = MpiBackend(Pressed(threads=1)).sample(models, method={method!r}, seed=0, **options)
        info = found[0].info
        print(f"{{info['ranks']}} {{info['interrupted']}} {{info['cut_short']}} {{len(found)}}\\n", end="", flush=True)
    """
    done = launch(2, script, threads=threads)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["2 True False 2"] * 2


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc, in which mpiexec is found")
def test_ctrl_c_at_mpiexec_leaves_the_finished_slices(launch: Launch, tmp_path: Path) -> None:
    """Open MPI ends the ranks and shows nothing of them, MPICH lets them end with the best so far."""
    script = f"""
        import os, signal
        from pathlib import Path
        from hqml.testing.conformance import random_model
        from hqml_mpi import MpiBackend

        def parent(process):
            return int(Path(f"/proc/{{process}}/stat").read_text().rpartition(")")[2].split()[1])

        mpiexec = os.getppid()
        while parent(mpiexec) != {os.getpid()}:
            mpiexec = parent(mpiexec)
        pressed = False

        def press(share):
            global pressed
            if not pressed and len(list(Path("kept").glob("*.npz"))) >= 2:
                pressed = True
                os.kill(mpiexec, signal.SIGINT)

        MpiBackend("cpu", threads=1).sample(
            [random_model(200, seed=0)], reads=10**6, reads_at_once=32, seed=0, checkpoint="kept", progress=press
        )
    """
    launch(2, script)
    assert 2 <= len(list((tmp_path / "kept").glob("*.npz"))) < 10**6 // 32


def test_without_fault_tolerance_a_killed_rank_ends_the_others_and_leaves_the_finished_slices(
    launch: Launch, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    done = launch(2, BATCH.format(victim=1, ranks=2, folder=str(folder)))
    assert done.returncode != 0
    assert "when another rank was lost" in done.stderr
    assert f"they are in {folder}: the same call goes on from there" in done.stderr
    finished = len(list(folder.iterdir()))
    assert 2 <= finished < 12
    resumed = launch(2, BATCH.format(victim=-1, ranks=2, folder=str(folder)))
    assert resumed.returncode == 0, resumed.stderr
    assert len(list(folder.iterdir())) == 12


def test_what_fails_on_one_rank_is_raised_on_all(launch: Launch) -> None:
    script = """
        import os
        import hqml
        from hqml_cpu import CpuBackend
        from hqml_mpi import MpiBackend
        from hqml.testing.conformance import random_model

        class Fails(CpuBackend):
            def sample(self, qubos, **arguments):
                if qubos[0].num_variables == 7:
                    raise ZeroDivisionError("of course")
                return super().sample(qubos, **arguments)

        models = [random_model(n, seed=n) for n in range(2, 12)]
        try:
            MpiBackend(Fails()).sample(models, reads=4)
        except hqml.errors.BackendError as error:
            print(error, flush=True)
        rank = int(os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK", 0)))
        other = {"reads": 2, "seed": 1, "checkpoint": "script.py" if rank == 0 else "folder"}
        for batch, options in ((models[: 3 + rank], {}), (random_model(9, seed=rank), {}), (models, other)):
            try:
                hqml.sample(batch, "mpi", **options)
            except hqml.errors.HqmlError as error:
                print(str(error)[:46], flush=True)
    """
    done = launch(2, script)
    assert done.returncode == 0, done.stderr
    expected = [
        "a slice failed: ZeroDivisionError: of course",
        "the ranks call 'mpi' with different things, th",
        "the ranks hold different models; give a seed (",
        "checkpoint must be a folder, found 'script.py'",
    ]
    assert sorted(done.stdout.splitlines()) == sorted(2 * expected)


class TestTheCommandUnderMpiexec:
    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        np.save(tmp_path / "model.npy", random_model(14, seed=1).matrix)
        return tmp_path / "model.npy"

    def test_rank_0_alone_prints_and_writes(self, launch: Launch, model: Path, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "hqml.cli", "solve", str(model), "--backend", "mpi", "--seed", "0", "--json"]
        done = launch(2, "", *command, "--out", str(tmp_path / "out.npz"))
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        [line] = done.stdout.splitlines()
        lowest = all_energies(DenseQubo(np.load(model))).min()
        assert json.loads(line)["energy"] == lowest
        with np.load(tmp_path / "out.npz") as out:
            assert out["energies"][0] == lowest
        assert sorted(path.name for path in tmp_path.iterdir()) == ["model.npy", "out.npz"]

    def test_a_failure_is_told_once_and_is_the_exit_status(self, launch: Launch, model: Path) -> None:
        command = [sys.executable, "-m", "hqml.cli", "solve", str(model), "--backend=mpi:neal", "--option", "speed=1"]
        done = launch(2, "", *command)
        assert done.returncode == 2
        told = [line for line in done.stderr.splitlines() if "hqml:" in line]
        assert len(told) == 1
        assert "'mpi:neal' takes no option speed" in told[0]

    def test_a_failure_of_another_rank_names_it(self, launch: Launch, model: Path) -> None:
        rank = "${OMPI_COMM_WORLD_RANK:-$PMI_RANK}"
        command = (
            f"{sys.executable} -m hqml.cli solve {model.parent}/$(test {rank} = 1 && echo no-)model.npy --backend mpi"
        )
        done = launch(2, "", "sh", "-c", command)
        assert done.returncode == 2
        assert "[rank 1] hqml: " in done.stderr
        assert "no-model.npy: there is no such file" in done.stderr


STUDY = """
    import json, os, time
    import numpy as np
    from hqml.compare.problems import qubo_problem
    from hqml.compare.runner import run_study
    from hqml.compare.store import Store
    from hqml.compare.study import Solver, Study
    from hqml.testing.conformance import random_model

    rank = int(os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK", 0)))
    solvers = (Solver("cpu"), Solver("mpi", {"reads_at_once": 8}), Solver("mpi:cpu", {"nonsense": 1}))
    problems = tuple(qubo_problem(random_model(n, seed=n), name=f"problem {n}") for n in (8, 9))
    study = Study(problems, solvers, seeds=(0, 1, 2), reads=32)
"""


class TestAStudyUnderMpiexec:
    """Cells of `mpi` are run by all ranks together, the others by one rank each."""

    def test_all_cells_are_run_once_and_every_rank_has_their_outcomes(self, launch: Launch, tmp_path: Path) -> None:
        script = f"""{STUDY}
    def begun(step):
        if step.state == "begun":
            with open(f"log-{{rank}}", "a") as log:
                print(step.cell.key, file=log)

    time.sleep(rank)  # the other rank is to wait with what it does not do alone
    outcomes = run_study(study, Store("store"), on_cell=begun)
    print(json.dumps([[one.key, one.solver, one.energies[0][0] if one.energies else one.error, one.process,
        one.schedule.get("ranks")] for one in outcomes]), flush=True)
    """
        done = launch(2, script)
        assert done.returncode == 0, done.stderr
        first, second = (json.loads(line) for line in done.stdout.splitlines())
        assert first == second
        assert len(first) == 18
        begun = [key for path in tmp_path.glob("log-*") for key in path.read_text().split()]
        assert sorted(begun) == sorted(key for key, *_ in first)
        together = [(found, process, ranks) for _, solver, found, process, ranks in first if solver.startswith("mpi r")]
        assert {ranks for _, _, ranks in together} == {2}
        assert len({process for _, process, _ in together}) == 1  # rank 0 has stored them
        assert [found for found, _, _ in together] == [found for _, solver, found, _, _ in first if solver == "cpu"]
        failed = [found for _, solver, found, _, _ in first if solver.startswith("mpi:cpu")]
        assert all("takes no option nonsense" in found for found in failed)

    def test_the_end_of_rank_0_between_two_cells_ends_the_others(self, launch: Launch) -> None:
        script = f"""{STUDY}
    def end(step):
        if step.state == "ended" and rank == 0:
            raise ZeroDivisionError("on rank 0")

    try:
        run_study(study, Store("store"), on_cell=end)
    except Exception as error:
        print(f"{{rank}} {{type(error).__name__}}: {{error}}\\n", end="", flush=True)
    """
        done = launch(2, script)
        assert sorted(done.stdout.splitlines()) == [
            "0 ZeroDivisionError: on rank 0",
            "1 BackendError: rank 0 has ended the run",
        ]
