"""A BiLSTM student's weights as the C kernel reads them: quantized, and in the order of its loops.

Embeddings become codes of 8 bits with a scale and a zero per column, and each column of a matrix
codes of 8 bits around zero with a scale. Scales and zeros of the embeddings go into the kernel and
the bias of the LSTM. Inputs and states have scales of their own: with one for both, the larger of
the two decided how coarse the other was, and F1 fell by 0.1. A gate's sum is `sum(h * state)` plus
its bias plus `ratio * sum(x * input)`, all in units of the state's weights.

Sigmoid and tanh are lines on 64 segments, gelu (the tanh form) parabolas on 32; outside of -4 to 4
tanh, and outside of -8 to 8 sigmoid, stay as they are there.
"""

from collections.abc import Callable, Mapping

import numpy as np

from xtremedistil.runtime.errors import ConfigError
from xtremedistil.students.shape import StudentShape

# Sums of codes and weights stay below it, so that they are exact in float32 too.
MOST_SUM = 1 << 24
# Four weights, two of a word and the same two of the next, whose products AVX2 adds in 16 bits: 128
# times as much fits there.
MOST_OF_FOUR = 255
_MAGIC = 0x314E4458
_LINE, _WORD, _UNITS, _COLUMNS, _GATES = 64, 4, 8, 32, 4
_TOP, _CODE = 127, 128  # of a weight, and the largest size of an input's or a state's code
_MOST_SIZE = 1 << 16
# Gates are in 2^-13, sigmoids of half the argument.
_GATE_UNIT = 8192 * np.array([0.5, 0.5, 1.0, 0.5])
_MOST_GATE = 1 << 18
_SEGMENTS, _GELU_SEGMENTS = 64, 32
# Chebyshev's nodes, where a parabola is fitted.
_NODES = np.cos(np.pi * (np.arange(64) + 0.5) / 64)


def pack(shape: StudentShape, weights: Mapping[str, np.ndarray], head: str) -> bytes:
    """The kernel's file of a student whose encoder is one bidirectional LSTM (see `kernel/file.c`).

    Args:
        shape: its sizes.
        weights: by name, as in its folder.
        head: the head that it kept.

    Raises:
        ConfigError: the student is too wide, or its weights are too large.
    """
    _check(shape, weights)
    arrays = _embeddings_and_lstm(shape, weights)
    projected = shape.heads_on == "projection" and shape.projection == "gelu"
    arrays += _projection(shape, weights) if projected else []
    arrays += _head(shape, weights, head, projected)
    arrays += [_curves(), _gelu_table()]
    header = np.zeros(16, np.int32)
    sizes = (shape.vocabulary_size, shape.embedding_dim, shape.hidden_size)
    width = shape.teacher_width if projected else 0
    last_state = int(shape.task == "classification")
    header[:7] = _MAGIC, *sizes, width, shape.classes, last_state
    return b"".join(_in_lines(array) for array in (header, *arrays))


def _check(shape: StudentShape, weights: Mapping[str, np.ndarray]) -> None:
    for name in ("embedding_dim", "hidden_size", "teacher_width", "classes"):
        if (size := getattr(shape, name)) > _MOST_SIZE:
            raise ConfigError(
                f"the native export has sizes up to {_MOST_SIZE:,}. Received: {name}={size:,}"
            )
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise ConfigError(f"weights are finite. Received: {name} with others")


def _in_lines(array: np.ndarray) -> bytes:
    """Its bytes, filled up to a whole line of the processor's cache."""
    content = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
    return content + bytes(-len(content) % _LINE)


def _embeddings_and_lstm(
    shape: StudentShape, weights: Mapping[str, np.ndarray]
) -> list[np.ndarray]:
    table = weights["embeddings/embeddings"].astype(np.float64)
    low = table.min(axis=0)
    unit = np.maximum(table.max(axis=0) - low, 1e-12) / 255
    arrays = [np.round((table - low) / unit).astype(np.uint8)]
    # Where products are exact: a weight's error counts by the distance from here, so near zero.
    middle = np.clip(0, low, table.max(axis=0))
    middle_codes = (middle - low) / unit - _CODE
    for side, cell in zip(("forward", "backward"), shape.kind.lstm(weights), strict=True):
        kernel, recurrent, bias = (
            part.astype(np.float64) for part in (cell.kernel, cell.recurrent_kernel, cell.bias)
        )
        inputs, input_scale = _quantized(kernel * unit[:, None])
        bias = bias + middle @ kernel - middle_codes @ inputs * input_scale
        room = np.abs(bias) + _CODE * np.abs(inputs).sum(axis=0) * input_scale
        states, state_scale = _quantized(recurrent / _TOP, room)
        bias = np.round(bias / state_scale)
        ratio = (input_scale / state_scale).astype(np.float32)
        sums = np.abs(bias) + _CODE * (np.abs(inputs).sum(0) * ratio + np.abs(states).sum(0))
        scale = state_scale * np.repeat(_GATE_UNIT, shape.hidden_size)
        _check_gates(sums * state_scale, f"{side} LSTM")
        arrays += [
            _blocks(_by_unit(inputs)),
            _blocks(_by_unit(states)),
            _by_unit(ratio[None])[0],
            _by_unit(bias[None].astype(np.int32))[0],
            _by_unit(scale[None].astype(np.float32))[0],
        ]
    return arrays


def _projection(shape: StudentShape, weights: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    bias = weights["projection/bias"].astype(np.float64)
    kernel = weights["projection/kernel"].astype(np.float64) / _TOP
    codes, scale = _quantized(_by_direction(kernel, _WORD), np.abs(bias))
    bias = np.round(bias / scale)
    return [
        _blocks(_padded(codes, _COLUMNS, 1)),
        _padded(bias.astype(np.int32), _COLUMNS, 0),
        _padded(scale.astype(np.float32), _COLUMNS, 0),
    ]


def _head(
    shape: StudentShape, weights: Mapping[str, np.ndarray], head: str, projected: bool
) -> list[np.ndarray]:
    """Kernel `(classes, features)` and bias; a linear projection below it is multiplied in."""
    kernel = weights[f"{head}/kernel"].astype(np.float64)
    bias = weights[f"{head}/bias"].astype(np.float64)
    if projected:
        kernel = _padded(kernel, _COLUMNS, 0)
    else:
        if shape.heads_on == "projection":
            bias = bias + weights["projection/bias"].astype(np.float64) @ kernel
            kernel = weights["projection/kernel"].astype(np.float64) @ kernel
        kernel = _by_direction(kernel / _TOP, 2 * _UNITS)
    return [kernel.T.astype(np.float32), bias.astype(np.float32)]


def _quantized(values: np.ndarray, room: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Weights as codes from -127 to 127, and the scale of each column.

    Args:
        values: `(inputs, columns)` float64: what one unit of a code of each input adds.
        room: `(columns,)` what else may be in a column's sum.

    Returns:
        Codes `(inputs, columns)` int8, and `(columns,)` float64. The scale is that of the largest
        weight, or, where sums would leave their range, a coarser one.
    """
    sums = _CODE * np.abs(values).sum(axis=0) + room
    scale = np.maximum(np.abs(values).max(axis=0) / _TOP, sums / (MOST_SUM // 2))
    scale = np.where(scale > 0, scale, 1.0)
    while True:
        codes = np.round(values / scale)
        too_large = _largest_four(codes) / MOST_OF_FOUR
        if (too_large <= 1).all():
            return codes.astype(np.int8), scale
        scale = scale * np.maximum(too_large, 1)


def _largest_four(codes: np.ndarray) -> np.ndarray:
    """The largest sum of sizes, in each column, of half a word of codes and of half the next."""
    halves = np.abs(_padded(codes, _WORD, 0)).reshape(-1, 2, _WORD // 2, codes.shape[1]).sum(axis=2)
    return (halves[:-1] + halves[1:]).max(axis=(0, 1), initial=0)


def _check_gates(gates: np.ndarray, name: str) -> None:
    """The kernel rounds gates to int32, in 2^-13, before it cuts them off."""
    if not (most := gates.max()) < _MOST_GATE:
        raise ConfigError(
            f"the native export's gates stay below {_MOST_GATE:,} before activation, whatever the "
            f"text. Received: {name} with up to {most:,.0f}"
        )


def _padded(values: np.ndarray, multiple: int, axis: int) -> np.ndarray:
    """With zeros at the end of an axis, so that `multiple` divides its length."""
    more = [(0, 0)] * values.ndim
    more[axis] = (0, -values.shape[axis] % multiple)
    return np.pad(values, more)


def _by_direction(values: np.ndarray, multiple: int) -> np.ndarray:
    """A matrix on the states of both directions, each of them filled up with zeros."""
    parts = values.reshape(2, -1, values.shape[1])
    return np.concatenate([_padded(part, multiple, 0) for part in parts])


def _by_unit(values: np.ndarray) -> np.ndarray:
    """Columns `(rows, gates x units)` in blocks of eight units of each gate; more units are 0."""
    gates = _padded(values.reshape(len(values), _GATES, -1), _UNITS, 2)
    blocks = gates.reshape(len(values), _GATES, -1, _UNITS)
    return blocks.transpose(0, 2, 1, 3).reshape(len(values), -1)


def _blocks(codes: np.ndarray) -> np.ndarray:
    """A matrix `(inputs, columns)` as `(blocks, words, 32 columns, 4 inputs)`."""
    words = _padded(codes, _WORD, 0).reshape(-(-len(codes) // _WORD), _WORD, -1, _COLUMNS)
    return words.transpose(2, 0, 3, 1)


def _curves() -> np.ndarray:
    """`(3, 2, 64)` int16: of each curve, value at 0 and slope of the line on each segment."""

    def sigmoid_of_twice(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-2 * x))

    curves = ((sigmoid_of_twice, 14), (np.tanh, 12), (np.tanh, 13))
    tables = np.stack([_lines(curve, bits) for curve, bits in curves])
    return np.clip(np.round(tables), -(1 << 15), (1 << 15) - 1).astype(np.int16)


def _lines(curve: Callable[[np.ndarray], np.ndarray], bits: int) -> np.ndarray:
    """Lines that touch a curve from -4 to 4 with the least largest error on each of 64 segments.

    Args:
        curve: monotone, without a turn inside a segment.
        bits: of the value's fraction; slopes have 15 bits more than values have above arguments.

    Returns:
        `(2, 64)` values at 0 and slopes, by the segment's number modulo 64.
    """
    begin = np.arange(-_SEGMENTS // 2, _SEGMENTS // 2)[:, None] / 8
    x = begin + np.linspace(0, 1 / 8, 257)
    y = curve(x)
    slope = (y[:, -1:] - y[:, :1]) * 8
    rest = y - slope * x
    value = (rest.max(axis=1) + rest.min(axis=1)) / 2
    table = np.stack([value * 2.0**bits, slope[:, 0] * 2.0 ** (bits - 13 + 15)])
    return np.roll(table, _SEGMENTS // 2, axis=1)


def _gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _gelu_table() -> np.ndarray:
    """`(3, 32)` float32: coefficients of 1, x and x^2 on each quarter from -4 to 4, by its number
    modulo 32; beyond, gelu is 0 or x."""
    table = np.empty((3, _GELU_SEGMENTS))
    half = _GELU_SEGMENTS // 2
    for segment in range(-half, half):
        x = (segment + 0.5) / 4 + _NODES / 8
        table[:, segment] = np.polynomial.polynomial.polyfit(x, _gelu(x), 2)
    table[:, -half], table[:, half - 1] = (0, 0, 0), (0, 1, 0)
    return table.astype(np.float32)
