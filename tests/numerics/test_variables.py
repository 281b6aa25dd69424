"""Tests of framework/numerics/variables.py."""

import tensorflow as tf

from framework.numerics.variables import state_variable


def test_all_replicas_have_the_value_of_the_first(mirrored):
    with mirrored.scope():
        variable = state_variable(0, tf.int32)

    @tf.function(autograph=False)
    def assign():
        context = tf.distribute.get_replica_context()
        variable.assign(7 + context.replica_id_in_sync_group)

    mirrored.run(assign)
    assert not variable.trainable
    assert [v.numpy() for v in mirrored.experimental_local_results(variable)] == [7, 7]
