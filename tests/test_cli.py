"""The command line: help, versions, nearest matches, exit codes."""

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import lorentznet
from lorentznet import cli
from lorentznet.console import Console
from lorentznet.errors import DataError

ORDER = ["generate", "inspect", "train", "pretrained", "predict", "evaluate", "invariance", "explain", "report", "quickstart"]
HEAVY = {
    "torch",
    "torch_geometric",
    "numpy",
    "awkward",
    "uproot",
    "vector",
    "lightning",
    "matplotlib",
    "pydantic",
    "sklearn",
    "yaml",
    "rich",
}


def shell(*argv: str, **settings) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "lorentznet", *argv], capture_output=True, text=True, check=False, **settings)


@pytest.fixture
def command(monkeypatch):
    """One more command, ``try``, that does what the test wants."""

    def make(action, add_arguments=lambda parser: None, **more):
        module = SimpleNamespace(HELP="try something", EXAMPLE="lorentznet try", add_arguments=add_arguments, run=action, **more)
        monkeypatch.setitem(cli.COMMANDS, "try", module)

    return make


def raising(error):
    def action(args, console):
        raise error

    return action


def test_commands_stand_in_the_order_of_a_study():
    assert list(cli.COMMANDS) == ORDER


@pytest.mark.parametrize("argv", [[], *[[name] for name in ORDER]], ids=lambda argv: argv[0] if argv else "lorentznet")
def test_help_loads_nothing_heavy(argv):
    """Help answers at once because of what it does not import, which unlike a time is the same on every machine."""
    code = (
        "import sys; from lorentznet.cli import main; "
        f"code = main({[*argv, '--help']!r}); "
        "sys.stderr.write(' '.join({name.partition('.')[0] for name in sys.modules})); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "example:\n  lorentznet " in done.stdout
    assert not set(done.stderr.split()) & HEAVY


def test_help_lists_every_command(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    places = [re.search(rf"^ +{name}\b", text, re.MULTILINE).start() for name in ORDER]
    assert places == sorted(places)


@pytest.mark.parametrize("name", ORDER)
def test_examples_are_understood(name):
    """Each printed example parses, and runs the command that prints it."""
    words = shlex.split(cli.COMMANDS[name].EXAMPLE)
    assert words[:2] == ["lorentznet", name]
    args = cli.parse(words[1:])
    assert args.module is cli.COMMANDS[name]
    assert shlex.split(args.command_line) == words
    assert "\n" not in cli.COMMANDS[name].HELP


@pytest.mark.slow
def test_examples_work_as_printed(toys, tmp_path, monkeypatch):
    """One after the other in one folder, in small: fewer jets and epochs, and each training example for both taggers."""
    monkeypatch.chdir(tmp_path)
    toys.write(tmp_path / "jets.root")

    def run(name, *more, tagger="cg"):
        words = shlex.split(
            cli.COMMANDS[name].EXAMPLE.replace("cg", tagger) if name in ("train", "predict") else cli.COMMANDS[name].EXAMPLE
        )
        assert cli.main([*words[1:], *more, "--quiet"]) == 0, name

    for tagger in ("cg", "clifford"):
        run("train", "--trainer.epochs", "1", "--tagger.preset", "tiny", tagger=tagger)
        run("predict", tagger=tagger)
    run("evaluate")
    run("invariance", "--jets", "10")
    (tmp_path / "runs" / "quickstart").mkdir()
    for folder in ("evaluation", "invariance"):
        (tmp_path / folder).rename(tmp_path / "runs" / "quickstart" / folder)
    run("report")
    assert (tmp_path / "report" / "index.html").exists()
    run("inspect")
    run("pretrained")


def test_lines_of_the_readme_are_understood():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    lines = re.findall(r"^\| `(lorentznet .*?)` \|", text, re.MULTILINE)
    assert [shlex.split(line)[1] for line in lines] == ORDER
    for line in lines:
        cli.parse(shlex.split(line)[1:])


@pytest.mark.parametrize("name", ORDER)
def test_options_are_explained(name):
    parser = cli.parse(shlex.split(cli.COMMANDS[name].EXAMPLE)[1:]).parser
    silent = [action.dest for action in parser._actions if not action.help]
    assert not silent
    assert any("--quiet" in action.option_strings for action in parser._actions)


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"lorentznet {lorentznet.__version__}\n"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["trian"], ["unknown command 'trian'", "did you mean 'train'?"]),
        (["invarience", "x"], ["did you mean 'invariance'?"]),
        ([], ["required", "COMMAND"]),
        (["report"], ["--out", "lorentznet report --help"]),
        (["quickstart", "--out", "x", "--jet", "5"], ["'--jet'", "did you mean '--jets'?"]),
        (["quickstart", "--out", "x", "--jets", "many"], ["--jets", "many"]),
        (["quickstart", "--out", "x", "more"], ["'more' is not understood"]),
    ],
)
def test_a_line_that_is_not_understood(argv, words, capsys):
    assert cli.main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("lorentznet: error: ")
    assert all(word in captured.err for word in words)


def test_errors_are_one_line(command, capsys):
    command(raising(DataError("jets.root: no branch 'px';\n did you mean 'part_px'?")))
    assert cli.main(["try"]) == 2
    assert capsys.readouterr().err == "lorentznet: error: jets.root: no branch 'px'; did you mean 'part_px'?\n"


def test_ctrl_c(command, capsys):
    command(raising(KeyboardInterrupt()))
    assert cli.main(["try"]) == 130
    assert capsys.readouterr().err == "lorentznet: interrupted; nothing half-written was left\n"


def test_ctrl_c_with_words_of_the_command(command, capsys):
    command(raising(KeyboardInterrupt("interrupted; go on with --resume")))
    assert cli.main(["try"]) == 130
    assert capsys.readouterr().err == "lorentznet: interrupted; go on with --resume\n"


def test_operating_system_errors_that_name_a_file(command, capsys):
    command(raising(PermissionError(13, "Permission denied", "jets.root")))
    assert cli.main(["try"]) == 2
    assert capsys.readouterr().err == "lorentznet: error: jets.root: Permission denied\n"


@pytest.mark.parametrize("error", [ValueError("a defect"), OSError(5, "of no file")])
def test_defects_keep_their_traceback(command, error):
    command(raising(error))
    with pytest.raises(type(error)):
        cli.main(["try"])


def test_defects_end_with_code_1():
    code = "from lorentznet import cli; cli.COMMANDS['report'].run = None; cli.main(['report', '.', '--out', 'x'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")


def test_a_full_disk_is_one_line():
    if not Path("/dev/full").exists():
        pytest.skip("no device that is always full")
    with open("/dev/full", "w") as full:
        line = [sys.executable, "-m", "lorentznet", "inspect", "sample"]
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "lorentznet: error: the output: No space left on device"


def test_overrides_reach_the_command_that_takes_them(command):
    seen = []
    command(lambda args, console: seen.append(args.overrides), lambda parser: parser.add_argument("--out"), TAKES_OVERRIDES=True)
    assert cli.main(["try", "--optimizer.lr", "1e-3", "--out", "x", "--seed=2"]) == 0
    assert seen == [["--optimizer.lr", "1e-3", "--seed=2"]]


def test_only_train_takes_overrides():
    assert [name for name, module in cli.COMMANDS.items() if getattr(module, "TAKES_OVERRIDES", False)] == ["train"]


def test_quiet_and_the_typed_line_reach_the_command(command, capsys):
    def action(args, console):
        console.say(args.command_line)

    command(action, lambda parser: parser.add_argument("file"))
    assert cli.main(["try", "two words.root"]) == 0
    assert capsys.readouterr().err == "lorentznet try 'two words.root'\n"
    assert cli.main(["try", "two words.root", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_execute_raises_instead_of_printing(command, capsys):
    command(raising(DataError("no")))
    with pytest.raises(DataError):
        cli.execute(["try"], Console(quiet=True))
    assert capsys.readouterr().err == ""


def test_a_reader_that_leaves_early_is_no_defect():
    """As in ``lorentznet inspect FILE | head -1``."""
    code = (
        "import sys; from lorentznet import cli; "
        "cli.COMMANDS['report'].run = lambda args, console: console.result('a line'); "
        "sys.exit(cli.main(['report', '.', '--out', 'x']))"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_module_and_console_script_are_the_same():
    done = shell("--version")
    assert (done.returncode, done.stdout) == (0, f"lorentznet {lorentznet.__version__}\n")


def test_parser_is_an_argument_parser():
    assert isinstance(cli.build_parser(), argparse.ArgumentParser)
