"""Tests of framework/distributed/workers.py.

Of several processes: tests/test_several.py.
"""

import pytest
import tensorflow as tf

from framework.distributed.workers import Workers, is_loss, translate_loss
from framework.errors import WorkerLostError


@pytest.fixture
def workers(mirrored):
    return Workers(mirrored)


def test_alone_one_agrees_with_oneself(workers):
    assert (workers.count, workers.index, workers.is_chief) == (1, 0, True)
    assert workers.all_reduce_min(7) == 7
    assert workers.all_gather(2.0**52) == [2.0**52]


def test_numbers_are_gathered_exactly(workers):
    # As between processes: each replica gives its own number.
    actual = workers._gather(tf.constant(2.0**53 - 1, tf.float64))
    assert actual.numpy().tolist() == [2.0**53 - 1] * 2


LOST = tf.errors.UnavailableError(None, None, "Socket closed")


def test_a_lost_worker_is_one_line():
    with pytest.raises(WorkerLostError, match="was lost"), translate_loss(True):
        raise LOST


@pytest.mark.parametrize(
    ("several", "problem"),
    [(False, LOST), (True, tf.errors.InvalidArgumentError(None, None, "shape"))],
)
def test_what_is_no_loss_stays_what_it_is(several, problem):
    with pytest.raises(type(problem)), translate_loss(several):
        raise problem


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("UnavailableError", "Socket closed", True),
        ("ResourceExhaustedError", "memory", False),
        ("InvalidArgumentError", "shapes differ", False),
        # TensorFlow's message if a chief restarts before its loss was detected.
        (
            "InvalidArgumentError",
            "Task with task_name=/job:worker/replica:0/task:1 must be registered "
            "before sending heartbeat messages. The service might have restarted, "
            "please restart / reset and register again.",
            True,
        ),
        (
            "FailedPreconditionError",
            "current incarnation doesn't match with one in the group. This usually "
            "means this worker has restarted but the collective leader hasn't",
            True,
        ),
    ],
)
def test_which_errors_are_losses(kind, message, expected):
    assert is_loss(getattr(tf.errors, kind)(None, None, message)) == expected
