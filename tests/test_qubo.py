"""All forms of a QUBO are one function: that of enumeration, of dimod, of a written-out matrix."""

import itertools
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from time import perf_counter
from typing import Any

import dimod
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hqml.errors import HqmlError, ModelError, ModelTooLarge
from hqml.qubo import DENSE_LIMIT, DenseQubo, GramQubo, Qubo, SparseQubo, as_qubo

# Eighths up to 32 in size: sums and products of few of them are exact, so that results can be compared closely.
eighths = st.integers(-256, 256).map(lambda value: value / 8)


def all_states(n: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=n)), dtype=np.int8)


def vectors(n: int) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.float64, n, elements=eighths)


def matrices(n: int) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.float64, (n, n), elements=st.one_of(st.just(0.0), eighths))


@dataclass
class Quadratic:
    """A random model by its coefficients, with energies by the loop of the definition."""

    matrix: np.ndarray
    linear: np.ndarray
    offset: float
    labels: list[Any] | None

    def energy(self, x: np.ndarray) -> float:
        total = self.offset
        for i in range(len(x)):
            total += self.linear[i] * x[i]
            for j in range(len(x)):
                total += self.matrix[i, j] * x[i] * x[j]
        return float(total)


@st.composite
def quadratics(draw: st.DrawFn) -> Quadratic:
    n = draw(st.integers(1, 6))
    names = st.lists(st.one_of(st.integers(-9, 9), st.text(max_size=3)), min_size=n, max_size=n, unique=True)
    labels = draw(st.one_of(st.none(), names))
    return Quadratic(draw(matrices(n)), draw(vectors(n)), draw(eighths), labels)


@dataclass
class Multipliers:
    """A random Gram model by its coefficients, with energies by the loop of the definition."""

    gram: np.ndarray
    weights: np.ndarray
    linear: np.ndarray
    scale: np.ndarray
    shift: float
    offset: float

    def energy(self, x: np.ndarray) -> float:
        digits = len(self.weights)
        a = [sum(self.weights[k] * x[n * digits + k] for k in range(digits)) for n in range(len(self.gram))]
        total = self.offset
        for n in range(len(self.gram)):
            for m in range(len(self.gram)):
                total += a[n] * a[m] * self.scale[n] * self.scale[m] * (self.gram[n, m] + self.shift) / 2
            for k in range(digits):
                total += self.linear[n, k] * x[n * digits + k]
        return float(total)

    def qubo(self) -> GramQubo:
        return GramQubo(
            self.gram,
            self.weights,
            linear=self.linear,
            scale=self.scale,
            shift=self.shift,
            offset=self.offset,
        )


@st.composite
def gram_models(draw: st.DrawFn) -> Multipliers:
    points, digits = draw(st.sampled_from([(1, 1), (1, 3), (2, 2), (3, 2), (2, 3), (6, 1)]))
    half = draw(matrices(points))
    linear = draw(hnp.arrays(np.float64, (points, digits), elements=eighths))
    weights, scale = draw(vectors(digits)), draw(vectors(points))
    return Multipliers(half + half.T, weights, linear, scale, draw(eighths), draw(eighths))


def forms_of(model: Quadratic) -> list[Qubo]:
    dense = DenseQubo(model.matrix, linear=model.linear, offset=model.offset, labels=model.labels)
    sparse = SparseQubo(
        scipy.sparse.coo_array(model.matrix), linear=model.linear, offset=model.offset, labels=model.labels
    )
    return [dense, sparse, dense.to_sparse(), sparse.to_dense(), as_qubo(dense.to_bqm()), as_qubo(sparse.to_bqm())]


def check_field(qubo: Qubo, states: np.ndarray) -> None:
    """Each field entry predicts what its single flip does to the energy."""
    fields, energies = qubo.field(states), qubo.energies(states)
    for i in range(states.shape[1]):
        flipped = states.copy()
        flipped[:, i] ^= 1
        change = (1 - 2 * states[:, i]) * fields[:, i]
        np.testing.assert_allclose(qubo.energies(flipped) - energies, change, atol=1e-6)


class TestEnergies:
    @given(quadratics())
    def test_every_form_agrees_with_enumeration(self, model: Quadratic) -> None:
        states = all_states(len(model.linear))
        expected = [model.energy(x) for x in states]
        for qubo in forms_of(model):
            np.testing.assert_allclose(qubo.energies(states), expected, atol=1e-9)

    @given(gram_models())
    def test_the_gram_form_and_what_is_written_out_of_it_agree_with_enumeration(self, model: Multipliers) -> None:
        qubo = model.qubo()
        states = all_states(qubo.num_variables)
        expected = [model.energy(x) for x in states]
        for form in (qubo, qubo.to_dense(), qubo.to_sparse(), as_qubo(qubo.to_bqm())):
            np.testing.assert_allclose(form.energies(states), expected, rtol=1e-12, atol=1e-6)

    @given(quadratics())
    def test_the_field_is_what_a_single_flip_costs(self, model: Quadratic) -> None:
        for qubo in forms_of(model)[:2]:
            check_field(qubo, all_states(len(model.linear)))

    @given(gram_models())
    def test_the_field_of_the_gram_form_is_what_a_single_flip_costs(self, model: Multipliers) -> None:
        check_field(model.qubo(), all_states(model.qubo().num_variables))

    @pytest.mark.parametrize("form", ["dense", "sparse", "gram"])
    def test_energies_are_float64_one_a_read(self, form: str) -> None:
        qubo = one_of_each(np.float32)[form]
        energies = qubo.energies(np.zeros((3, 4), dtype=np.int8))
        assert (energies.dtype, energies.shape) == (np.dtype(np.float64), (3,))
        assert qubo.energies([0, 0, 0, 0]).shape == (1,)

    def test_entries_above_and_below_the_diagonal_add_up(self) -> None:
        assert DenseQubo([[0, 2], [3, 0]]).energies([1, 1]) == [5]

    def test_repeated_entries_of_a_sparse_matrix_add_up(self) -> None:
        twice = scipy.sparse.coo_array(([2.0, 3.0, 1.0], ([0, 0, 1], [1, 1, 1])), shape=(2, 2))
        assert SparseQubo(twice).energies([1, 1]) == [6]

    def test_multipliers_are_the_digits_times_their_weights(self) -> None:
        qubo = GramQubo(np.eye(2), [1.0, 2.0])
        np.testing.assert_array_equal(qubo.multipliers([1, 0, 1, 1]), [[1.0, 3.0]])


def one_of_each(dtype: Any) -> dict[str, Qubo]:
    symmetric = np.array([[2, 1], [1, 3]], dtype=dtype)
    matrix = np.zeros((4, 4), dtype=dtype)
    matrix[0, 1], matrix[2, 3] = 1, -2
    return {
        "dense": DenseQubo(matrix),
        "sparse": SparseQubo(scipy.sparse.csr_array(matrix)),
        "gram": GramQubo(symmetric, [1, 2]),
    }


class TestRoundTrips:
    @pytest.mark.parametrize("vartype", ["BINARY", "SPIN"])
    @given(model=quadratics())
    def test_dimod_keeps_every_energy(self, vartype: str, model: Quadratic) -> None:
        for qubo in forms_of(model)[:2]:
            bqm = qubo.to_bqm().change_vartype(vartype, inplace=False)
            back = as_qubo(bqm)
            states = all_states(qubo.num_variables)
            assert list(back.labels) == list(qubo.labels)
            np.testing.assert_allclose(back.energies(states), qubo.energies(states), atol=1e-9)
            spins = states if vartype == "BINARY" else 2 * states - 1
            np.testing.assert_allclose(bqm.energies((spins, list(qubo.labels))), qubo.energies(states), atol=1e-9)

    @given(quadratics())
    def test_numpy_and_scipy_keep_every_energy(self, model: Quadratic) -> None:
        states = all_states(len(model.linear))
        expected = [float(x @ model.matrix @ x) for x in states.astype(float)]
        for given_model in (model.matrix, scipy.sparse.csr_matrix(model.matrix), scipy.sparse.dok_array(model.matrix)):
            np.testing.assert_allclose(as_qubo(given_model).energies(states), expected, atol=1e-9)

    def test_a_mapping_as_ocean_writes_it_keeps_labels_and_energies(self) -> None:
        qubo = as_qubo({("a", "a"): -1.0, ("a", "b"): 2.0, ("b", "a"): 0.5})
        assert list(qubo.labels) == ["a", "b"]
        np.testing.assert_array_equal(qubo.energies([[1, 0], [0, 1], [1, 1]]), [-1, 0, 1.5])

    def test_a_float32_gram_matrix_is_not_copied(self) -> None:
        gram = np.eye(3, dtype=np.float32)
        assert np.shares_memory(GramQubo(gram, [1, 2]).gram, gram)

    def test_beside_a_float32_gram_matrix_all_else_is_float64(self) -> None:
        single = np.ones(2, dtype=np.float32)
        qubo = GramQubo(np.eye(2, dtype=np.float32), single, linear=np.eye(2, dtype=np.float32), scale=single)
        assert qubo.weights.dtype == qubo.linear.dtype == qubo.scale.dtype == np.float64

    def test_a_dense_matrix_is_copied_and_keeps_float32(self) -> None:
        matrix = np.eye(3, dtype=np.float32)
        qubo = DenseQubo(matrix)
        matrix[0, 0] = 7
        assert qubo.matrix.dtype == np.float32
        assert qubo.energies([1, 0, 0]) == [1]

    def test_halves_of_single_precision_add_up_in_double(self) -> None:
        large, small = np.float32(1.0), np.float32(1e-9)
        qubo = DenseQubo(np.array([[0, large], [small, 0]], np.float32))
        whole = float(large) + float(small)
        assert qubo.energies([1, 1]) == [whole]
        assert qubo.to_sparse().energies([1, 1]) == [whole]
        assert qubo.to_bqm().energy({0: 1, 1: 1}) == whole

    def test_a_bqm_of_few_couplings_becomes_sparse_and_one_of_many_dense(self) -> None:
        ring = dimod.BinaryQuadraticModel({}, {(i, (i + 1) % 20): 1.0 for i in range(20)}, 0.0, "BINARY")
        assert as_qubo(ring).form == "sparse"
        assert as_qubo(dimod.generators.ran_r(1, 8, seed=0)).form == "dense"

    def test_numbers_in_another_order_stay_with_their_variables(self) -> None:
        qubo = as_qubo(dimod.BinaryQuadraticModel({1: 5.0, 0: -1.0}, {}, 0.0, "BINARY"))
        assert dict(zip(qubo.labels, qubo.energies([[1, 0], [0, 1]]), strict=True)) == {1: 5.0, 0: -1.0}

    @pytest.mark.parametrize("names", ["ab", "abcd"], ids=["dense", "sparse"])
    def test_dimods_exact_numbers_are_taken(self, names: str) -> None:
        """Its DictBQM keeps what it is given."""
        linear = dict.fromkeys(names, 0) | {"a": Fraction(1, 4), "b": 2}
        qubo = as_qubo(dimod.DictBQM(linear, {"ab": Fraction(1, 2)}, Fraction(1, 8), "BINARY"))
        states = np.zeros((2, len(names)))
        states[:, 0], states[1, 1] = 1, 1
        assert qubo.energies(states).tolist() == [0.375, 2.875]

    def test_few_couplings_are_less_than_three_tenths_of_the_pairs(self) -> None:
        """Twenty variables have 190 pairs."""
        names = "abcdefghijklmnopqrst"
        pairs = list(itertools.combinations(names, 2))
        fewer, as_many = (
            as_qubo(dimod.BinaryQuadraticModel(dict.fromkeys(names, 0.0), dict.fromkeys(some, 1.0), 0.0, "BINARY"))
            for some in (pairs[:56], pairs[:57])
        )
        assert (fewer.form, as_many.form) == ("sparse", "dense")
        assert list(fewer.labels) == list(as_many.labels) == list(names)

    def test_labels_are_plain_numbers_and_the_usual_ones_a_range(self) -> None:
        given = DenseQubo(np.eye(2), labels=np.array([7, 4]))  # type: ignore[arg-type]
        assert [(type(label), label) for label in given.labels] == [(int, 7), (int, 4)]
        assert DenseQubo(np.eye(2), labels=[0, 1]).labels == range(2)

    def test_matrices_are_kept_row_by_row_as_solvers_read_them(self) -> None:
        columns = np.asfortranarray(np.eye(3))
        assert DenseQubo(columns).matrix.flags.c_contiguous
        assert GramQubo(columns, [1]).gram.flags.c_contiguous

    def test_a_problem_is_asked_for_its_model(self) -> None:
        class Cost:
            def to_qubo(self) -> dict[tuple[str, str], float]:
                return {("a", "a"): 3.0}

        assert as_qubo(Cost()).energies([1]) == [3]

    def test_every_form_gives_its_labels_to_every_other(self) -> None:
        names = ["a", "b", "c", "d"]
        for qubo in (
            DenseQubo(np.ones((4, 4)), labels=names),
            SparseQubo(scipy.sparse.csr_array(np.ones((4, 4))), labels=names),
            GramQubo(np.eye(2), [1.0, 2.0], labels=names),
        ):
            for form in (qubo.to_dense(), qubo.to_sparse(), as_qubo(qubo.to_bqm())):
                assert list(form.labels) == names

    def test_costs_of_digits_are_a_table_or_one_row(self) -> None:
        table = [[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]
        for linear in (table, np.ravel(table)):
            np.testing.assert_array_equal(GramQubo(np.zeros((2, 2)), [1, 2, 4], linear=linear).linear, table)

    def test_a_model_shows_its_form_and_size(self) -> None:
        models = one_of_each(np.float64)
        assert repr(models["dense"]) == "DenseQubo(4 variables)"
        assert repr(models["sparse"]) == "SparseQubo(4 variables, 2 couplings)"
        assert repr(models["gram"]) == "GramQubo(2 points x 2 digits)"

    def test_a_notebook_shows_the_name_ranges_and_coefficients_of_every_form(self) -> None:
        """One digit worth 2: 2^2 / 2 times the diagonal of the Gram matrix, 2^2 times the rest."""
        gram = GramQubo([[2, 1], [1, 3]], [2.0], offset=7)
        for model in (gram, gram.to_dense(), gram.to_sparse()):
            text = " ".join(re.sub("<[^>]+>", " ", model._repr_html_()).split())
            assert text.startswith(f"{type(model).__name__} variables 2 ")
            assert text.endswith("couplings 1 of 1 (100 %) linear terms 4 to 6 coupling terms 4 offset 7 0 1 0 4 4 1 6")

    @pytest.mark.parametrize("form", ["dense", "sparse", "gram"])
    def test_a_model_cannot_be_changed(self, form: str) -> None:
        qubo = one_of_each(np.float64)[form]
        array = {"dense": "matrix", "sparse": "linear", "gram": "gram"}[form]
        with pytest.raises(ValueError, match="read-only"):
            getattr(qubo, array)[0] = 1


class TestSize:
    def test_the_gram_form_refuses_to_be_written_out_past_the_limit(self) -> None:
        qubo = GramQubo(np.eye(6000, dtype=np.float32), [1, 2, 4])
        assert qubo.num_variables == 18_000 > DENSE_LIMIT
        with pytest.raises(ModelTooLarge, match=r"18000 variables needs 2\.4 GiB; the limit is 16384"):
            qubo.to_dense()

    def test_the_limit_can_be_given(self) -> None:
        with pytest.raises(ModelTooLarge, match="the limit is 3 variables"):
            GramQubo(np.eye(2), [1, 2]).to_dense(limit=3)
        assert GramQubo(np.eye(2), [1, 2]).to_dense(limit=4).num_variables == 4

    @pytest.mark.parametrize("method", ["energies", "field"])
    def test_a_gram_model_is_evaluated_without_being_written_out(self, method: str) -> None:
        points, digits = 2000, 4
        written_out = 8 * (points * digits) ** 2
        qubo = GramQubo(np.eye(points, dtype=np.float32), 2.0 ** np.arange(digits))
        states = np.ones((10, points * digits), dtype=np.int8)
        tracemalloc.start()
        getattr(qubo, method)(states)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < written_out / 40
        assert qubo.energies(states)[0] == points * 15**2 / 2

    def test_more_points_than_are_looked_at_together(self) -> None:
        rng = np.random.default_rng(0)
        gram = rng.normal(size=(600, 600))
        gram += gram.T
        states = rng.integers(0, 2, (3, 600))
        expected = [x @ gram @ x / 2 for x in states.astype(float)]
        np.testing.assert_allclose(GramQubo(gram, [1.0]).energies(states), expected)

    def test_a_dense_model_is_built_no_slower_than_a_bqm(self) -> None:
        matrix = np.random.default_rng(0).normal(size=(2000, 2000))

        def best_of_three(build: Callable[[], object]) -> float:
            times = []
            for _ in range(3):
                started = perf_counter()
                build()
                times.append(perf_counter() - started)
            return min(times)

        ours = best_of_three(lambda: DenseQubo(matrix).couplings)
        assert ours <= best_of_three(lambda: dimod.BinaryQuadraticModel(matrix, "BINARY"))


NAN = float("nan")
MALFORMED: dict[str, tuple[Callable[[], object], str]] = {
    "NaN": (lambda: DenseQubo([[NAN]]), "matrix holds 1 value.* NaN"),
    "infinity": (lambda: DenseQubo([[1, np.inf], [0, 0]]), "infinity"),
    "opposite infinities": (lambda: DenseQubo([[-np.inf, np.inf], [0, 0]]), "2 value.* infinity"),
    "not square": (lambda: DenseQubo(np.zeros((2, 3))), r"matrix must be square, \(n, n\), found shape \(2, 3\)"),
    "a vector": (lambda: DenseQubo([1.0, 2.0]), r"square, \(n, n\), found shape \(2,\)"),
    "three axes": (lambda: DenseQubo(np.zeros((2, 2, 2))), "square"),
    "complex": (lambda: DenseQubo([[1j]]), "complex.*real part"),
    "empty": (lambda: DenseQubo(np.zeros((0, 0))), "empty"),
    "empty list": (lambda: DenseQubo([]), "square"),
    "strings": (lambda: DenseQubo([["a"]]), "real numbers, found dtype <U1"),
    "objects": (lambda: DenseQubo([[None]]), "real numbers, found dtype object"),
    "ragged": (lambda: DenseQubo([[1, 2], [3]]), "rectangular"),
    "repeated labels": (lambda: DenseQubo(np.eye(3), labels=["a", "b", "a"]), r"distinct; repeated: \['a'\]"),
    "repeated labels in an array": (lambda: DenseQubo(np.eye(2), labels=np.array([4, 4])), "distinct"),  # type: ignore[arg-type]
    "too few labels": (lambda: DenseQubo(np.eye(2), labels=["a"]), "1 labels for 2 variables"),
    "labels without a hash": (lambda: DenseQubo(np.eye(2), labels=[[0], [1]]), "hashable"),  # type: ignore[list-item]
    "short linear": (lambda: DenseQubo(np.eye(2), linear=[1]), r"linear must have shape \(2,\), found \(1,\)"),
    "NaN in linear": (lambda: DenseQubo(np.eye(2), linear=[1, NAN]), "linear holds"),
    "ragged linear": (lambda: DenseQubo(np.eye(2), linear=[[1], [1, 2]]), "linear is not a rect"),  # type: ignore[list-item]
    "infinite offset": (lambda: DenseQubo(np.eye(2), offset=np.inf), "offset holds"),
    "vector offset": (lambda: DenseQubo(np.eye(2), offset=[1, 2]), "offset must be one number"),  # type: ignore[arg-type]
    "sparse NaN": (lambda: SparseQubo(scipy.sparse.csr_array([[NAN]])), "matrix holds 1 value.* NaN"),
    "sparse not square": (lambda: SparseQubo(scipy.sparse.csr_array((2, 3))), "matrix must be square"),
    "sparse short linear": (
        lambda: SparseQubo(scipy.sparse.eye_array(2), linear=[1]),
        r"linear must have shape \(2,\)",
    ),
    "sparse infinite offset": (lambda: SparseQubo(scipy.sparse.eye_array(2), offset=np.inf), "offset holds"),
    "sparse complex": (lambda: SparseQubo(scipy.sparse.csr_array([[1j]])), "complex"),
    "sparse empty": (lambda: SparseQubo(scipy.sparse.csr_array((0, 0))), "empty"),
    "sparse vector": (lambda: SparseQubo(scipy.sparse.coo_array([1.0, 2.0])), "square"),
    "dense given as sparse": (lambda: SparseQubo(np.eye(2)), "use DenseQubo"),  # type: ignore[arg-type]
    "gram not symmetric": (lambda: GramQubo([[1, 2], [3, 1]], [1]), r"gram must be symmetric; use \(gram \+ gram.T\)"),
    "gram NaN": (lambda: GramQubo([[NAN]], [1]), "gram holds"),
    "gram not square": (lambda: GramQubo(np.zeros((1, 2)), [1]), "gram must be square"),
    "gram empty": (lambda: GramQubo(np.zeros((0, 0)), [1]), "gram is empty"),
    "NaN in weights": (lambda: GramQubo(np.eye(2), [1, NAN]), "weights holds"),
    "infinite shift": (lambda: GramQubo(np.eye(2), [1], shift=np.inf), "shift holds"),
    "gram infinite offset": (lambda: GramQubo(np.eye(2), [1], offset=np.inf), "offset holds"),
    "no digits": (lambda: GramQubo(np.eye(2), []), "one value a digit"),
    "a table of digits": (lambda: GramQubo(np.eye(2), [[1, 2]]), "one value a digit"),
    "gram linear transposed": (
        lambda: GramQubo(np.eye(2), [1, 2, 4], linear=np.zeros((3, 2))),
        r"linear must have shape \(2, 3\) or \(6,\), found \(3, 2\)",
    ),
    "gram linear ragged": (lambda: GramQubo(np.eye(2), [1], linear=[[1], [1, 2]]), "linear is not a rect"),  # type: ignore[list-item]
    "gram scale short": (lambda: GramQubo(np.eye(2), [1], scale=[1]), r"scale must have shape \(2,\)"),
    "gram labels count digits": (lambda: GramQubo(np.eye(2), [1, 2], labels=[0, 1]), "2 labels for 4 variables"),
    "states too short": (lambda: DenseQubo(np.eye(2)).energies([1]), r"states must have shape \(reads, 2\)"),
    "spins for states": (lambda: DenseQubo(np.eye(2)).energies([-1, 1]), "zeros and ones"),
    "states ragged": (lambda: DenseQubo(np.eye(2)).energies([[1, 0], [1]]), "states is not a rect"),  # type: ignore[list-item]
    "mapping not of pairs": (lambda: as_qubo({0: 1.0}), "mapping must be"),
    "mapping of words": (lambda: as_qubo({("a", "b"): "much"}), "mapping must be"),
    "mapping NaN": (lambda: as_qubo({(0, 1): NAN}), "NaN"),
    "mapping empty": (lambda: as_qubo({}), "empty"),
    "BQM empty": (lambda: as_qubo(dimod.BinaryQuadraticModel("SPIN")), "empty"),
    "a list": (lambda: as_qubo([[1, 2], [3, 4]]), "found list"),
    "a number": (lambda: as_qubo(3), "found int"),
    "nothing": (lambda: as_qubo(None), "found NoneType"),
    "a class": (lambda: as_qubo(DenseQubo), "says no QUBO"),
    "a file's name": (lambda: as_qubo("G1.mc"), r"found str, which says no QUBO; hqml\.io\.read\(path\)"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_model_says_what_is_wrong(case: str) -> None:
    build, message = MALFORMED[case]
    with pytest.raises(ModelError, match=message) as caught:
        build()
    assert isinstance(caught.value, HqmlError)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value).splitlines()) == 1


def test_entries_given_twice_may_add_up_to_infinity_without_a_warning() -> None:
    for row, column in ((0, 0), (0, 1)):
        twice = scipy.sparse.coo_array(([1.7e308, 1.7e308], ([row, row], [column, column])), shape=(2, 2))
        model = SparseQubo(twice)
        assert model.energies([1, 1]) == [np.inf]


def test_a_large_sum_is_not_taken_for_infinity() -> None:
    assert DenseQubo(np.full((2, 2), 1e308) * [[1, 0], [0, 1]]).energies([1, 0]) == [1e308]
    assert DenseQubo(np.full((2, 2), 3e38, dtype=np.float32)).linear[0] == pytest.approx(3e38)
