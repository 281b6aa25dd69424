"""Tests of framework/numerics/variables.py."""

import tensorflow as tf

from framework.numerics.variables import state_variable


def test_all_replicas_have_what_the_first_one_sets(mirrored):
    with mirrored.scope():
        variable = state_variable(0, tf.int32)

    @tf.function(autograph=False)
    def share():
        context = tf.distribute.get_replica_context()
        variable.assign(7 + context.replica_id_in_sync_group)

    mirrored.run(share)
    assert not variable.trainable
    assert [v.numpy() for v in mirrored.experimental_local_results(variable)] == [7, 7]
