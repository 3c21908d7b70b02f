"""What `benchmark` measures. The defaults take some two and a half minutes on two cores."""

from dataclasses import dataclass

from xtremedistil.config.option import Checked, option

# For --help.
MEASURED = """side by side, with random weights: teachers of the sizes of multilingual BERT and of
multilingual-e5-small, as a tf.function and in ONNX Runtime, and a student in every form.
Milliseconds of 1 and of 32 sentences of 32 wordpieces; of 1 while another process keeps one core
busy; of raw text to entities; wordpieces a second of `predict` on a file, and of batches of other
sizes; and for each form of serving the time from a process's first import to its first answer, and
its memory. Nothing else should run on the machine."""


@dataclass(frozen=True)
class BenchmarkOptions(Checked):
    """Which models, and for how long."""

    embedding_dim: int = option(50, "Width E of the student's word embeddings.", low=1)
    hidden_size: int = option(200, "Units H of each direction of the student's BiLSTM.", low=1)
    vocabulary_size: int = option(88_500, "Rows V of the student's table.", low=1)
    queries: int = option(1000, "Sentences of each batch size, at the most (6.2: 1,000).", low=1)
    runs: int = option(100, "Rounds through all models, at the most (6.2: 100).", low=1)
    seconds: float = option(
        8.0, "Seconds for each batch size, all models together; then rounds stop.", low=0.1
    )
    threads: int = option(0, "Threads of every model; 0: all cores.", low=0)
    teacher: bool = option(
        True, "Measure teachers of the sizes of multilingual BERT and multilingual-e5-small too."
    )
    busy_seconds: float = option(
        5.0, "Seconds for batches of 1 while another process multiplies on one core.", low=0.1
    )
    starts: int = option(
        3, "Processes of each form of serving; those with TensorFlow are started once.", low=1
    )
    text_seconds: float = option(
        4.0,
        "Seconds for the file that `predict` reads, and for batches of every size.",
        low=0.1,
    )


# For --help.
SIZED = """the students of the paper's Table 16, with random weights, on sentences of 32 wordpieces:
as a tf.function of Keras, in ONNX Runtime (float32, int8) and in the native kernel. F1 is the
paper's; that of other data is another, but the order of sizes is a guide. Needs the extra [report].
Nothing else should run on the machine."""


@dataclass(frozen=True)
class SizeOptions(Checked):
    """What a student may cost."""

    budget_ms: float = option(1.0, "Milliseconds that a batch may take.", low=0.001)
    batch: int = option(1, "Sentences at once.", low=1)
    vocabulary_size: int = option(88_500, "Rows V of the students' tables.", low=1)
    threads: int = option(0, "Threads of every model; 0: all cores.", low=0)
    seconds: float = option(2.0, "Seconds for each size, all its forms together.", low=0.01)
