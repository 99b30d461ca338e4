"""Makes the buffer assignments beside it anew, with jax on a processor.

    XLA_FLAGS=--xla_dump_to=DIR python3 functions.py
    cat DIR/*jit_unet.*buffer-assignment.txt DIR/*jit_unet.*live-range.txt >unet.txt
"""

import jax
import jax.numpy as jnp
from jax import lax


def shape(*dims):
    return jax.ShapeDtypeStruct(dims, jnp.float32)


def loop(x):
    """A loop whose state is a number and a matrix."""

    def body(state):
        i, x = state
        return i + 1, jnp.tanh(x @ x) + jnp.sort(x, axis=0)

    return lax.while_loop(lambda state: state[0] < 10, body, (0, x))[1]


def mlp(x, weights):
    for weight in weights:
        x = jax.nn.relu(x @ weight)
    return x


def train(weights, x, y):
    """A step of training, in place."""
    gradients = jax.grad(lambda weights: jnp.mean((mlp(x, weights) - y) ** 2))(weights)
    return [weight - 0.1 * gradient for weight, gradient in zip(weights, gradients)]


def unet(x, weights):
    """Results that are needed again much later."""
    skips = []
    for weight in weights[:3]:
        x = jax.nn.relu(lax.conv_general_dilated(x, weight, (1, 1), "SAME"))
        skips.append(x)
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    for weight, skip in zip(weights[3:], skips[::-1]):
        x = jax.image.resize(x, skip.shape[:1] + (x.shape[1],) + skip.shape[2:], "nearest")
        x = jnp.concatenate([x, skip], 1)
        x = jax.nn.relu(lax.conv_general_dilated(x, weight, (1, 1), "SAME"))
    return x


jax.jit(loop).lower(shape(64, 64)).compile()
layers = [shape(64, 256), shape(256, 256), shape(256, 10)]
jax.jit(train, donate_argnums=0).lower(layers, shape(32, 64), shape(32, 10)).compile()
channels = [(16, 3), (32, 16), (64, 32), (32, 128), (16, 64), (3, 32)]
filters = [shape(*pair, 3, 3) for pair in channels]
jax.jit(unet).lower(shape(1, 3, 64, 64), filters).compile()
