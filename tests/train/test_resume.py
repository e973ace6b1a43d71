"""Trainings that are interrupted and taken up again, and folders that hold another training."""

import json
import resource
import signal
import time
from types import SimpleNamespace

import pytest

import lorentznet as ln
from lorentznet.console import Console
from lorentznet.errors import ConfigError, OutputError
from lorentznet.train import checkpoint
from lorentznet.train.epochs import EpochRecord
from lorentznet.train.run_folder import RunFolder
from lorentznet.train.training import fit


def interrupt_at(text):
    def act(line):
        if text in line:
            raise KeyboardInterrupt

    return act


@pytest.mark.parametrize("epoch", [1, 2])
def test_resumed_after_an_epoch_is_the_same_as_never_interrupted(comparing, epoch, make_config, trained, listening, tmp_path):
    run = tmp_path / "resumed"
    with pytest.raises(KeyboardInterrupt, match=rf"last\.ckpt is complete up to epoch {epoch}, go on with --resume"):
        fit(make_config(), run, console=listening(interrupt_at(f"epoch   {epoch}/3")))
    assert {path.name for path in run.iterdir()} == comparing.FILES
    assert not checkpoint.load_run_info(run)["finished"]
    fit(make_config(), run, resume=True)
    comparing.assert_same_training(run, trained)


class StopsInTheMiddle:
    """A tagger's forward that is interrupted at one of its training calls."""

    def __init__(self, monkeypatch, toy, call):
        self.left = call
        original = toy.forward

        def forward(tagger, batch):
            if tagger.training:
                self.left -= 1
                if self.left == 0:
                    raise KeyboardInterrupt
            return original(tagger, batch)

        monkeypatch.setattr(toy, "forward", forward)


def test_ctrl_c_in_the_middle_of_an_epoch(comparing, make_config, toy, trained, monkeypatch, tmp_path):
    run = tmp_path / "resumed"
    with monkeypatch.context() as patch:
        StopsInTheMiddle(patch, toy, call=10 + 4)
        with pytest.raises(KeyboardInterrupt, match="up to epoch 1"):
            fit(make_config(), run)
    assert {path.name for path in run.iterdir()} == comparing.FILES
    before = checkpoint.read(run / "last.ckpt")
    assert before["global_step"] == 10
    fit(make_config(), run, resume=True)
    comparing.assert_same_training(run, trained)


def test_ctrl_c_before_the_first_epoch_leaves_nothing(make_config, toy, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        StopsInTheMiddle(patch, toy, call=3)
        with pytest.raises(KeyboardInterrupt) as caught:
            fit(make_config(), tmp_path / "runs" / "a")
    assert str(caught.value) == ""
    assert list(tmp_path.iterdir()) == []
    fit(make_config(trainer__epochs=1), tmp_path / "runs" / "a", resume=True)


def test_the_clocks_of_an_epoch_go_on_where_a_checkpoint_left_them(tmp_path):
    """CPU time goes on with the process, the time on the wall with the clock; neither counts what lies between."""
    record = EpochRecord(RunFolder(tmp_path), 0, Console(quiet=True))
    record.load_state_dict({"rows": [], "seconds": 300.0, "cpu_seconds": 100.0})
    time.sleep(0.2)
    record.on_train_start(SimpleNamespace(global_step=0, should_stop=False), None)
    burnt = time.process_time() + 0.2
    while time.process_time() < burnt:
        sum(range(1000))
    state = record.state_dict()
    assert 100.2 <= state["cpu_seconds"] < 101
    assert 300.2 <= state["seconds"] < 330


def test_a_finished_training_is_not_trained_again(make_config, trained, listening):
    before = {path.name: path.read_bytes() for path in trained.iterdir()}
    console = listening()
    assert fit(make_config(), trained, resume=True, console=console) == trained / "best.ckpt"
    assert any("finished already" in line for line in console.lines)
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == before


def test_a_training_killed_before_its_last_line_is_finished_on_resume(comparing, make_config, trained):
    info = checkpoint.load_run_info(trained)
    (trained / "run.json").write_text(json.dumps({**info, "finished": False}))
    before = comparing.weights(trained / "best.ckpt")
    fit(make_config(), trained, resume=True)
    again = checkpoint.load_run_info(trained)
    assert again["finished"]
    assert again["epochs"] == 3
    assert comparing.same(comparing.weights(trained / "best.ckpt"), before)


def test_a_folder_of_another_training(make_config, trained):
    before = {path.name: path.read_bytes() for path in trained.iterdir()}
    with pytest.raises(OutputError, match=rf"{trained}: holds a training already .* --resume"):
        fit(make_config(), trained)
    with pytest.raises(ConfigError, match=r"optimizer\.lr, tagger\.options"):
        fit(make_config(optimizer__lr=0.1, tagger__options={"hidden": 4}), trained, resume=True)
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == before


def test_resuming_with_other_jets(make_config, listening, toys, tmp_path):
    run, jets = tmp_path / "run", toys.write(tmp_path / "jets.root")
    config = make_config(data__train=f"{jets}#train", data__val=f"{jets}#val", optimizer__lr=1e-3)
    with pytest.raises(KeyboardInterrupt):
        fit(config, run, console=listening(interrupt_at("epoch   1/3")))
    toys.write(jets, card=toys.card(splits={"train": [0, 200], "val": [240, 320]}))
    with pytest.raises(ConfigError, match="other jets"):
        fit(config, run, resume=True)


def test_resuming_from_a_damaged_checkpoint(make_config, listening, tmp_path):
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fit(make_config(), run, console=listening(interrupt_at("epoch   1/3")))
    (run / "last.ckpt").write_bytes((run / "last.ckpt").read_bytes()[:500])
    with pytest.raises(ln.errors.CheckpointError, match=r"last\.ckpt: is damaged"):
        fit(make_config(), run, resume=True)


def test_a_full_disk_keeps_the_last_epoch(comparing, make_config, listening, tmp_path):
    run = tmp_path / "run"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill(line):
        if "epoch   2/3" in line:
            resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))

    try:
        with pytest.raises(OutputError, match=r"cannot be written .*File too large"):
            fit(make_config(), run, console=listening(fill))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert {path.name for path in run.iterdir()} == comparing.FILES
    assert checkpoint.load_run_info(run)["epochs"] == 2
    assert fit(make_config(), run, resume=True) == run / "best.ckpt"
