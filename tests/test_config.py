"""The config's own checks, and flags derived from it."""

import dataclasses
import json
import subprocess
import sys

import pytest

from xtremedistil import __version__
from xtremedistil.config import (
    Config,
    DataConfig,
    DistillationConfig,
    RunConfig,
    StudentConfig,
    TeacherConfig,
    options,
    recipes,
)
from xtremedistil.config.option import options_of
from xtremedistil.runtime.errors import ConfigError


def test_defaults_are_the_papers_best_configuration():
    config = Config()
    assert (config.student.embedding_dim, config.student.hidden_size, config.student.dropout) == (
        300,
        600,
        0.2,
    )
    assert (config.distillation.batch_size, config.distillation.teacher_layer) == (32, 7)
    assert (config.distillation.strategy, config.data.max_seq_length) == ("D4.2", 32)
    assert (config.distillation.learning_rate, config.distillation.final_learning_rate) == (
        3e-3,
        1e-8,
    )


def test_a_config_survives_json():
    config = Config(
        distillation=DistillationConfig(logit_epochs=(1, 2, 3, 4)), data=DataConfig(data_dir="x")
    )
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_fields_that_an_older_version_did_not_have_say_what_was_done_before(caplog):
    values = Config(student=StudentConfig(hidden_size=33)).to_dict()
    del values["student"]["dropout"], values["run"]["targets"]
    caplog.set_level("WARNING")
    assert Config.from_dict(values) == Config(student=StudentConfig(hidden_size=33))
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == "not in the configuration, so as before: dropout=0.2, targets='stored'"
    del values["student"]["other_pieces"], values["distillation"]["embedding_rate"]
    old = Config.from_dict(values)
    assert (old.student.other_pieces, old.distillation.embedding_rate) == ("unknown", 1.0)


def test_parts_of_before_an_option_stay_what_they_are():
    for change in ({"other_pieces": "unknown"}, {"other_pieces": "nearest"}):
        found = options_of("steps", sections=Config(student=StudentConfig(**change)))
        assert ("other_pieces" in found) == (change["other_pieces"] == "nearest")


def with_field(section, name):
    values = Config().to_dict()
    values[section][name] = 1
    return values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (with_field("student", "droput"), rf"xtremedistil {__version__} does not.*student: droput"),
        ({**Config().to_dict(), "students": {}}, r"does not know.*Received: sections students"),
        ([{}], r"a configuration is a JSON object\. Received: \[\{\}\]"),
        ({"data": {}}, r"needs a section 'teacher'\. Received: None"),
        ({**Config().to_dict(), "run": 3}, r"needs a section 'run'\. Received: 3"),
    ],
)
def test_a_config_of_another_kind_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        Config.from_dict(values)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: StudentConfig(dropout=1.5),
            r"--dropout must be between 0.0 and 0.99. Received: dropout=1.5",
        ),
        (lambda: StudentConfig(hidden_size=0), r"--hidden_size must be at least 1"),
        (
            lambda: StudentConfig(other_rows=5, other_pieces="unknown"),
            r"give one of them\. Received: other_rows=5 other_pieces=unknown",
        ),
        (lambda: StudentConfig(hidden_size=2.5), r"--hidden_size must be of type int"),
        (
            lambda: DistillationConfig(strategy="D5"),
            r"--strategy must be one of D0, D0-S, D1, .*Received: strategy='D5'",
        ),
        (lambda: DistillationConfig(logit_epochs=()), r"--logit_epochs needs at least one value"),
        (
            lambda: DistillationConfig(unfreeze=("none", "2")),
            r"'strategy', 'none', or a list of stages",
        ),
        (lambda: DistillationConfig(final_learning_rate=1.0), r"must not be above --learning_rate"),
        (lambda: TeacherConfig(teacher_width=130), r"multiple of --teacher_heads"),
        (lambda: RunConfig(stage="4"), r"--stage must be one of teacher, targets, 1, 2, 3, all"),
        (
            lambda: Config(data=DataConfig(data_format="classification")),
            r"--task=ner reads --data_format auto, conll, tsv",
        ),
    ],
)
def test_impossible_values_name_the_flag_the_rule_and_the_value(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_every_option_has_help_and_a_name_of_its_own():
    fields = [f for section in dataclasses.fields(Config) for f in dataclasses.fields(section.type)]
    assert len(options()) == len(fields)
    assert all(len(field.metadata["help"]) > 15 for field in fields)


PROGRAM = """
import json, sys
from absl import app
from xtremedistil.cli import flags as cli
cli.define_run_flags()
def main(argv):
    sample = cli.use_sample_flags()
    print(json.dumps([sample, cli.read_config().to_dict()]))
app.run(main)
"""


def parse(*arguments):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_sample_flags_fill_in_only_what_was_not_given():
    sample, config = parse("--hidden_size=70", "--logit_epochs=1,2,3,4", "--teacher_layer=6")
    assert sample
    assert (config["student"]["hidden_size"], config["distillation"]["batch_size"]) == (70, 128)
    assert config["teacher"]["teacher"] == "scratch"
    assert config["distillation"]["logit_epochs"] == [1, 2, 3, 4]
    assert config["distillation"]["teacher_layer"] == 6


@pytest.mark.parametrize("given", ["--data_dir=somewhere", "--teacher=something"])
def test_sample_flags_stay_out_of_a_users_own_run(given):
    sample, config = parse(given)
    assert not sample
    assert config["student"]["hidden_size"] == 600


def test_a_run_can_be_repeated_from_its_config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(Config(student=StudentConfig(hidden_size=33)).to_dict()))
    sample, config = parse(f"--config={path}", "--embedding_dim=44")
    assert not sample
    assert (config["student"]["hidden_size"], config["student"]["embedding_dim"]) == (33, 44)


def test_a_recipe_gives_defaults_and_a_flag_wins(tmp_path):
    _, paper = parse("--recipe=paper", "--data_dir=x", "--patience=3")
    assert paper["student"]["projection"] == "gelu"
    assert paper["distillation"]["representation_loss"] == "kld"
    assert (paper["distillation"]["batch_size"], paper["distillation"]["patience"]) == (512, 3)
    recorded = tmp_path / "config.json"
    changed = Config(distillation=DistillationConfig(batch_size=7))
    recorded.write_text(json.dumps(changed.to_dict()))
    assert parse(f"--config={recorded}")[1] == changed.to_dict()
    again = parse(f"--config={recorded}", "--recipe=paper")[1]["distillation"]
    assert again["batch_size"] == 512


def test_every_recipe_names_options_and_legal_values():
    for values in recipes.RECIPES.values():
        for name, value in values.items():
            section, _ = options()[name]
            assert (
                getattr(dataclasses.replace(getattr(Config(), section), **{name: value}), name)
                == value
            )
