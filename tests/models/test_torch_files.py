"""Tests of framework/models/torch_files.py and torch_pickle.py.

Files are written here operation by operation, so that PyTorch is not needed.
"""

import io
import zipfile

import keras
import numpy as np
import pytest

from framework.errors import RunError
from framework.models import by_name, torch_files, torch_pickle, weight_files
from framework.models.layers import batch_norm

KINDS = {"f": "Float", "d": "Double", "e": "Half", "l": "Long", "B": "Byte"}


def pickled(*operations):
    return b"\x80\x02" + b"".join(operations) + b"."


def text(value):
    content = value.encode()
    return b"X" + len(content).to_bytes(4, "little") + content


def number(value):
    return b"J" + value.to_bytes(4, "little", signed=True)


def tuple_of(*operations):
    return b"(" + b"".join(operations) + b"t"


def mapping(items):
    content = b"".join(text(key) + value for key, value in items.items())
    return b"ccollections\nOrderedDict\n)R(" + content + b"u"


def tensor(key, size, shape, strides, offset=0, kind="Float"):
    """Returns the operations that describe a tensor."""
    name = f"ctorch\n{kind}Storage\n".encode()
    storage = tuple_of(
        text("storage"), name, text(key), text("cpu"), number(size), b"N"
    )
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n"
        + tuple_of(
            storage + b"Q",
            number(offset),
            tuple_of(*map(number, shape)),
            tuple_of(*map(number, strides)),
            b"\x89",
            mapping({}),
        )
        + b"R"
    )


def tensor_of(key, value):
    strides = [stride // value.itemsize for stride in value.strides]
    kind = KINDS[value.dtype.char]
    return tensor(key, value.size, value.shape, strides, kind=kind)


def legacy_bytes(state, storages):
    """Returns a file of the format before PyTorch 1.6.

    Args:
        state: The operations of its data.
        storages: Arrays by key.
    """
    magic = b"\x8a\x0a" + 0x1950A86A20F9469CFC6C.to_bytes(10, "little")
    system = b"}" + text("little_endian") + b"\x88s"
    keys = b"](" + b"".join(map(text, storages)) + b"e"
    pickles = [magic, number(1001), system, state, keys]
    content = b"".join(map(pickled, pickles))
    for value in storages.values():
        content += value.size.to_bytes(8, "little") + value.tobytes()
    return content


def write_zip(path, state, storages, byteorder=b"little"):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickled(state))
        file.writestr("archive/byteorder", byteorder)
        for key, value in storages.items():
            file.writestr(f"archive/data/{key}", value.tobytes())


def save(path, values, is_zip=False):
    """Writes arrays by name as torch.save writes a state_dict."""
    values = {name: np.ascontiguousarray(value) for name, value in values.items()}
    storages = {str(index): value for index, value in enumerate(values.values())}
    state = mapping(
        {
            name: tensor_of(str(index), value)
            for index, (name, value) in enumerate(values.items())
        }
    )
    if is_zip:
        write_zip(path, state, storages)
    else:
        path.write_bytes(legacy_bytes(state, storages))


def load(*operations):
    return torch_pickle.load(io.BytesIO(pickled(*operations)))


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        (number(-7), -7),
        (b"K\x05", 5),
        (b"M\xe9\x03", 1001),
        (b"\x8a\x01\xff", -1),
        (b"G?\xe0\x00\x00\x00\x00\x00\x00", 0.5),
        (text("é"), "é"),
        (b"N", None),
        (b"\x88\x89\x86", (True, False)),
        (b"K\x01K\x02K\x03\x87", (1, 2, 3)),
        (b"K\x01\x85", (1,)),
        (tuple_of(), ()),
        (b"](K\x01K\x02e", [1, 2]),
        (b"]K\x01a", [1]),
        (b"}" + text("a") + b"K\x01s", {"a": 1}),
        (mapping({"a": b"K\x01", "b": b"K\x02"}), {"a": 1, "b": 2}),
        # Stored under 0, and read twice.
        (b"](K\x01q\x00h\x00j\x00\x00\x00\x00e", [1, 1, 1]),
    ],
)
def test_data(operations, expected):
    assert load(operations) == expected


def test_a_tensor_is_described():
    actual = load(tensor("k", 6, (2, 3), (1, 2), 1, "BFloat16"))
    assert (actual.offset, actual.shape, actual.strides) == (1, (2, 3), (1, 2))
    assert (actual.storage.key, actual.storage.size) == ("k", 6)
    assert actual.storage.is_bfloat16


def test_the_file_is_left_behind_the_pickle():
    file = io.BytesIO(pickled(b"K\x01") + pickled(b"K\x02") + b"rest")
    assert [torch_pickle.load(file), torch_pickle.load(file)] == [1, 2]
    assert file.read() == b"rest"


@pytest.mark.parametrize(
    "name",
    [
        b"os\nsystem",
        b"builtins\neval",
        b"torch\nload",
        b"torch.nn.modules.linear\nLinear",
        b"collections\nabc.OrderedDict",
        b"torch.storage\nFloatStorage",
    ],
)
def test_refuses_all_names_but_those_of_tensors(name):
    shown = name.decode().replace("\n", ".")
    with pytest.raises(ValueError, match=f"contains code, {shown}, which is not"):
        load(b"c" + name + b"\n")


def test_executes_nothing(tmp_path):
    path = tmp_path / "made"
    with pytest.raises(ValueError, match=r"contains code, os\.mkdir"):
        load(b"cos\nmkdir\n" + tuple_of(text(str(path))) + b"R")
    assert not path.exists()


@pytest.mark.parametrize(
    ("operations", "name"),
    [
        (text("os") + text("system") + b"\x93", "STACK_GLOBAL"),
        (b"(" + text("ls") + b"ios\nsystem\n", "INST"),
        (b"ccollections\nOrderedDict\n)\x81", "NEWOBJ"),
        (b"\x82\x01", "EXT1"),
        (b"P0\n", "PERSID"),
    ],
)
def test_refuses_all_other_operations(operations, name):
    with pytest.raises(ValueError, match=f"operation {name}, which is not data"):
        load(operations)


@pytest.mark.parametrize(
    "operations",
    [
        # Calls of what may not be called, and storages of another kind.
        b"ctorch\nFloatStorage\n)R",
        text("eval") + b")R",
        tuple_of(text("module"), b"N", text("0"), text("cpu"), number(1), b"N") + b"Q",
        b"ctorch._utils\n_rebuild_tensor_v2\n" + tuple_of(b"NK\x00))") + b"R",
    ],
)
def test_refuses_what_is_no_tensor(operations):
    with pytest.raises(ValueError, match=r"calls|refers|storage"):
        load(operations)


def values():
    """Returns weights as PyTorch has them, of the network in `net`."""
    generator = np.random.default_rng(0)
    shapes = {
        "_stem.weight": (4, 3, 3, 2),
        "_bn0.weight": (4,),
        "_bn0.bias": (4,),
        "_bn0.running_mean": (4,),
        "_bn0.running_var": (4,),
        "_blocks.0._depthwise.weight": (8, 1, 3, 3),
        "_fc.weight": (5, 8),
        "_fc.bias": (5,),
    }
    arrays = {
        name: generator.uniform(0.5, 1.5, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    return arrays | {"_bn0.num_batches_tracked": np.array(3)}


def net():
    inputs = keras.Input((6, 7, 3))
    features = keras.layers.Conv2D(4, (3, 2), use_bias=False, name="stem")(inputs)
    features = batch_norm(name="bn0")(features)
    features = keras.layers.DepthwiseConv2D(
        3, depth_multiplier=2, use_bias=False, name="blocks_0_depthwise"
    )(features)
    features = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, keras.layers.Dense(5, name="fc")(features))


def convolved(images, kernels, groups=1):
    """Returns PyTorch's conv2d, [N, C, H, W], by its definition."""
    views = np.lib.stride_tricks.sliding_window_view(
        images, kernels.shape[2:], axis=(2, 3)
    )
    inputs = np.split(views, groups, axis=1)
    outputs = np.split(kernels, groups)
    pairs = zip(inputs, outputs, strict=True)
    return np.concatenate(
        [np.einsum("nchwij,ocij->nohw", each, kernel) for each, kernel in pairs], 1
    )


def expected_outputs(images):
    """Returns the outputs of the network of `values` in the axes of PyTorch."""
    w = values()
    features = convolved(images, w["_stem.weight"])
    scale = w["_bn0.weight"] / np.sqrt(w["_bn0.running_var"] + 1e-3)
    shift = w["_bn0.bias"] - w["_bn0.running_mean"] * scale
    features = features * scale[:, None, None] + shift[:, None, None]
    features = convolved(features, w["_blocks.0._depthwise.weight"], groups=4)
    return features.mean(axis=(2, 3)) @ w["_fc.weight"].T + w["_fc.bias"]


@pytest.mark.parametrize("is_zip", [False, True])
@pytest.mark.parametrize("name", ["a.pth", "a.pt"])
def test_a_network_gives_the_outputs_of_pytorch(tmp_path, name, is_zip):
    save(tmp_path / name, values(), is_zip)
    model = net()
    match = by_name.assign(model, weight_files.read(tmp_path / name))
    assert not match.missing + match.shapes + match.unused
    images = np.random.default_rng(1).normal(size=(2, 3, 6, 7)).astype(np.float32)
    actual = np.asarray(model(images.transpose(0, 2, 3, 1), training=False))
    np.testing.assert_allclose(actual, expected_outputs(images), rtol=1e-4)


def test_agrees_with_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    arrays = values()
    for is_zip in (False, True):
        path = tmp_path / f"{is_zip}.pth"
        state = {name: torch.tensor(value) for name, value in arrays.items()}
        torch.save(state, path, _use_new_zipfile_serialization=is_zip)
        actual = torch_files.read(path)
        expected = torch_files.keras_names(arrays)
        assert actual.keys() == expected.keys()
        for key, value in expected.items():
            np.testing.assert_array_equal(actual[key], value)


def read(tmp_path, state, storages, is_zip):
    path = tmp_path / "a.pth"
    if is_zip:
        write_zip(path, state, storages)
    else:
        path.write_bytes(legacy_bytes(state, storages))
    return weight_files.read(path)


STORAGE = np.arange(6, dtype=np.float32)


@pytest.mark.parametrize("is_zip", [False, True])
def test_views_of_one_storage(tmp_path, is_zip):
    state = mapping(
        {
            "a.gain": tensor("0", 6, (2, 2), (1, 3), offset=1),
            "b.gain": tensor("0", 6, (), (), offset=5),
            "c.gain": tensor("0", 6, (0, 4), (4, 1)),
        }
    )
    actual = read(tmp_path, state, {"0": STORAGE}, is_zip)
    assert actual["a/gain"].tolist() == [[1, 4], [2, 5]]
    assert actual["b/gain"].shape == ()
    assert actual["b/gain"] == 5
    assert actual["c/gain"].shape == (0, 4)


@pytest.mark.parametrize("is_zip", [False, True])
@pytest.mark.parametrize(
    ("kind", "stored", "expected"),
    [
        ("Half", np.array([1.5, -2], np.float16), [1.5, -2]),
        ("Double", np.array([0.1, 3]), [0.1, 3]),
        # The upper halves of 1 and -2.5.
        ("BFloat16", np.array([0x3F80, 0xC020], np.uint16), [1, -2.5]),
        ("Bool", np.array([True, False]), [True, False]),
    ],
)
def test_types(tmp_path, is_zip, kind, stored, expected):
    state = mapping({"a.gain": tensor("0", 2, (2,), (1,), kind=kind)})
    assert read(tmp_path, state, {"0": stored}, is_zip)["a/gain"].tolist() == expected


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_weights_beside_other_entries(tmp_path, key):
    weights = mapping({"a.gain": tensor("0", 6, (6,), (1,))})
    state = mapping({"epoch": b"K\x03", key: weights})
    assert list(read(tmp_path, state, {"0": STORAGE}, True)) == ["a/gain"]


@pytest.mark.parametrize("is_zip", [False, True])
@pytest.mark.parametrize(
    "described",
    [
        tensor("0", 6, (7,), (1,)),
        tensor("0", 6, (6,), (1,), offset=1),
        tensor("0", 6, (2, 2), (5, 1)),
        tensor("0", 6, (3,), (-1,), offset=2),
        tensor("0", 6, (3,), (1,), offset=-1),
        # A terabyte from 24 bytes.
        tensor("0", 6, (2**30, 2**10), (0, 0)),
        # Claims more than the file has, whoever is asked first.
        tensor("0", 1000, (1000,), (1,)),
        tensor("1", 6, (6,), (1,)),
        tensor("0", 6, (2, 3), (1,)),
    ],
)
def test_refuses_tensors_outside_their_storage(tmp_path, described, is_zip):
    honest = tensor("0", 6, (6,), (1,))
    for items in ({"a.b": described}, {"a.b": described, "c.d": honest}):
        with pytest.raises(RunError, match="cannot be read"):
            read(tmp_path, mapping(items), {"0": STORAGE}, is_zip)


@pytest.mark.parametrize("names", [("a.bias", "_a.bias"), ("a.b.weight", "a_b.weight")])
def test_refuses_two_weights_of_one_name(names):
    with pytest.raises(ValueError, match="two weights have the name"):
        torch_files.keras_names({name: np.zeros((2, 2)) for name in names})


def test_names_and_axes():
    shapes = {
        "conv.weight": (8, 3, 5, 7),
        "conv.bias": (8,),
        "layer1.0.bn.weight": (8,),
        "layer1.0.bn.bias": (8,),
        "layer1.0.bn.running_mean": (8,),
        "layer1.0.bn.running_var": (8,),
        "layer1.0.bn.num_batches_tracked": (),
        "fc.weight": (2, 8),
        "scale": (3,),
    }
    arrays = {name: np.zeros(shape) for name, shape in shapes.items()}
    actual = {
        name: value.shape for name, value in torch_files.keras_names(arrays).items()
    }
    assert actual == {
        "conv/kernel": (5, 7, 3, 8),
        "conv/bias": (8,),
        "layer1_0_bn/gamma": (8,),
        "layer1_0_bn/beta": (8,),
        "layer1_0_bn/moving_mean": (8,),
        "layer1_0_bn/moving_variance": (8,),
        "fc/kernel": (8, 2),
        "scale": (3,),
    }


def test_refuses_files_of_other_kinds(tmp_path):
    path = tmp_path / "a.pth"
    write_zip(path, mapping({}), {})
    with pytest.raises(RunError, match="it has no weights, alone or as state_dict"):
        weight_files.read(path)
    write_zip(path, mapping({}), {}, byteorder=b"big")
    with pytest.raises(RunError, match="big-endian"):
        weight_files.read(path)
    path.write_bytes(pickled(b"K\x01"))
    with pytest.raises(RunError, match=r"not a file of torch\.save"):
        weight_files.read(path)
    path.write_bytes(legacy_bytes(b"cos\nsystem\n", {}))
    with pytest.raises(RunError, match=r"contains code, os\.system"):
        weight_files.read(path)


@pytest.mark.parametrize("is_zip", [False, True])
def test_damage_is_one_error(tmp_path, is_zip):
    path = tmp_path / "a.pth"
    save(path, {"a.weight": np.zeros(3, np.float32)}, is_zip)
    content = path.read_bytes()
    weight_files.read(path)
    for length in range(0, len(content) - 1, 3):
        path.write_bytes(content[:length])
        with pytest.raises(RunError, match="cannot be read"):
            weight_files.read(path)
