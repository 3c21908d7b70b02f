"""The strategies of Table 3 as data: a list of stages, each a list of steps.

A step trains some layers on some losses. Adding a strategy means adding stages here, not an `if` in
the trainer.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from xtremedistil.config import DistillationConfig
from xtremedistil.distil.losses import LABELS, LOGITS, LOSSES, REPRESENTATION
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.students.student import LABEL_HEAD, LOGIT_HEAD, UNFREEZING_ORDER


@dataclass(frozen=True)
class Stage:
    """A part of a strategy with one set of losses.

    Attributes:
        losses: of `representation`, `logits` (both on the transfer set) and `labels` (on the
            labeled set).
        unfreeze: whether layers unfreeze one by one from the top (Section 5.3), or train end to
            end.
    """

    losses: tuple[str, ...]
    unfreeze: bool = False

    @property
    def epochs_of(self) -> str:
        """The loss whose `--*_epochs` flag counts this stage's epochs: the last on the transfer
        set, if any."""
        return next((loss for loss in (LOGITS, REPRESENTATION) if loss in self.losses), LABELS)

    @property
    def head(self) -> str:
        """The head that predicts during and after the stage."""
        return LABEL_HEAD if LABELS in self.losses else LOGIT_HEAD


@dataclass(frozen=True)
class Strategy:
    """A named way to distil.

    Attributes:
        name: as in Table 3.
        stages: one after the other, numbered from 1.
        per_language: one student per language, scored together (D0).
    """

    name: str
    stages: tuple[Stage, ...]
    per_language: bool = False


_REPRESENTATION = Stage((REPRESENTATION,))
STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy("D0", (Stage((LABELS,)),), per_language=True),
        Strategy("D0-S", (Stage((LABELS,)),)),
        Strategy("D1", (Stage((LABELS, LOGITS)),)),
        Strategy("D2", (Stage((LABELS, LOGITS, REPRESENTATION)),)),
        Strategy("D3.1", (_REPRESENTATION, Stage((LABELS, LOGITS)))),
        Strategy("D3.2", (_REPRESENTATION, Stage((LABELS, LOGITS), unfreeze=True))),
        Strategy("D4.1", (_REPRESENTATION, Stage((LOGITS,)), Stage((LABELS,)))),
        Strategy(
            "D4.2",
            (_REPRESENTATION, Stage((LOGITS,), unfreeze=True), Stage((LABELS,), unfreeze=True)),
        ),
    )
}


@dataclass(frozen=True)
class Step:
    """One training: what `train` is called for.

    Attributes:
        name: its folder, such as `03-logits-encoder`.
        stage: number of its stage, from 1.
        losses: as in `Stage`.
        trained: layers of `UNFREEZING_ORDER` that it trains.
        newest: the layer that it unfroze, or `all`.
        head: the head that predicts after it, or None after a stage that trains none.
        epochs: how many.
        learning_rate: at its start.
        select_by: what chooses its best epoch: `loss` or `metric`.
        language: the language whose labels it learns, with a student of its own; None for all.
    """

    name: str
    stage: int
    losses: tuple[str, ...]
    trained: tuple[str, ...]
    newest: str
    head: str | None
    epochs: int
    learning_rate: float
    select_by: str
    language: str | None = None

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads that its losses train."""
        own = (loss for loss in LOSSES if loss.name in self.losses and loss.trains_head)
        return tuple(dict.fromkeys(loss.output for loss in own))

    @property
    def asks_teacher(self) -> bool:
        """Whether it learns from the teacher's answers, on the transfer set."""
        return any(loss != LABELS for loss in self.losses)


def _learns_from_teacher(strategy: Strategy) -> bool:
    return any(loss != LABELS for stage in strategy.stages for loss in stage.losses)


def find_strategy(name: str, labeled: bool = True) -> Strategy:
    """A strategy, without what it learns from labels where there are none.

    Args:
        name: as in Table 3.
        labeled: whether there are training labels.

    Raises:
        ConfigError: without labels it learns nothing.
    """
    strategy = STRATEGIES[name]
    if labeled:
        return strategy
    left = (
        dataclasses.replace(stage, losses=tuple(loss for loss in stage.losses if loss != LABELS))
        for stage in strategy.stages
    )
    stages = tuple(stage for stage in left if stage.losses)
    if not stages:
        taught = ", ".join(n for n, own in STRATEGIES.items() if _learns_from_teacher(own))
        raise ConfigError(
            f"--strategy={name} learns from labels alone, and there is no training file: choose "
            f"one of {taught}, or give labeled data (--data_dir). Received: strategy={name}"
        )
    return dataclasses.replace(strategy, stages=stages)


def steps_of(
    config: DistillationConfig,
    heads_on: str = "projection",
    languages: Sequence[str] = (),
    labeled: bool = True,
) -> list[Step]:
    """The steps of the chosen strategy, in order.

    Args:
        config: strategy, unfreezing and epochs.
        heads_on: what the heads read; where it is `states`, nothing but the representation loss
            trains the projection.
        languages: of the labeled data; a strategy with one student per language (D0) goes through
            its steps once for each.
        labeled: whether there are training labels.

    Raises:
        ConfigError: a list of epochs has not one number or four, a stage to unfreeze does not
            exist, a loss weight is given to a strategy without that loss, or a strategy of labels
            alone has none.
    """
    strategy = find_strategy(config.strategy, labeled)
    _check_weights(config, strategy)
    gradual = _gradual_stages(config, strategy)
    steps = [
        step
        for number, stage in enumerate(strategy.stages, 1)
        for step in _stage_steps(config, stage, number, number in gradual, heads_on)
    ]
    students = languages if strategy.per_language else (None,)
    return [
        dataclasses.replace(step, name=_step_name(i, step, language), language=language)
        for i, (language, step) in enumerate(itertools.product(students, steps), 1)
    ]


def _stage_steps(
    config: DistillationConfig, stage: Stage, number: int, gradual: bool, heads_on: str
) -> list[Step]:
    epochs = {
        LABELS: config.label_epochs,
        LOGITS: config.logit_epochs,
        REPRESENTATION: config.representation_epochs,
    }[stage.epochs_of]
    if len(epochs) not in (1, len(UNFREEZING_ORDER)):
        raise ConfigError(
            f"--{_FLAGS[stage.epochs_of]} takes one number, or four: for "
            f"{', '.join(UNFREEZING_ORDER)}. Received: {','.join(map(str, epochs))}"
        )
    layers = _layers(stage, heads_on)
    sets = [layers[: i + 1] for i in range(len(layers))] if gradual else [layers]
    epochs_by_step = _shared_out(epochs, layers) if gradual else [sum(epochs)]
    # labels alone, after distillation, have a learning rate and a choice of their own
    tuning = number > 1 and stage.losses == (LABELS,)
    learning_rate = (tuning and config.label_learning_rate) or config.learning_rate
    by_metric = config.select_by == "metric" or (tuning and config.select_by == "label-metric")
    return [
        Step(
            name="",
            stage=number,
            losses=stage.losses,
            trained=trained,
            newest=trained[-1] if gradual else "all",
            head=None if stage.losses == (REPRESENTATION,) else stage.head,
            epochs=count,
            learning_rate=learning_rate,
            select_by="metric" if by_metric else "loss",
        )
        for trained, count in zip(sets, epochs_by_step, strict=True)
    ]


def _shared_out(epochs: Sequence[int], layers: Sequence[str]) -> list[int]:
    """The epochs of the steps that unfreeze `layers` one by one: `sum(epochs)` together, as many as
    the stage has end to end, so that strategies compare at equal cost.

    One number is shared out evenly, and what is left over goes to the last steps, which train the
    most. Of four, a layer that the stage does not train leaves its number to the next one down.
    """
    if len(epochs) == 1:
        each, over = divmod(epochs[0], len(layers))
        return [each + (number >= len(layers) - over) for number in range(len(layers))]
    ends = [UNFREEZING_ORDER.index(layer) + 1 for layer in layers]
    return [sum(epochs[start:end]) for start, end in itertools.pairwise([0, *ends])]


def _step_name(number: int, step: Step, language: str | None) -> str:
    """The name of a step's folder."""
    own = [language] if language else []
    return "-".join([f"{number:02d}", *step.losses, step.newest, *own])


def _check_weights(config: DistillationConfig, strategy: Strategy) -> None:
    """Refuses a weight that would do nothing."""
    joint = {loss for stage in strategy.stages if len(stage.losses) > 1 for loss in stage.losses}
    for name, loss in (("alpha", LABELS), ("beta", REPRESENTATION), ("gamma", LOGITS)):
        if getattr(config, name) != 1 and loss not in joint:
            raise ConfigError(
                f"--{name} weighs the {_WORDS[loss]} loss of a joint stage (Eq. 7), and "
                f"{strategy.name} has no such stage. Received: {name}={getattr(config, name)}"
            )


_WORDS = {LABELS: "label", LOGITS: "logit", REPRESENTATION: "representation"}
_FLAGS = {LABELS: "label_epochs", LOGITS: "logit_epochs", REPRESENTATION: "representation_epochs"}


def _layers(stage: Stage, heads_on: str) -> tuple[str, ...]:
    """The layers that a stage can train, from the top."""
    unused = set()
    if stage.losses == (REPRESENTATION,):
        unused.add("head")
    elif heads_on == "states" and REPRESENTATION not in stage.losses:
        unused.add("projection")
    return tuple(name for name in UNFREEZING_ORDER if name not in unused)


def _gradual_stages(config: DistillationConfig, strategy: Strategy) -> set[int]:
    if config.unfreeze == ("strategy",):
        return {number for number, stage in enumerate(strategy.stages, 1) if stage.unfreeze}
    if config.unfreeze == ("none",):
        return set()
    numbers = {int(number) for number in config.unfreeze}
    if max(numbers) > len(strategy.stages):
        raise ConfigError(
            f"--unfreeze names a stage that {strategy.name} does not have; it has "
            f"{len(strategy.stages)}. Received: unfreeze={','.join(config.unfreeze)}"
        )
    return numbers


def transfer_targets(steps: Sequence[Step]) -> tuple[str, ...]:
    """The kinds of teacher targets that some steps need: `logits`, `representation`, both or
    none."""
    needed = {loss for step in steps for loss in step.losses}
    return tuple(loss for loss in (LOGITS, REPRESENTATION) if loss in needed)
