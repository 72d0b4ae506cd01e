"""An effective config (what `vae config` prints) as layers, matrix products and bytes. Needs no more than Python 3.11.

The shapes follow the program's `src/model/conv.rs` and `src/model/mlp.rs`. What the peers do not have is refused.
"""

import gzip
import math
import pathlib
import random
import tomllib
from dataclasses import dataclass


class Refused(Exception):
    """What cannot be built, said so that a person can change it."""


@dataclass(frozen=True)
class Layer:
    """One layer and its activation. A map is (C, H, W), anything else (count,)."""

    kind: str  # dense | conv | transposed
    input: tuple
    output: tuple
    activation: str  # relu | tanh | none
    kernel: int = 1
    stride: int = 1
    padding: tuple = ((0, 0), (0, 0))  # vertical, horizontal: zeros before and after
    output_padding: int = 0

    def product(self, batch):
        """The forward pass as one product [M, K] x [K, N], a convolution's with its windows laid out (im2col)."""
        if self.kind == "dense":
            return batch, math.prod(self.input), math.prod(self.output)
        window = self.kernel**2
        if self.kind == "conv":
            return batch * math.prod(self.output[1:]), self.input[0] * window, self.output[0]
        return batch * math.prod(self.input[1:]), self.input[0], self.output[0] * window


@dataclass(frozen=True)
class Network:
    image: tuple  # (C, H, W)
    latent: int
    encoder: list
    mean: Layer
    log_var: Layer
    decoder: list

    def layers(self):
        """In the order of the model file, under its names."""
        named = [(f"encoder.{i}", layer) for i, layer in enumerate(self.encoder)]
        named += [("mean", self.mean), ("log_var", self.log_var)]
        return named + [(f"decoder.{i}", layer) for i, layer in enumerate(self.decoder)]

    def is_convolutional(self):
        return any(layer.kind != "dense" for _, layer in self.layers())

    def products(self, batch, samples=1):
        """(name, M, K, N) of every product of a training step: a layer's output and the gradients of its weight and of
        its input; the input of the first layer is data and needs none. The decoder sees `samples` samples of z per image."""
        reads_data = self.encoder[:1] or [self.mean, self.log_var]
        for name, layer in self.layers():
            m, k, n = layer.product(batch * samples if name.startswith("decoder") else batch)
            yield "forward", m, k, n
            yield "weight", k, m, n
            # The heads are equal, hence `is`.
            if not any(layer is first for first in reads_data):
                yield "input", m, n, k

    def flops_per_image(self, samples=1):
        return sum(2 * m * k * n for _, m, k, n in self.products(1, samples))


@dataclass(frozen=True)
class Experiment:
    data: str  # mnist | noise
    count: int | None  # images to train on; None: all that the files have, less `aside`
    aside: int
    reads_data: bool  # whether the weights that training starts from depend on the images
    pixels: str  # grey | threshold | dynamic | static
    samples: int | None  # samples of z per image in the importance-weighted bound; None: the ELBO, its KL in closed form
    batch: int
    epochs: int
    learning_rate: float
    stages: dict | None  # of the learning rate; None: it is constant
    adam: dict
    network: Network

    def learning_rate_in(self, epoch):
        """The learning rate of an epoch (0, 1, ...), as the program's `src/schedule.rs` has it."""
        rate, length, end = self.learning_rate, 1, 1
        while self.stages and end <= epoch:
            length *= self.stages["growth"]
            end += length
            rate *= self.stages["factor"]
        return rate


def read(path):
    """The experiment of an effective config's file."""
    config = tomllib.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    try:
        return experiment(config)
    except KeyError as error:
        raise Refused(f"{path}: {error} is missing; the peers read what `vae config` prints") from None


def experiment(config):
    def kind(part, *known):
        (tag, table), *more = config[part].items()
        if tag not in known or more:
            raise Refused(f"[{part}.{tag}]: the peers have {' and '.join(known)} only")
        return tag, table

    def must(part, table, **expected):
        for key, value in expected.items():
            if table.get(key, value) != value:
                raise Refused(f"{part}.{key} = {table[key]}: the peers have {value} only")

    data, source = kind("data", "mnist", "noise")
    must(f"data.{data}", source, train_on="train")
    kind("likelihood", "bernoulli")
    objective, of_objective = kind("objective", "elbo", "iwae")
    if objective == "elbo":
        must("objective.elbo", of_objective, beta=1.0, warmup=0.0, free_bits=0.0, estimator="analytic", cyclical=None)
    schedule, of_schedule = kind("schedule", "constant", "stages")
    must(f"schedule.{schedule}", of_schedule, warmup=0.0)
    if of_schedule.get("growth", 1.0) % 1:
        raise Refused(f"schedule.stages.growth = {of_schedule['growth']}: the peers change the learning rate between epochs only")
    adam = kind("optimizer", "adam")[1]
    must("optimizer.adam", adam, weight_decay=0.0)
    train = config["train"]
    if "clip" in train:
        raise Refused("train.clip: the peers do not clip gradients")
    if "normal" not in config.get("prior", {"normal": {}}):
        raise Refused("[prior]: the peers have N(0, I) alone")
    if "condition" in config:
        raise Refused("[condition]: the peers are not told the class")
    if data == "noise":
        size = source["size"] if isinstance(source["size"], list) else [source["size"]] * 2
        image, count = (source["channels"], *size), source["count"] - source["validation"]
    else:
        image, count = (1, 28, 28), None
    tag, model = kind("model", "mlp", "conv")
    must(f"model.{tag}", model, code_activation="none")
    network = {"mlp": mlp, "conv": conv}[tag](model, image)
    aside = source["validation"]
    stages = of_schedule if schedule == "stages" else None
    samples = of_objective["samples"] if objective == "iwae" else None
    protocol = source["pixels"], samples, train["batch"], train["epochs"], train["learning_rate"], stages
    return Experiment(data, count, aside, model.get("output_bias") == "mean", *protocol, adam, network)


def complete(model, image, encoder, decoder):
    """The two heads, and the last layer without an activation."""
    features = encoder[-1].output if encoder else image
    mean, log_var = (Layer("dense", features, (model["latent"],), "none") for _ in range(2))
    if math.prod(decoder[-1].output) != math.prod(image):
        raise Refused(f"the decoder gives {decoder[-1].output}, the images are {image}")
    return Network(image, model["latent"], encoder, mean, log_var, decoder)


def mlp(model, image):
    def chain(start, units):
        layers = []
        for count in units:
            start = layers[-1].output if layers else start
            layers.append(Layer("dense", start, (count,), model["activation"]))
        return layers

    decoder = chain((model["latent"],), model.get("decoder", model["hidden"][::-1]))
    last = decoder[-1].output if decoder else (model["latent"],)
    decoder.append(Layer("dense", last, image, "none"))
    return complete(model, image, chain(image, model["hidden"]), decoder)


def conv(model, image):
    def chain(start, tables):
        layers = []
        for table in tables:
            layers.append(layer(table, layers[-1].output if layers else start, model["activation"]))
        return layers

    decoder = chain((model["latent"],), model["decoder"])
    last = Layer(**{**vars(decoder[-1]), "activation": "none"})
    return complete(model, image, chain(image, model["encoder"]), [*decoder[:-1], last])


def layer(table, start, activation):
    """One line of an encoder or decoder, on what the line before gives."""
    activation = table.get("activation", activation)
    if "dense" in table:
        return Layer("dense", start, tuple(table.get("shape", [table["dense"]])), activation)
    if len(start) != 3:
        raise Refused(f"{table}: its input {start} is no map")
    kernel, stride, padding = table.get("kernel", 3), table.get("stride", 1), table.get("padding", "same")
    if "conv" in table:
        # "same" as TensorFlow pads: the odd zero comes last.
        def along(length):
            total = max(0, (math.ceil(length / stride) - 1) * stride + kernel - length)
            return {"same": (total // 2, total - total // 2), "valid": (0, 0)}.get(padding, (padding, padding))

        pads = tuple(along(length) for length in start[1:])
        sides = [(length + sum(pad) - kernel) // stride + 1 for length, pad in zip(start[1:], pads)]
        return Layer("conv", start, (table["conv"], *sides), activation, kernel, stride, pads)
    # "same" gives stride times the size, as TensorFlow does: the odd row is cut off at the end.
    total = max(0, kernel - stride)
    pad = {"same": (total // 2, total - total // 2), "valid": (0, 0)}.get(padding, (padding, padding))
    extra = max(0, stride - kernel) if padding == "same" else table.get("output_padding", 0)
    sides = [(length - 1) * stride + kernel + extra - sum(pad) for length in start[1:]]
    pads = (pad, pad)
    return Layer("transposed", start, (table["transposed"], *sides), activation, kernel, stride, pads, extra)


TRAIN, TEST = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"


def open_mnist(folder, name=TRAIN):
    """One of MNIST's files below `folder`, plain or gzipped."""
    for place in (pathlib.Path(folder) / "mnist", pathlib.Path(folder)):
        for path, opened in ((place / (name + ".gz"), gzip.open), (place / name, open)):
            if path.is_file():
                return opened(path, "rb")
    raise Refused(f"{folder}: no {name} or {name}.gz there or in its folder mnist; pass `--data DIR`")


def mnist_count(folder):
    with open_mnist(folder) as file:
        return int.from_bytes(file.read(8)[4:], "big")


def first_of_mnist(folder, count, tests, out):
    """Writes MNIST's first `count` training and `tests` test images to the folder `out`, as MNIST has them."""
    out.mkdir()
    for name, most in ((TRAIN, count), (TEST, tests)):
        for part, values, header in ((name, 28 * 28, 16), (name.replace("images-idx3", "labels-idx1"), 1, 8)):
            with open_mnist(folder, part) as file:
                start = bytearray(file.read(header))
                body = file.read(most * values)
            start[4:8] = (len(body) // values).to_bytes(4, "big")
            (out / part).write_bytes(start + body)


def test_images(folder, count):
    """The bytes of the first so many of MNIST's test images."""
    with open_mnist(folder, TEST) as file:
        return file.read(16 + count * 28 * 28)[16:]


def images(experiment, folder):
    """The bytes of the images to train on, `[N, C, H, W]`; as the program does, the last ones are set aside."""
    values = math.prod(experiment.network.image)
    if experiment.pixels == "static":
        raise Refused('pixels = "static": the peers have grey, threshold and dynamic only')
    if experiment.data == "noise":
        return random.Random(1).randbytes(experiment.count * values)
    count = mnist_count(folder) - experiment.aside
    with open_mnist(folder) as file:
        return file.read(16 + count * values)[16:]
