"""Adam whose work on an embedding table is that of the rows in the batch, with the weights of Adam.

A step of Adam (Kingma and Ba, 2015) moves every row of a table, since the moments of a row without
a gradient decay and go on moving it. But they decay by known powers, so that a row can be left
alone until a batch reads it, and be given then what it missed. After `s` updates, of which the last
left the moments m and v, update `s + j` without a gradient subtracts (a is the rate, bias
corrections included, and c the root of beta_2)

    a[s + j] * m * beta_1^j / (u * c^j + epsilon)          u = sqrt(v)
        = a[s + j] * beta_1^j * m / (u + epsilon) * (1 + w * d + (w * d)^2 + ...)

with w = u / (u + epsilon) and d = 1 - c^j. Only m, u and w are the row's own: what it missed is a
polynomial in w whose coefficients are sums over the rates of the steps in between. beta_1^j is
below 1e-9 after 200 steps and d is 0.1 then, so that 200 steps and four terms are exact to the
rounding of float32.
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

_STEPS, _TERMS = 200, 4
_ROWS_AT_ONCE = 1 << 14


class LazyAdam(keras.optimizers.Adam):
    """Adam that is told which variables are tables, and when their rows are read.

    With no tables, or not lazy and with one rate for all, it is Keras's Adam. Lazy on one device
    only: rows are not caught up on replicas. But training may go on from what the other kind has
    saved (`take_up`).

    Attributes:
        tables: variables `(rows, ...)` whose gradients are those of `tf.gather`; set before the
            optimizer is built.
        lazy: whether their rows are left alone until a batch reads them; set likewise.
    """

    def __init__(
        self,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        steps: int,
        table_rate: float = 1.0,
        **kwargs: float,
    ):
        """Of no tables yet.

        Args:
            schedule: of the learning rate.
            steps: that will be made at the most.
            table_rate: by which the learning rate of tables is multiplied.
            kwargs: `beta_1`, `beta_2`, `epsilon`.
        """
        super().__init__(schedule, **kwargs)
        self.tables: Sequence[keras.Variable] = ()
        self.lazy = True
        self._table_rate = table_rate
        number = tf.range(1, steps + 1, dtype=tf.float32)
        rates = schedule(number - 1) * tf.sqrt(1 - self.beta_2**number) / (1 - self.beta_1**number)
        # in float32 throughout, as Keras has them
        self._rates = np.pad(rates * np.float32(table_rate), (0, _STEPS))
        ahead = np.arange(1, _STEPS + 1, dtype=np.float64)[:, None]
        slower = 1 - self.beta_2 ** (ahead / 2)
        self._powers = (self.beta_1**ahead * slower ** np.arange(_TERMS)).astype(np.float32)

    def build(self, var_list: Sequence[keras.Variable]) -> None:
        """Adds to the variables of Adam, for each table, the update that each row has seen last."""
        super().build(var_list)
        self._seen = {
            self._get_variable_index(table): self.add_variable(
                (table.shape[0],), "zeros", dtype="int32", name=f"{table.name}_seen"
            )
            for table in (self.tables if self.lazy else ())
        }

    @property
    def last_seen(self) -> list[keras.Variable]:
        """`(rows,)` int32 of each table: the update that each row has seen last; the last of the
        optimizer's variables. Of one that is not lazy, none."""
        return list(self._seen.values())

    def take_up(self, last_seen: Sequence[np.ndarray]) -> None:
        """Makes tables and moments right after they were read from a state, whose training may
        have been lazy where this one is not, or the other way round.

        Args:
            last_seen: what the state had of it; nothing from a training that was not lazy.
        """
        now = int(self.iterations.numpy())
        for number, table in enumerate(self.tables):
            index = self._get_variable_index(table)
            if self.lazy:
                seen = last_seen[number] if last_seen else np.full(table.shape[0], now, np.int32)
                self._seen[index].assign(seen)
            elif last_seen:
                parts = (table, self._momentums[index], self._velocities[index])
                old = [part.numpy() for part in parts]
                for start in range(0, table.shape[0], _ROWS_AT_ONCE):
                    rows = slice(start, start + _ROWS_AT_ONCE)
                    found = self._caught_up(*(o[rows] for o in old), last_seen[number][rows], now)
                    for values, caught_up in zip(old, found, strict=True):
                        values[rows] = caught_up
                for part, values in zip(parts, old, strict=True):
                    part.assign(values)

    def catch_up(self, rows: tf.Tensor) -> None:
        """Gives rows of every table what they missed; to be called before they are read.

        Args:
            rows: of any shape, integers.
        """
        rows, _ = tf.unique(tf.reshape(rows, (-1,)))
        for table in self.tables:
            self._catch_up(table, rows)

    def catch_up_all(self) -> None:
        """Gives all rows of every table what they missed."""
        for table in self.tables:
            number = table.shape[0]
            for start in range(0, number, _ROWS_AT_ONCE):
                self._catch_up(table, tf.range(start, min(number, start + _ROWS_AT_ONCE)))

    def _catch_up(self, table: keras.Variable, rows: tf.Tensor) -> None:
        index = self._get_variable_index(table)
        first, second = self._momentums[index].value, self._velocities[index].value
        seen, now = self._seen[index].value, tf.cast(self.iterations, tf.int32)
        old = (tf.gather(values, rows) for values in (table.value, first, second, seen))
        found = self._caught_up(*old, now)
        for variable, values in zip((table.value, first, second), found, strict=True):
            _scatter(variable, rows, values)
        _scatter(seen, rows, tf.fill(tf.shape(rows), now))

    def _caught_up(
        self, p: tf.Tensor, m: tf.Tensor, v: tf.Tensor, since: tf.Tensor, now: tf.Tensor | int
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Rows of a table and their moments, `(rows, ...)`, after `now` updates, of which they have
        seen the first `since`, `(rows,)` int32."""
        missed = (now - since)[:, None]
        ahead = tf.range(_STEPS)
        rates = tf.where(ahead < missed, tf.gather(self._rates, since[:, None] + ahead), 0.0)
        terms = tf.unstack(tf.matmul(rates, self._powers)[..., None], axis=1)
        root = tf.sqrt(v)
        share, moved = root / (root + self.epsilon), terms[-1]
        for term in terms[-2::-1]:
            moved = moved * share + term
        passed = tf.cast(missed, tf.float32)
        left = p - m / (root + self.epsilon) * moved
        return left, m * self.beta_1**passed, v * self.beta_2**passed

    def update_step(
        self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable, rate: tf.Tensor
    ) -> None:
        """One update: of a table, its rows in the gradient, which are up to date."""
        index = self._get_variable_index(variable)
        if index not in self._seen:
            is_table = any(index == self._get_variable_index(table) for table in self.tables)
            super().update_step(gradient, variable, rate * self._table_rate if is_table else rate)
            return
        rows, places = tf.unique(gradient.indices)
        number = tf.size(rows)
        total = tf.math.unsorted_segment_sum(gradient.values, places, number)
        # as Keras: of a row that a batch reads twice, the squares of both gradients, not of the sum
        squares = tf.math.unsorted_segment_sum(tf.square(gradient.values), places, number)
        first, second = self._momentums[index].value, self._velocities[index].value
        m, v = tf.gather(first, rows), tf.gather(second, rows)
        m += (total - m) * (1 - self.beta_1)
        v += (squares - v) * (1 - self.beta_2)
        moved = m * tf.gather(self._rates, self.iterations) / (tf.sqrt(v) + self.epsilon)
        _scatter(variable, rows, tf.gather(variable, rows) - moved)
        _scatter(first, rows, m)
        _scatter(second, rows, v)
        now = tf.cast(self.iterations, tf.int32)
        _scatter(self._seen[index].value, rows, tf.fill(tf.shape(rows), now + 1))


def _scatter(variable: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
    variable.scatter_update(tf.IndexedSlices(values, rows))
