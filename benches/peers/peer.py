"""Trains the VAE of an effective config in PyTorch or JAX, or times its matrix products alone. Run by compare.py.

    python3 peer.py MODE CONFIG WEIGHTS [--data DIR] [--threads N] [--seed N] [--device cuda]

    torch          eager, with PyTorch's default Adam, as in pytorch/examples
    torch-fused    eager, Adam(fused=True)
    torch-last     the same with weights and maps in the format channels_last
    torch-compile  torch.compile of loss and backward, Adam(fused=True)
    torch-graphs   the same with CUDA graphs (mode="reduce-overhead"), on a GPU only
    jax            one jitted step (loss, gradient, Adam) per batch, its state donated
    jax-scan       the whole batches of an epoch in one jitted lax.scan, its state donated
    products       only the step's matrix products, by torch.mm, the best time of each

All pixels are in memory as float32 in [0, 1]; dynamic pixels are drawn again in each step. The likelihood is a Bernoulli on
logits, summed over the values of an image. The loss is the negative ELBO with the KL in closed form and one sample of z, or
for the objective iwae the negative importance-weighted bound of K samples; its mean over the images of a batch is minimised.
Training starts from WEIGHTS, a model file of the program; the seed decides order and noise. Prints "first step" when that
step is done, and one line of JSON per epoch with the mean loss of its images and the seconds of its training.
"""

import argparse
import json
import math
import pathlib
import sys
import time

import numpy as np

import experiment as plan

PATIENCE = 0.4  # seconds for each product


def first_step():
    print("first step", flush=True)


def report(epoch, loss, seconds, count):
    record = {"epoch": epoch, "loss": loss, "seconds": seconds, "images_per_second": count / seconds}
    print(json.dumps(record), flush=True)


def batches(order, size):
    return [order[start : start + size] for start in range(0, len(order), size)]


def read_weights(path):
    """Returns weight and bias of each layer of a model file (safetensors) by the layer's name, in PyTorch's layouts."""
    data = pathlib.Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    layers = {}
    for name, tensor in json.loads(data[8:start]).items():
        if name != "__metadata__":
            first, last = tensor["data_offsets"]
            values = np.frombuffer(data[start + first : start + last], np.float32).reshape(tensor["shape"])
            layer, _, part = name.rpartition(".")
            layers.setdefault(layer, {})[part] = values
    return layers


def torch_network(network, weights):
    """Returns the encoder with its heads and the decoder as a module on flat images."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    activations = {
        "relu": [nn.ReLU()], "tanh": [nn.Tanh()], "silu": [nn.SiLU()], "gelu": [nn.GELU()], "leaky-relu": [nn.LeakyReLU()],
        "elu": [nn.ELU()], "softplus": [nn.Softplus()], "sigmoid": [nn.Sigmoid()], "none": [],
    }

    def filled(core, name):
        with torch.no_grad():
            core.weight.copy_(torch.tensor(weights[name]["weight"]))
            core.bias.copy_(torch.tensor(weights[name]["bias"]))
        return core

    class Block(nn.Module):
        def __init__(self, name, layer):
            super().__init__()
            inputs, outputs, pad = layer.input[0], layer.output[0], layer.kernel // 2
            norm = lambda part, channels: filled(nn.GroupNorm(plan.groups_of(layer.groups, channels), channels), f"{name}.{part}")
            conv = lambda part, *shape: filled(nn.Conv2d(*shape), f"{name}.{part}")
            first, second = [*activations[layer.activation]], [*activations[layer.activation]]
            self.first = nn.Sequential(norm("norm1", inputs), *first, conv("conv1", inputs, outputs, layer.kernel, 1, pad))
            self.second = nn.Sequential(norm("norm2", outputs), *second, conv("conv2", outputs, outputs, layer.kernel, 1, pad))
            self.shortcut = nn.Identity() if inputs == outputs else conv("shortcut", inputs, outputs, 1)

        def forward(self, x):
            return self.shortcut(x) + self.second(self.first(x))

    class Up(nn.Module):
        def __init__(self, factor, size):
            super().__init__()
            self.factor, self.size = factor, size

        def forward(self, x):
            return F.interpolate(x, scale_factor=self.factor, mode="nearest")[:, :, : self.size[0], : self.size[1]]

    def module(named, before):
        """Returns the module of `named` after the layer `before`. Data and the outputs of dense layers are flat."""
        name, layer = named
        kernel, stride, ((top, bottom), (left, right)) = layer.kernel, layer.stride, layer.padding
        flat = before is None or before.kind == "dense"
        if layer.kind in ("residual", "norm", "upsample", "pool"):
            core = {
                "residual": lambda: Block(name, layer),
                "norm": lambda: filled(nn.GroupNorm(layer.groups, layer.input[0]), name),
                "upsample": lambda: Up(layer.factor, layer.output[1:]),
                "pool": lambda: nn.AvgPool2d(layer.factor, ceil_mode=True, count_include_pad=False),
            }[layer.kind]()
            after = activations[layer.activation] if layer.kind == "norm" else []
            return nn.Sequential(*([nn.Unflatten(1, layer.input)] if flat else []), core, *after)
        if layer.kind == "dense":
            core = nn.Linear(math.prod(layer.input), math.prod(layer.output))
            parts = [core] if flat else [nn.Flatten(), core]
        else:
            channels = layer.input[0], layer.output[0]
            parts, after = [nn.Unflatten(1, layer.input)] if flat else [], []
            if layer.kind == "transposed":
                core = nn.ConvTranspose2d(*channels, kernel, stride, (top, left), layer.output_padding)
                if (top, left) != (bottom, right):
                    after = [nn.ZeroPad2d((0, left - right, 0, top - bottom))]  # negative padding cuts off
            elif (top, left) == (bottom, right):
                core = nn.Conv2d(*channels, kernel, stride, (top, left))
            else:
                core = nn.Conv2d(*channels, kernel, stride)
                parts.append(nn.ZeroPad2d((left, right, top, bottom)))
            parts += [core, *after]
        filled(core, name)
        return nn.Sequential(*parts, *activations[layer.activation])

    class Vae(nn.Module):
        def __init__(self):
            super().__init__()
            layers, depth = network.layers(), len(network.encoder)
            encoder, decoder = [None, *network.encoder], [None, *network.decoder]
            self.encoder = nn.Sequential(*map(module, layers[:depth], encoder))
            self.mean, self.log_var = (module(head, encoder[-1]) for head in layers[depth : depth + 2])
            self.decoder = nn.Sequential(*map(module, layers[depth + 2 :], decoder))

        def encode(self, x):
            h = self.encoder(x)
            return self.mean(h), self.log_var(h)

        def forward(self, x):
            mean, log_var = self.encode(x)
            z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_var)
            return self.decoder(z).flatten(1), mean, log_var

    return Vae()


def run_torch(mode, experiment, data, options):
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    # On a GPU all programs may round the factors of a product to TF32: burn does so if it is faster, and JAX by default.
    torch.set_float32_matmul_precision("highest" if options.device == "cpu" else "high")
    network, size = experiment.network, experiment.batch
    x_train = torch.frombuffer(bytearray(data), dtype=torch.uint8).float().div_(255)
    x_train = x_train.view(-1, math.prod(network.image)).to(options.device)
    if experiment.pixels == "threshold":
        x_train = (x_train > 0.5).float()
    del data
    model = torch_network(network, read_weights(options.weights)).to(options.device)
    if mode == "torch-last":
        # On a CPU too, convolutions may be faster with the channels of a pixel side by side.
        model = model.to(memory_format=torch.channels_last)
    betas, fused = (experiment.adam["beta1"], experiment.adam["beta2"]), None if mode == "torch" else True
    adam = torch.optim.Adam(model.parameters(), experiment.learning_rate, betas, experiment.adam["epsilon"], fused=fused)

    def negative_elbo(x):
        logits, mean, log_var = model(x)
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * torch.sum(mean * mean + log_var.exp() - log_var - 1)
        return (reconstruction + kl) / len(x)

    def negative_bound(x):
        mean, log_var = model.encode(x)
        noise = torch.randn(experiment.samples, *mean.shape, device=mean.device)
        z = mean + noise * torch.exp(0.5 * log_var)  # [K, B, D]
        logits = model.decoder(z.flatten(0, 1)).view(*z.shape[:2], -1)
        # In eager mode no other form was faster together with its gradient.
        log_px = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(2)
        log_weights = log_px + 0.5 * (noise * noise - z * z + log_var).sum(2)
        return math.log(experiment.samples) - torch.logsumexp(log_weights, 0).mean()

    loss_of = negative_bound if experiment.samples else negative_elbo

    def step(x):
        loss = loss_of(x)
        loss.backward()
        return loss

    if mode in ("torch-compile", "torch-graphs"):
        # Each batch size is compiled separately, as in JAX, so that the last batch does not slow down the others.
        step = torch.compile(step, dynamic=False, mode="reduce-overhead" if mode == "torch-graphs" else None)
    for epoch in range(experiment.epochs):
        order, total = torch.randperm(len(x_train), device=options.device), torch.zeros((), device=options.device)
        adam.param_groups[0]["lr"] = experiment.learning_rate_in(epoch)
        start = time.perf_counter()
        for number, index in enumerate(batches(order, size)):
            x = x_train[index]
            if experiment.pixels == "dynamic":
                x = torch.bernoulli(x)
            adam.zero_grad(set_to_none=True)
            if mode == "torch-graphs":
                torch.compiler.cudagraph_mark_step_begin()
            total = total + step(x).detach() * len(x)
            adam.step()
            if epoch == number == 0:
                # The only waits for a GPU are here and at the end of an epoch.
                total.item()
                first_step()
        total = float(total)
        report(epoch + 1, total / len(x_train), time.perf_counter() - start, len(x_train))


def jax_network(network, weights):
    """Returns weights, encode and decode for flat images in the order H, W, C, which XLA convolves fastest on a CPU."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    activations = {"relu": jax.nn.relu, "tanh": jnp.tanh, "none": lambda x: x}
    axes = ("NHWC", "HWIO", "NHWC")
    if others := {layer.kind for _, layer in network.layers()} - {"dense", "conv", "transposed"}:
        raise plan.Refused(f"{', '.join(sorted(others))}: the peer in JAX has dense layers and convolutions alone")

    def order(features):
        """Returns the place of each value of the order H, W, C in PyTorch's C, H, W."""
        places = np.arange(math.prod(features)).reshape(features)
        return (places.transpose(1, 2, 0) if len(features) == 3 else places).reshape(-1)

    def laid_out(name, layer):
        weight, bias = weights[name]["weight"], weights[name]["bias"]
        if layer.kind == "dense":
            rows = order(layer.output)
            weight, bias = weight[np.ix_(rows, order(layer.input))].T, bias[rows]
        elif layer.kind == "conv":
            weight = weight.transpose(2, 3, 1, 0)
        else:
            weight = weight[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)
        return {"w": jnp.array(weight), "b": jnp.array(bias)}

    def apply(layer, p, x):
        if layer.kind == "dense":
            y = x.reshape(len(x), -1) @ p["w"]
        else:
            channels, height, width = layer.input
            x = x.reshape(-1, height, width, channels)
            strides, spread, padding = (layer.stride,) * 2, (1, 1), layer.padding
            if layer.kind == "transposed":
                # The gradient of a convolution has zeros between the rows, and a border of kernel - 1 - padding.
                strides, spread, border = (1, 1), strides, layer.kernel - 1
                padding = [(border - before, border - after + layer.output_padding) for before, after in padding]
            y = lax.conv_general_dilated(x, p["w"], strides, padding, spread, dimension_numbers=axes)
        return activations[layer.activation](y + p["b"])

    def chain(layers, p, x):
        for layer, of_layer in zip(layers, p):
            x = apply(layer, of_layer, x)
        return x

    each, depth = [laid_out(name, layer) for name, layer in network.layers()], len(network.encoder)
    params = {"encoder": each[:depth], "mean": each[depth], "log_var": each[depth + 1], "decoder": each[depth + 2 :]}

    def encode(p, x):
        h = chain(network.encoder, p["encoder"], x)
        return apply(network.mean, p["mean"], h), apply(network.log_var, p["log_var"], h)

    def decode(p, z):
        return chain(network.decoder, p["decoder"], z).reshape(len(z), -1)

    return params, encode, decode


def run_jax(mode, experiment, data, options):
    import jax
    import jax.numpy as jnp
    from jax import lax

    rng = np.random.default_rng(options.seed)
    image, size = experiment.network.image, experiment.batch
    x_train = np.frombuffer(data, np.uint8).reshape(-1, *image).transpose(0, 2, 3, 1)
    x_train = jnp.asarray(x_train.reshape(len(x_train), -1).astype(np.float32) / np.float32(255))
    if experiment.pixels == "threshold":
        x_train = (x_train > 0.5).astype(jnp.float32)
    del data
    params, encode, decode = jax_network(experiment.network, read_weights(options.weights))
    beta1, beta2, epsilon = (experiment.adam[key] for key in ("beta1", "beta2", "epsilon"))

    def negative_elbo(p, x, key):
        mean, log_var = encode(p, x)
        logits = decode(p, mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape))
        reconstruction = jnp.sum(jax.nn.softplus(logits) - logits * x)
        return (reconstruction + 0.5 * jnp.sum(mean**2 + jnp.exp(log_var) - log_var - 1)) / len(x)

    def negative_bound(p, x, key):
        mean, log_var = encode(p, x)
        noise = jax.random.normal(key, (experiment.samples, *mean.shape))
        z = mean + noise * jnp.exp(0.5 * log_var)  # [K, B, D]
        logits = decode(p, z.reshape(-1, z.shape[2])).reshape(*z.shape[:2], -1)
        log_weights = (x * logits - jax.nn.softplus(logits)).sum(2) + 0.5 * (noise**2 - z**2 + log_var).sum(2)
        return math.log(experiment.samples) - jax.nn.logsumexp(log_weights, 0).mean()

    loss_of = negative_bound if experiment.samples else negative_elbo

    def step(carry, x_train, index, rate):
        p, m, v, t, key = carry
        key, noise, pixels = jax.random.split(key, 3)
        x = x_train[index]
        if experiment.pixels == "dynamic":
            x = jax.random.bernoulli(pixels, x).astype(jnp.float32)
        loss, g = jax.value_and_grad(loss_of)(p, x, noise)
        t = t + 1
        m = jax.tree.map(lambda a, b: beta1 * a + (1 - beta1) * b, m, g)
        v = jax.tree.map(lambda a, b: beta2 * a + (1 - beta2) * b * b, v, g)
        rate, unbias = rate / (1 - beta1**t), 1 / jnp.sqrt(1 - beta2**t)
        p = jax.tree.map(lambda a, b, c: a - rate * b / (jnp.sqrt(c) * unbias + epsilon), p, m, v)
        return (p, m, v, t, key), loss

    one = jax.jit(step, donate_argnums=0)
    whole = jax.jit(lambda c, x, order, r: lax.scan(lambda c, i: step(c, x, i, r), c, order), donate_argnums=0)
    zeros = lambda: jax.tree.map(jnp.zeros_like, params)
    carry = (params, zeros(), zeros(), jnp.float32(0), jax.random.PRNGKey(options.seed))
    count = len(x_train)
    for epoch in range(experiment.epochs):
        order = rng.permutation(count)
        full = order[: count // size * size].reshape(-1, size) if mode == "jax-scan" else order[:0]
        rest = batches(order[full.size :], size)
        total, rate = 0.0, jnp.float32(experiment.learning_rate_in(epoch))
        start = time.perf_counter()
        if len(full):
            carry, losses = whole(carry, x_train, full, rate)
            total = losses.sum() * size
            if epoch == 0:
                # A scan returns nothing before its end.
                total.block_until_ready()
                first_step()
        for number, index in enumerate(rest):
            carry, loss = one(carry, x_train, index, rate)
            total = total + loss * len(index)
            if epoch == number == 0 and not len(full):
                loss.block_until_ready()
                first_step()
        total = float(total)
        jax.block_until_ready(carry)
        report(epoch + 1, total / count, time.perf_counter() - start, count)


def run_products(experiment, options):
    """Prints the shortest time of torch.mm for each product, into allocated memory, and their sum."""
    import torch

    torch.set_num_threads(options.threads)
    best, products = {}, list(experiment.network.products(experiment.batch, experiment.samples or 1))
    for product in set(products):
        name, m, k, n = product
        # The gradient of a weight has a transposed input, and the gradient of an input has a transposed weight.
        left = torch.randn(k, m).t() if name == "weight" else torch.randn(m, k)
        right = torch.randn(n, k).t() if name == "input" else torch.randn(k, n)
        out, times, until = torch.empty(m, n), [], time.perf_counter() + PATIENCE
        while len(times) < 4 or time.perf_counter() < until:
            start = time.perf_counter()
            torch.mm(left, right, out=out)
            times.append(time.perf_counter() - start)
        best[product] = min(times)
    each = [{"of": p[0], "m": p[1], "k": p[2], "n": p[3], "seconds": best[p]} for p in products]
    print(json.dumps({"seconds": sum(best[product] for product in products), "products": each}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = ["torch", "torch-fused", "torch-last", "torch-compile", "torch-graphs", "jax", "jax-scan", "products"]
    parser.add_argument("mode", choices=modes)
    parser.add_argument("config")
    parser.add_argument("weights", nargs="?", help="start from this model file; not for products")
    parser.add_argument("--data", default="data")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="use this device of PyTorch; JAX chooses its own")
    options = parser.parse_args()
    try:
        experiment = plan.read(options.config)
        if options.mode == "products":
            return run_products(experiment, options)
        run = run_jax if options.mode.startswith("jax") else run_torch
        run(options.mode, experiment, plan.images(experiment, options.data), options)
    except plan.Refused as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
