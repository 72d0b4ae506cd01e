"""Reads an effective config (as `vae config` prints it) as layers, matrix products and bytes. Needs only Python 3.11.

The shapes follow the program's `src/model/conv.rs`, `resnet.rs` and `mlp.rs`. A config that the peers cannot train is refused.
"""

import gzip
import math
import pathlib
import random
import tomllib
from dataclasses import dataclass


class Refused(Exception):
    """The peers cannot train this config; the message names the key to change."""


@dataclass(frozen=True)
class Layer:
    """A layer and its activation. Shapes are (C, H, W) for maps, and (count,) for everything else."""

    kind: str  # dense | conv | transposed | residual | norm | upsample | pool
    input: tuple
    output: tuple
    activation: str  # relu | tanh | silu | ... | none; for a residual block, the one before its convolutions
    kernel: int = 1
    stride: int = 1
    padding: tuple = ((0, 0), (0, 0))  # zeros before and after: vertically, horizontally
    output_padding: int = 0
    groups: int = 0  # of a norm; of both norms of a residual block as they are after `groups_of`, if 0
    factor: int = 1  # of an upsample or a pool

    def products(self, batch):
        """Yields M, K, N of each product [M, K] x [K, N] of the forward pass; for a convolution, of its im2col form."""
        window, pixels = self.kernel**2, batch * math.prod(self.output[1:])
        if self.kind == "dense":
            yield batch, math.prod(self.input), math.prod(self.output)
        elif self.kind == "conv":
            yield pixels, self.input[0] * window, self.output[0]
        elif self.kind == "transposed":
            yield batch * math.prod(self.input[1:]), self.input[0], self.output[0] * window
        elif self.kind == "residual":
            for inputs in (self.input[0], self.output[0]):
                yield pixels, inputs * window, self.output[0]
            if self.input[0] != self.output[0]:
                yield pixels, self.input[0], self.output[0]


@dataclass(frozen=True)
class Network:
    image: tuple  # (C, H, W)
    latent: int
    encoder: list
    mean: Layer
    log_var: Layer
    decoder: list

    def layers(self):
        """Returns the layers in the order of the model file, with their names there."""
        named = [(f"encoder.{i}", layer) for i, layer in enumerate(self.encoder)]
        named += [("mean", self.mean), ("log_var", self.log_var)]
        return named + [(f"decoder.{i}", layer) for i, layer in enumerate(self.decoder)]

    def is_convolutional(self):
        return any(layer.kind != "dense" for _, layer in self.layers())

    def products(self, batch, samples=1):
        """Yields (name, M, K, N) of every product of a training step: each layer's output and the gradients of its weight
        and its input, except the input of the first layer, which is data. The decoder has `samples` samples of z per image."""
        reads_data = self.encoder[:1] or [self.mean, self.log_var]
        for name, layer in self.layers():
            for m, k, n in layer.products(batch * samples if name.startswith("decoder") else batch):
                yield "forward", m, k, n
                yield "weight", k, m, n
                # The heads compare as equal, so `==` would not distinguish them.
                if not any(layer is first for first in reads_data):
                    yield "input", m, n, k

    def flops_per_image(self, samples=1):
        return sum(2 * m * k * n for _, m, k, n in self.products(1, samples))


@dataclass(frozen=True)
class Experiment:
    data: str  # mnist | noise
    count: int | None  # training images; None: all in the files except the last `aside`
    aside: int
    reads_data: bool  # whether the initial weights depend on the images
    pixels: str  # grey | threshold | dynamic | static
    samples: int | None  # samples of z per image in the importance-weighted bound; None: the ELBO with its KL in closed form
    batch: int
    epochs: int
    learning_rate: float
    stages: dict | None  # the schedule's growth and factor; None: the learning rate is constant
    adam: dict
    network: Network

    def learning_rate_in(self, epoch):
        """Returns the learning rate of an epoch (0, 1, ...), as the program's `src/schedule.rs` does."""
        rate, length, end = self.learning_rate, 1, 1
        while self.stages and end <= epoch:
            length *= self.stages["growth"]
            end += length
            rate *= self.stages["factor"]
        return rate


def read(path):
    """Reads the experiment from the file of an effective config."""
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
    tag, model = kind("model", "mlp", "conv", "resnet")
    must(f"model.{tag}", model, latent_activation="none")
    network = {"mlp": mlp, "conv": conv, "resnet": resnet}[tag](model, image)
    aside = source["validation"]
    stages = of_schedule if schedule == "stages" else None
    samples = of_objective["samples"] if objective == "iwae" else None
    protocol = source["pixels"], samples, train["batch"], train["epochs"], train["learning_rate"], stages
    return Experiment(data, count, aside, model.get("output_bias") == "mean", *protocol, adam, network)


def complete(model, image, encoder, decoder):
    """Builds the network: adds the two heads to the encoder and decoder."""
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


def resnet(model, image):
    """Returns the lists of layers that `model.resnet` stands for."""
    channels, stem = model["channels"], model["stem"]
    blocks = lambda count: [{"residual": count, "groups": model["groups"], "activation": model["activation"]}] * model["blocks"]
    conv_to = lambda count, stride: {"conv": count, "kernel": 3 if stride == 1 else stride + 2, "stride": stride}
    norm = {"norm": model["groups"], "activation": model["activation"]}
    sizes = [list(image[1:])]
    for stride in [stem, *[2] * (len(channels) - 1)]:
        sizes.append([math.ceil(side / stride) for side in sizes[-1]])
    encoder, decoder = [], []
    for level, count in enumerate(channels):
        encoder += [conv_to(count, 2 if level else stem), *blocks(count)]
    for level, count in reversed([*enumerate(channels)]):
        if level + 1 == len(channels):
            decoder.append({"dense": count * math.prod(sizes[-1]), "shape": [count, *sizes[-1]]})
        else:
            decoder += [{"upsample": 2, "size": sizes[level + 1]}, conv_to(count, 1)]
        decoder += blocks(count)
    decoder += [norm, *([{"upsample": stem, "size": sizes[0]}] if stem > 1 else []), conv_to(image[0], 1)]
    lists = {"encoder": [*encoder, norm], "decoder": decoder}
    return conv({"latent": model["latent"], "activation": "none"} | lists, image)


def groups_of(groups, channels):
    """Returns the number of groups of a normalisation; 0 chooses it, as the program's `normalised.rs` does."""
    most = max(1, min(32, channels // 4))
    return groups or max(count for count in range(1, most + 1) if channels % count == 0)


def layer(table, start, activation):
    """Returns the layer of one line of an encoder or decoder; `start` is the output shape of the line before."""
    activation = table.get("activation", activation)
    if "dense" in table:
        return Layer("dense", start, tuple(table.get("shape", [table["dense"]])), activation)
    if len(start) != 3:
        raise Refused(f"{table}: its input {start} is no map")
    if "residual" in table:
        output = (table["residual"], *start[1:])
        return Layer("residual", start, output, activation, table.get("kernel", 3), groups=table.get("groups", 0))
    if "norm" in table:
        return Layer("norm", start, start, activation, groups=groups_of(table["norm"], start[0]))
    if "upsample" in table:
        factor = table["upsample"]
        size = table.get("size", [side * factor for side in start[1:]])
        return Layer("upsample", start, (start[0], *size), "none", factor=factor)
    if "pool" in table:
        size = [math.ceil(side / table["pool"]) for side in start[1:]]
        return Layer("pool", start, (start[0], *size), "none", factor=table["pool"])
    kernel, stride, padding = table.get("kernel", 3), table.get("stride", 1), table.get("padding", "same")
    if "conv" in table:
        # TensorFlow's "same": an odd zero comes last.
        def along(length):
            total = max(0, (math.ceil(length / stride) - 1) * stride + kernel - length)
            return {"same": (total // 2, total - total // 2), "valid": (0, 0)}.get(padding, (padding, padding))

        pads = tuple(along(length) for length in start[1:])
        sides = [(length + sum(pad) - kernel) // stride + 1 for length, pad in zip(start[1:], pads)]
        return Layer("conv", start, (table["conv"], *sides), activation, kernel, stride, pads)
    # TensorFlow's "same": the output is stride times the input; an odd row is cut off at the end.
    total = max(0, kernel - stride)
    pad = {"same": (total // 2, total - total // 2), "valid": (0, 0)}.get(padding, (padding, padding))
    extra = max(0, stride - kernel) if padding == "same" else table.get("output_padding", 0)
    sides = [(length - 1) * stride + kernel + extra - sum(pad) for length in start[1:]]
    pads = (pad, pad)
    return Layer("transposed", start, (table["transposed"], *sides), activation, kernel, stride, pads, extra)


TRAIN, TEST = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"


def open_mnist(folder, name=TRAIN):
    """Opens one of the files of MNIST below `folder`, plain or gzipped."""
    for place in (pathlib.Path(folder) / "mnist", pathlib.Path(folder)):
        for path, opened in ((place / (name + ".gz"), gzip.open), (place / name, open)):
            if path.is_file():
                return opened(path, "rb")
    raise Refused(f"{folder}: no {name} or {name}.gz there or in its folder mnist; pass `--data DIR`")


def mnist_count(folder):
    with open_mnist(folder) as file:
        return int.from_bytes(file.read(8)[4:], "big")


def first_of_mnist(folder, count, tests, out):
    """Writes the first `count` training and `tests` test images of MNIST to the folder `out`, in the same format."""
    out.mkdir()
    for name, most in ((TRAIN, count), (TEST, tests)):
        for part, values, header in ((name, 28 * 28, 16), (name.replace("images-idx3", "labels-idx1"), 1, 8)):
            with open_mnist(folder, part) as file:
                start = bytearray(file.read(header))
                body = file.read(most * values)
            start[4:8] = (len(body) // values).to_bytes(4, "big")
            (out / part).write_bytes(start + body)


def test_images(folder, count):
    """Returns the bytes of the first `count` test images of MNIST."""
    with open_mnist(folder, TEST) as file:
        return file.read(16 + count * 28 * 28)[16:]


def images(experiment, folder):
    """Returns the bytes of the training images, `[N, C, H, W]`, without those that the program sets aside."""
    values = math.prod(experiment.network.image)
    if experiment.pixels == "static":
        raise Refused('pixels = "static": the peers have grey, threshold and dynamic only')
    if experiment.data == "noise":
        return random.Random(1).randbytes(experiment.count * values)
    count = mnist_count(folder) - experiment.aside
    with open_mnist(folder) as file:
        return file.read(16 + count * values)[16:]
