"""Draws the same pixels as the program, so that both measure the same images. Needs numpy.

Threefry-2x32-20 and its streams follow the program's `src/rng.rs`, the pixels of an image `src/data/pixels.rs`.
"""

import numpy as np

ROTATIONS = (13, 15, 26, 6), (17, 29, 16, 24)
WORD = 0xFFFFFFFF


def threefry(key, counter):
    """Returns the two words of `counter` under `key`. Each of the four is a 32-bit word or an array of them."""
    a, b = (np.asarray(word, np.uint32) for word in key)
    keys = a, b, np.uint32(0x1BD11BDA) ^ a ^ b
    with np.errstate(over="ignore"):
        x, y = np.asarray(counter[0], np.uint32) + keys[0], np.asarray(counter[1], np.uint32) + keys[1]
        for group in range(5):
            for rotation in ROTATIONS[group % 2]:
                x = x + y
                y = (y << np.uint32(rotation) | y >> np.uint32(32 - rotation)) ^ x
            x = x + keys[(group + 1) % 3]
            y = y + (keys[(group + 2) % 3] + np.uint32(group + 1))
    return x, y


def at(key, index):
    return threefry(key, (index & WORD, index >> 32))


def stream(key, name):
    code = 0xCBF29CE484222325
    for byte in name.encode():
        code = (code ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return at(key, code)


def new(seed):
    return at((0x76616500, 0), seed)


def uniforms(key, count, values):
    """Returns the first `values` numbers in [0, 1) of each of the sequences 0, 1, ... below `count`, `[count, values]`."""
    of_each = [word[:, None] for word in at(key, np.arange(count, dtype=np.uint64))]
    pairs = threefry(of_each, (np.arange((values + 1) // 2, dtype=np.uint32)[None], np.uint32(0)))
    words = np.stack(pairs, axis=2).reshape(count, -1)[:, :values]
    return (words >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


def drawn(pixels, levels, seed):
    """Returns the pixels that the program measures on: the bytes `levels`, `[N, P]`, as float32 by its rule `pixels`."""
    levels = levels.astype(np.float32)
    if pixels == "grey":
        return levels / np.float32(255)
    if pixels == "threshold":
        return (levels > 127).astype(np.float32)
    key = stream(stream(new(seed), "evaluation"), "pixels") if pixels == "dynamic" else stream(new(0), "static pixels")
    return (uniforms(key, *levels.shape) * np.float32(255) < levels).astype(np.float32)
