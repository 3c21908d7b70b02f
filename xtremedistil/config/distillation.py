"""What the student learns, in which order."""

from dataclasses import dataclass

from xtremedistil.config.option import Checked, option
from xtremedistil.runtime.errors import ConfigError

_EPOCHS = (
    "one number for the whole stage, shared out among its steps, or four, for head, projection, "
    "encoder and embeddings as they unfreeze (trained end to end, the stage has their sum)"
)
STRATEGIES = ("D0", "D0-S", "D1", "D2", "D3.1", "D3.2", "D4.1", "D4.2")


@dataclass(frozen=True)
class DistillationConfig(Checked):
    """What the student learns, in which order."""

    strategy: str = option(
        "D4.2",
        "Distillation strategy of Table 3.",
        choices=STRATEGIES,
        decides=("steps",),
        by_value=False,
    )
    teacher_layer: int = option(
        7,
        "Block whose output the student imitates, counted from 1.",
        low=1,
        decides=("representation steps",),
    )
    unfreeze: tuple[str, ...] = option(
        ("strategy",),
        "Stages that unfreeze layer by layer, with commas: 1,2,3, or none, or as the strategy "
        "says.",
        choices=("strategy", "none", "1", "2", "3"),
        decides=("steps",),
        by_value=False,
    )
    representation_loss: str = option(
        "standardized",
        "Loss of stage 1. standardized: squared error of states with mean 0 and deviation 1 in "
        "each dimension over held-out text; mse: squared error of the states themselves; kld: KL "
        "divergence of softmaxed states (the paper), in which one outlying dimension may take "
        "nearly all of the softmax; cosine: directions alone.",
        choices=("kld", "mse", "standardized", "cosine"),
        decides=("steps",),
    )
    alpha: float = option(
        1.0, "Weight of the label loss in a joint stage (Eq. 7).", low=0.0, decides=("joint steps",)
    )
    beta: float = option(
        1.0,
        "Weight of the representation loss in a joint stage (Eq. 7).",
        low=0.0,
        decides=("joint steps",),
    )
    gamma: float = option(
        1.0, "Weight of the logit loss in a joint stage (Eq. 7).", low=0.0, decides=("joint steps",)
    )
    batch_size: int = option(32, "Sentences in a batch of distillation.", low=1, decides=("steps",))
    label_batch_size: int = option(
        0,
        "Labeled sentences in a batch, in every stage with labels; 0: --batch_size.",
        low=0,
        decides=("labels steps",),
        before=0,
    )
    patience: int = option(
        0,
        "End a step after so many epochs without a better one; 0: never. The learning rate falls "
        "as planned for all epochs.",
        low=0,
        decides=("steps",),
        before=0,
    )
    learning_rate: float = option(
        3e-3,
        "Learning rate at the start of a step (Adam, cosine).",
        low=1e-12,
        decides=("steps",),
        by_value=False,
    )
    embedding_rate: float = option(
        0.3,
        "Learning rate of the word embeddings, as a share of the others': their start says what "
        "pieces mean, and most are seen a few times. 1 where --learning_rate is low or the teacher "
        "is not pretrained.",
        low=1e-12,
        decides=("steps",),
        before=1.0,
    )
    final_learning_rate: float = option(
        1e-8, "Learning rate at the end of a step.", low=0.0, decides=("steps",)
    )
    label_learning_rate: float = option(
        1e-3,
        "Learning rate at the start of the label steps that follow distillation (stage 3 of D4); "
        "0: --learning_rate. A lower one keeps few labels from undoing what was distilled.",
        low=0.0,
        decides=("labels steps",),
        by_value=False,
    )
    representation_epochs: tuple[int, ...] = option(
        (8,),
        f"Epochs on the representation loss: {_EPOCHS}.",
        low=0,
        decides=("representation steps",),
        by_value=False,
    )
    logit_epochs: tuple[int, ...] = option(
        (1, 2, 8, 12),
        f"Epochs on the logit loss, also beside other losses: {_EPOCHS}.",
        low=0,
        decides=("logits steps",),
        by_value=False,
    )
    label_epochs: tuple[int, ...] = option(
        (10, 10, 10, 10),
        f"Epochs on the label loss alone: {_EPOCHS}.",
        low=0,
        decides=("labels steps",),
        by_value=False,
    )
    select_by: str = option(
        "loss",
        "What chooses the best epoch of a step. loss: validation loss (the paper); metric: dev F1 "
        "or accuracy; label-metric: these in the label steps that follow distillation (stage 3 of "
        "D4), which few labels may make worse while their loss falls, and the loss elsewhere.",
        choices=("loss", "metric", "label-metric"),
        decides=("steps",),
        by_value=False,
    )
    transfer_validation: int = option(
        2000,
        "Transfer sentences held out to validate stages 1 and 2 (at most a tenth).",
        low=1,
        decides=("transfer",),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        special = {"strategy", "none"} & set(self.unfreeze)
        if special and len(self.unfreeze) > 1:
            raise ConfigError(
                "--unfreeze is 'strategy', 'none', or a list of stages. Received: "
                f"unfreeze={','.join(self.unfreeze)}"
            )
        for name in ("learning_rate", "label_learning_rate"):
            start = getattr(self, name) or self.learning_rate
            if self.final_learning_rate > start:
                raise ConfigError(
                    f"--final_learning_rate must not be above --{name}. Received: "
                    f"final_learning_rate={self.final_learning_rate} {name}={start}"
                )
