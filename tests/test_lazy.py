"""Tests of framework/lazy.py, each in a fresh interpreter."""

import pathlib
import subprocess
import sys
import textwrap

import pytest

ROOT = pathlib.Path(__file__).parents[1]
HEAVY = "tensorflow", "keras", "sklearn", "matplotlib", "jax", "torch"


@pytest.fixture
def python(tmp_path):
    """Runs a program in a folder with two libraries, `slow` and `broken`."""
    (tmp_path / "slow.py").write_text(
        textwrap.dedent(
            """
            import gc, os, sys
            os.write(2, b"a start-up line")
            is_collecting = gc.isenabled()
            seen = {name: sys.modules.get(name, "absent") for name in ("sklearn",)}
            value = 42
            loads = [__name__]
            """
        )
    )
    (tmp_path / "broken.py").write_text(
        "import os\n"
        'os.write(2, b"libslow.so is missing")\n'
        'raise ImportError("no library")'
    )
    (tmp_path / "sklearn.py").write_text("mine = True")

    def run(program):
        text = (
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
            "from framework import lazy\n" + textwrap.dedent(program)
        )
        return execute(text)

    return run


def execute(text):
    return subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True
    )


def checked(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_library_is_loaded_when_it_is_used(python):
    program = """
        lazy.defer_imports("slow")
        import slow
        print(type(slow).__name__, "value" in vars(slow))
        print(slow.value, slow.loads)
        import slow as real
        print(type(real).__name__, real.value, real.loads is slow.loads)
        lazy.defer_imports("slow")
        print(sys.modules["slow"] is real)
    """
    actual = " ".join(checked(python(program)))
    assert actual == "_LazyModule False 42 ['slow'] module 42 True True"


def test_names_imported_from_a_lazy_library(python):
    program = """
        lazy.defer_imports("slow")
        from slow import value
        print(value)
    """
    assert checked(python(program)) == ["42"]


def test_a_missing_attribute(python):
    program = """
        lazy.defer_imports("slow")
        import slow
        try:
            slow.no_such_thing
        except AttributeError as problem:
            print("no_such_thing" in str(problem))
        print(slow.value)
    """
    assert checked(python(program)) == ["True", "42"]


def test_a_library_does_not_see_hidden_libraries(python):
    program = """
        lazy.defer_imports("slow")
        import slow
        print(slow.seen["sklearn"])
        import sklearn
        print(sklearn.mine)
    """
    assert checked(python(program)) == ["None", "True"]


def test_garbage_is_not_collected_during_an_import(python):
    program = """
        import gc
        lazy.defer_imports("slow")
        import slow
        print(slow.is_collecting, gc.isenabled(), gc.get_freeze_count())
    """
    assert checked(python(program)) == ["False", "True", "0"]


def test_an_import_leaves_the_collector_as_it_was(python):
    program = """
        import gc
        gc.disable()
        gc.freeze()
        count = gc.get_freeze_count()
        lazy.defer_imports("slow")
        import slow
        print(slow.value, gc.isenabled(), gc.get_freeze_count() == count)
    """
    assert checked(python(program)) == ["42", "False", "True"]


def test_imported_libraries_are_unchanged(python):
    program = """
        import sklearn, slow
        lazy.defer_imports("slow")
        print(type(slow).__name__)
        lazy.defer_imports("broken")
        import broken
        try:
            broken.anything
        except ImportError:
            pass
        import sklearn as again
        print(again is sklearn)
    """
    assert checked(python(program)) == ["module", "True"]


def test_start_up_messages_are_suppressed(python):
    done = python("lazy.defer_imports('slow'); import slow; slow.value")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_failing_import_shows_suppressed_messages(python):
    done = python("lazy.defer_imports('broken'); import broken; broken.value")
    assert done.returncode == 1
    assert "libslow.so is missing" in done.stderr
    assert "ImportError: no library" in done.stderr


def test_a_failing_import_restores_hidden_libraries(python):
    program = """
        lazy.defer_imports("broken")
        import broken
        for _ in range(2):
            try:
                broken.value
            except ImportError as problem:
                print(problem.msg)
        import sklearn
        print(sklearn.mine)
        print("still here", file=sys.stderr)
    """
    done = python(program)
    assert checked(done) == ["no", "library", "no", "library", "True"]
    assert done.stderr.endswith("still here\n")


# Prints the heavy libraries that are loaded, without placeholders.
REPORT = f"""
import sys
print([name for name in sys.modules if name.split(".")[0] in {HEAVY!r}
       and type(sys.modules[name]).__name__ != "_LazyModule"])
"""


def test_checking_a_config_loads_nothing_heavy():
    program = f"""
import framework.launch.checks, experiments.train
from framework.config import Config
framework.launch.checks.check(experiments.train.CONFIG)
framework.launch.checks.check(Config(
    augment="rotate(20) + flip", optimizer="sgd(momentum=.9)", model="resnet",
    schedule="(warmup(5%) + cosine) * plateau(patience=3)"))
{REPORT}"""
    done = execute(program)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--learning_rat=1", "error: Unknown command line flag 'learning_rat'"),
        ("--schedule=cosine(5%, ends=1)", "unexpected keyword argument 'ends'"),
        *(
            pytest.param(*row, marks=pytest.mark.extended)
            for row in [
                ("--learning_rate=-1", "error: --learning_rate must be positive"),
                ("--schedule=cosin(5%)", "--schedule: unknown schedule 'cosin'"),
                ("--model=cn", "unknown model 'cn'; did you mean cnn?"),
                ("--lr=1", "there is no --lr; the learning rate is --learning_rate=1"),
            ]
        ),
    ],
)
def test_a_misspelt_flag_loads_nothing_heavy(argument, message):
    program = f"""
import atexit, sys
sys.argv = ["train", {argument!r}]
atexit.register(lambda: exec({REPORT!r}))
from experiments import train
train.main()
"""
    done = execute(program)
    assert (done.returncode, done.stdout) == (2, "[]\n")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("argument", ["--help", "--model=help", "--augment=help"])
def test_help_loads_nothing_heavy(argument):
    program = f"""
import atexit, sys
sys.argv = ["train", {argument!r}]
atexit.register(lambda: exec({REPORT!r}))
from experiments import train
train.main()
"""
    done = execute(program)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("[]\n")


@pytest.mark.extended
def test_placeholders_become_the_real_libraries():
    program = """
import sys
import framework
import keras, tensorflow as tf
assert type(tf).__name__ == type(keras).__name__ == "_LazyModule"
constant, dense = tf.constant, keras.layers.Dense
import keras as real_keras, tensorflow as real_tf
assert real_tf.constant is constant and real_keras.layers.Dense is dense
assert "_LazyModule" not in (type(real_tf).__name__, type(real_keras).__name__)
assert tf.keras.layers.Dense is dense
assert int(tf.constant(2) + 3) == 5
import sklearn.metrics
assert sklearn.metrics.accuracy_score([0, 1], [0, 1]) == 1.0
import matplotlib
print("all real")
"""
    done = execute(program)
    assert (done.returncode, done.stdout) == (0, "all real\n"), done.stderr
    assert done.stderr == ""


@pytest.mark.extended
def test_keras_trains_on_data_frames_without_having_imported_pandas():
    pytest.importorskip("pandas")
    program = """
import sys
import framework, keras, tensorflow as tf
import numpy as np
keras.layers
assert "pandas" not in sys.modules
import pandas
frame = pandas.DataFrame({"a": np.arange(8), "b": np.linspace(0, 1, 8)})
labels = pandas.Series(np.arange(8) % 2)
losses = []
for x, y in [(frame, labels), (frame.to_numpy(), labels.to_numpy())]:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(x, y, epochs=2, validation_split=.25, verbose=0)
    losses.append(history.history)
print(losses[0] == losses[1])
"""
    done = execute(program)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
