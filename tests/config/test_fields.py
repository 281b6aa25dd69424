"""Tests of framework/config/fields.py."""

import dataclasses

from framework.config import fields
from framework.config.config import Config


def test_every_field_has_a_sentence_of_help():
    for field in dataclasses.fields(Config):
        assert field.metadata["help"].endswith("."), field.name
        assert field.type in ("str", "int", "float", "bool"), field.name


def test_each_group_is_a_heading():
    makers = {group: getattr(fields, group) for group in fields.GROUPS}
    groups = {name: make(1, "").metadata["group"] for name, make in makers.items()}
    assert groups == {name: name for name in groups}
    used = {field.metadata["group"] for field in dataclasses.fields(Config)}
    assert used == set(fields.GROUPS)
