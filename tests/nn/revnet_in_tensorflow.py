"""RevNet's authors' own code, run once: ``python revnet_in_tensorflow.py CHECKOUT NAME BATCH``.

No test, but what test_revnet_authors.py starts, as TensorFlow and torch do not get on in one process. BATCH is a file
of images x, labels y and whether to train; variables, scores and gradients of the loss by those are put into it.
"""

import importlib
import json
import sys
from collections import namedtuple
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock

import numpy as np
import tensorflow.compat.v1 as tf


def authors(checkout):
    """Their class, and the configuration of a name: code for Python 2 and TensorFlow 1."""
    tf.disable_v2_behavior()
    sys.modules["tensorflow"] = tf
    for name in ("resnet", "resnet.models", "resnet.utils", "resnet.configs"):  # whose __init__ Python 3 cannot read
        package = sys.modules[name] = ModuleType(name)
        package.__path__ = [str(Path(checkout, *name.split(".")))]
    sys.modules["resnet.utils.logger"] = MagicMock()  # it takes longer than the network
    importlib.import_module("resnet.configs.cifar_configs")
    norm = importlib.import_module("resnet.models.nnlib").batch_norm
    norm.__defaults__ = (*norm.__defaults__[:-1], tf.float64)  # of statistics, which nobody hands on
    model = importlib.import_module("resnet.models.revnet_model").RevNetModel
    return model, importlib.import_module("resnet.configs.config_factory").get_config


def drawn(name, shape):
    """Numbers by which a layer neither explodes nor dies, none of which is where it starts."""
    random = np.random.default_rng(list(name.encode()))
    if name.endswith(("ema_var", "gamma")):
        return random.uniform(0.5, 1.5, shape)
    return random.standard_normal(shape) * (1.0 if len(shape) == 1 else (2 / np.prod(shape[:-1])) ** 0.5)


def main(checkout, name, batch):
    x, y, training = (np.load(batch)[key] for key in ("x", "y", "training"))
    model, find = authors(checkout)
    config = find(name)
    config.num_classes, config.wd, config.manual_gradients = 10, 0.0, False
    config = json.loads(json.dumps(vars(config)), object_hook=lambda own: namedtuple("Config", own)(**own))
    made = model(config, is_training=bool(training), inference_only=True, dtype=tf.float64, batch_size=len(y))
    learnt = tf.trainable_variables()
    gradients = tf.gradients(made.cost, learnt)
    scores = tf.get_default_graph().get_tensor_by_name("logit/xw_plus_b:0")
    with tf.Session() as session:
        values = {}
        for variable in tf.global_variables():
            values[variable.op.name] = drawn(variable.op.name, [int(size) for size in variable.shape])
            variable.load(values[variable.op.name], session)
        scores, gradients = session.run([scores, gradients], {made.input: x, made.label: y})
    found = {f"value {name}": value for name, value in values.items()}
    found |= {f"gradient {v.op.name}": value for v, value in zip(learnt, gradients, strict=True)}
    np.savez(batch, scores=scores, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
