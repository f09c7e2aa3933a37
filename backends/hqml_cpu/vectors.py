"""Whole vectors of neighbouring array entries, for the kernels.

numba's loops become vectors too, but only behind checks that arrays do not overlap, made anew at each loop. Where a
loop is one or two registers long, the checks cost more than the work: written as vectors the sparse kernel is 1.5 to 6
times as fast (G1, G22, G14). Entries are read before any is written. None may lie outside the array: the caller sees to
that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_INDEX = ir.IntType(64)


def _vectorised(definition: Callable[..., Any]) -> Any:
    """An intrinsic of numba whose whole numbers may be constants of the caller. Its callers see no type: its definition
    has one argument more than its call."""
    return intrinsic(prefer_literal=True)(definition)


@_vectorised
def add_scaled(typing_context, target, offset, source, factor, lanes):  # type: ignore[no-untyped-def]
    """`target.flat[offset:offset + lanes] += factor * source[:lanes]`; `lanes` is a constant."""
    signature = types.void(target, types.intp, source, target.dtype, lanes)

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        into = _Lanes(context, builder, signature.args[0], arguments[0], arguments[1], lanes.literal_value)
        given = _Lanes(context, builder, signature.args[2], arguments[2], _INDEX(0), lanes.literal_value)
        factors = into.filled_with(arguments[3])
        if into.floating:
            into.store(builder.fadd(into.load(), builder.fmul(given.load(), factors)))
        else:
            into.store(builder.add(into.load(), builder.mul(given.load(), factors)))
        return context.get_dummy_value()

    return signature, code


@_vectorised
def flips_of(typing_context, sign, field, offset, thresholds, place, lanes):  # type: ignore[no-untyped-def]
    """Bit k is set where `sign * field < thresholds` at `offset + k` and `place + k`: (lanes <= 64 bits) as uint64.

    The entries of `sign` are -1 or +1.
    """
    signature = types.uint64(sign, field, types.intp, thresholds, types.intp, lanes)

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        count = lanes.literal_value
        signs = _Lanes(context, builder, signature.args[0], arguments[0], arguments[2], count)
        fields = _Lanes(context, builder, signature.args[1], arguments[1], arguments[2], count)
        limits = _Lanes(context, builder, signature.args[3], arguments[3], arguments[4], count)
        flip = _passes(builder, signs, fields.load(), limits.load())
        return _resized(builder, builder.bitcast(flip, ir.IntType(count)))

    return signature, code


@_vectorised
def flip_lanes(typing_context, sign, field, offset, thresholds, place, change, lanes):  # type: ignore[no-untyped-def]
    """Flip where `sign * field < thresholds`: `change` becomes the old sign there and 0 elsewhere, `sign` is turned.

    The entries of `sign` are -1 or +1. Returns how many were flipped.
    """
    signature = types.int64(sign, field, types.intp, thresholds, types.intp, change, lanes)

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        count = lanes.literal_value
        signs = _Lanes(context, builder, signature.args[0], arguments[0], arguments[2], count)
        fields = _Lanes(context, builder, signature.args[1], arguments[1], arguments[2], count)
        limits = _Lanes(context, builder, signature.args[3], arguments[3], arguments[4], count)
        changes = _Lanes(context, builder, signature.args[5], arguments[5], _INDEX(0), count)
        before = signs.load()
        flip = _passes(builder, signs, fields.load(), limits.load())
        changes.store(builder.select(flip, before, signs.zero))
        signs.store(builder.select(flip, signs.negative(before), before))
        flipped = builder.ctpop(builder.bitcast(flip, ir.IntType(count)))
        return _resized(builder, flipped)

    return signature, code


@_vectorised
def trailing_zeros(typing_context, bits):  # type: ignore[no-untyped-def]
    """Position of the lowest bit that is set in a uint64 that is not 0."""

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.uint64), code


class _Lanes:
    """So many entries of an array from an offset on, as one vector."""

    def __init__(self, context: Any, builder: Any, array: Any, value: Any, offset: Any, lanes: int) -> None:
        proxy: Any = cgutils.create_struct_proxy
        data = proxy(array)(context, builder, value=value).data
        element = context.get_data_type(array.dtype)
        self._builder, self._lanes = builder, lanes
        self._size = context.get_abi_sizeof(element)
        self.type = ir.VectorType(element, lanes)
        self.floating = isinstance(element, ir.FloatType | ir.DoubleType)
        self.zero = ir.Constant(self.type, None)
        self._pointer = builder.bitcast(builder.gep(data, [offset]), self.type.as_pointer())

    def load(self) -> Any:
        loaded = self._builder.load(self._pointer)
        loaded.align = self._size
        return loaded

    def store(self, vector: Any) -> None:
        self._builder.store(vector, self._pointer).align = self._size

    def negative(self, vector: Any) -> Any:
        return self._builder.fsub(self.zero, vector) if self.floating else self._builder.sub(self.zero, vector)

    def filled_with(self, scalar: Any) -> Any:
        one = self._builder.insert_element(self.zero, scalar, ir.IntType(32)(0))
        return self._builder.shuffle_vector(
            one, self.zero, ir.Constant(ir.VectorType(ir.IntType(32), self._lanes), None)
        )


def _passes(builder: Any, signs: _Lanes, field: Any, limit: Any) -> Any:
    """Where sign * field < limit. Whole fields are negated, not multiplied: there is no product of 8-bit vectors."""
    if signs.floating:
        return builder.fcmp_ordered("<", builder.fmul(signs.load(), field), limit)
    cost = builder.select(builder.icmp_signed(">", signs.load(), signs.zero), field, signs.negative(field))
    return builder.icmp_signed("<", cost, limit)


def _resized(builder: Any, bits: Any) -> Any:
    """A whole number of any width in 64 bits."""
    width = bits.type.width
    return bits if width == 64 else builder.zext(bits, _INDEX) if width < 64 else builder.trunc(bits, _INDEX)
