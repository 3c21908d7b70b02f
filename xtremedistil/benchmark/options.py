"""What `benchmark` measures. The defaults end within two minutes on two cores."""

from dataclasses import dataclass

from xtremedistil.config.option import Checked, option


@dataclass(frozen=True)
class BenchmarkOptions(Checked):
    """Which models, and for how long."""

    embedding_dim: int = option(50, "Width E of the student's word embeddings.", low=1)
    hidden_size: int = option(200, "Units H of each direction of the student's BiLSTM.", low=1)
    vocabulary_size: int = option(88_500, "Rows V of the student's table.", low=1)
    queries: int = option(1000, "Sentences of each batch size, at the most (6.2: 1,000).", low=1)
    runs: int = option(100, "Rounds through all models, at the most (6.2: 100).", low=1)
    seconds: float = option(
        12.0, "Seconds for each batch size, all models together; then rounds stop.", low=0.1
    )
    threads: int = option(0, "Threads of every model; 0: all cores.", low=0)
    teacher: bool = option(True, "Measure a teacher of multilingual BERT's size too.")
    text_seconds: float = option(
        5.0,
        "Seconds for the file that `predict` reads, and for batches of every size.",
        low=0.1,
    )
