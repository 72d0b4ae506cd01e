#!/usr/bin/env python3
"""Writes the golden numbers: what PyTorch computes for small VAEs, for the tests to compare with.

    python3 -m venv golden && golden/bin/pip install torch numpy safetensors
    golden/bin/python3 make.py

Writes mlp, conv, resnet, layers, optimisers and densities .safetensors beside this file. The committed ones were made with torch 2.15.0 on
a CPU: the models in float32 on one thread, the densities in float64. Another version or CPU may differ in the last bits.

The metadata of each file has a single entry, "json", because the order of several entries would not be fixed. It holds
the case, the torch version, the losses of each run as strings that give back the exact float32, and the losses of the same
run in float64.
"""

import json
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence

HERE = pathlib.Path(__file__).resolve().parent
STEPS = 10
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def relu(x):
    """Applies ReLU. Fails if an input is so near 0 that rounding elsewhere could switch it; the seeds avoid this."""
    assert x.abs().min() > 2e-5, "too near the kink: choose another seed"
    return F.relu(x)


class Mlp(nn.Module):
    """A VAE of 36-16(ReLU)-4 units and back. Dense weights are [out, in]."""

    pixels, latent, batch = 36, 4, 8

    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleList([nn.Linear(36, 16)])
        self.mean, self.log_var = nn.Linear(16, 4), nn.Linear(16, 4)
        self.decoder = nn.ModuleList([nn.Linear(4, 16), nn.Linear(16, 36)])

    def encode(self, x):
        h = relu(self.encoder[0](x))
        return self.mean(h), self.log_var(h)

    def decode(self, z):
        return self.decoder[1](relu(self.decoder[0](z)))


class Conv(nn.Module):
    """A VAE of 1x12x12 -> 3x5x5 -> 5x2x2 -> 2, then 4x3x3 -> 5x6x6 -> 3x12x12 -> 1x12x12.

    Convolution weights are [out, in, 3, 3], transposed ones [in, out, 3, 3]; images are flattened in the order C, H, W.
    """

    pixels, latent, batch = 144, 2, 4

    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleList([nn.Conv2d(1, 3, 3, 2), nn.Conv2d(3, 5, 3, 2)])
        self.mean, self.log_var = nn.Linear(5 * 2 * 2, 2), nn.Linear(5 * 2 * 2, 2)
        self.decoder = nn.ModuleList([
            nn.Linear(2, 4 * 3 * 3),
            nn.ConvTranspose2d(4, 5, 3, stride=2, padding=1, output_padding=1),
            nn.ConvTranspose2d(5, 3, 3, stride=2, padding=1, output_padding=1),
            nn.ConvTranspose2d(3, 1, 3, stride=1, padding=1),
        ])

    def encode(self, x):
        h = relu(self.encoder[0](x.view(-1, 1, 12, 12)))
        h = relu(self.encoder[1](h)).flatten(1)
        return self.mean(h), self.log_var(h)

    def decode(self, z):
        h = relu(self.decoder[0](z)).view(-1, 4, 3, 3)
        h = relu(self.decoder[1](h))
        h = relu(self.decoder[2](h))
        return self.decoder[3](h).flatten(1)


class Block(nn.Module):
    """A residual block with its activations before its convolutions."""

    def __init__(self, inputs, outputs, groups, activation):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(groups[0], inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(groups[1], outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1)
        self.activation = activation

    def forward(self, x):
        h = self.conv1(self.activation(self.norm1(x)))
        h = self.conv2(self.activation(self.norm2(h)))
        return (self.shortcut(x) if hasattr(self, "shortcut") else x) + h


def same(conv, x):
    """Applies a convolution with TensorFlow's padding, which puts an odd zero last."""
    (kernel, _), (stride, _) = conv.kernel_size, conv.stride
    total = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:]]
    return conv(F.pad(x, (total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2)))


def up(x, size):
    """Doubles each pixel and cuts off what is beyond the size."""
    return F.interpolate(x, scale_factor=2, mode="nearest")[:, :, :size[0], :size[1]]


class Resnet(nn.Module):
    """A residual VAE of 2x9x7 -> 4x5x4 -> 6x3x2 -> 3 and back, with SiLU and two groups of channels."""

    pixels, latent, batch = 126, 3, 4

    def __init__(self):
        super().__init__()
        groups = (2, 2)
        self.encoder = nn.ModuleList([
            nn.Conv2d(2, 4, 4, 2), Block(4, 4, groups, F.silu), nn.Conv2d(4, 6, 4, 2), Block(6, 6, groups, F.silu), nn.GroupNorm(2, 6),
        ])
        self.mean, self.log_var = nn.Linear(36, 3), nn.Linear(36, 3)
        self.decoder = nn.ModuleList([
            nn.Linear(3, 36), Block(6, 6, groups, F.silu), nn.Identity(), nn.Conv2d(6, 4, 3, padding=1), Block(4, 4, groups, F.silu),
            nn.GroupNorm(2, 4), nn.Identity(), nn.Conv2d(4, 2, 3, padding=1),
        ])

    def encode(self, x):
        layers = self.encoder
        h = layers[1](same(layers[0], x.view(-1, 2, 9, 7)))
        h = layers[3](same(layers[2], h))
        h = F.silu(layers[4](h)).flatten(1)
        return self.mean(h), self.log_var(h)

    def decode(self, z):
        layers = self.decoder
        h = layers[1](layers[0](z).view(-1, 6, 3, 2))
        h = layers[4](layers[3](up(h, (5, 4))))
        h = up(F.silu(layers[5](h)), (9, 7))
        return layers[7](h).flatten(1)


class Layers(nn.Module):
    """A VAE of every kind of layer and activation: 1x6x6 -> 4x6x6 -> 4x3x3 -> 6x3x3 -> 6 -> 2, then 4x3x3 -> 4x6x6 -> 3x6x6 -> 1x6x6."""

    pixels, latent, batch = 36, 2, 4

    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleList([
            nn.Conv2d(1, 4, 3, padding=1), nn.Identity(), Block(4, 6, (2, 2), F.gelu), nn.GroupNorm(3, 6), nn.Linear(54, 6),
        ])
        self.mean, self.log_var = nn.Linear(6, 2), nn.Linear(6, 2)
        self.decoder = nn.ModuleList([
            nn.Linear(2, 36), nn.Identity(), nn.ConvTranspose2d(4, 3, 3, padding=1), nn.Conv2d(3, 3, 1), nn.Conv2d(3, 1, 3, padding=1),
        ])

    def encode(self, x):
        layers = self.encoder
        h = F.avg_pool2d(F.silu(layers[0](x.view(-1, 1, 6, 6))), 2)
        h = F.elu(layers[3](layers[2](h))).flatten(1)
        h = F.softplus(layers[4](h))
        return self.mean(h), self.log_var(h)

    def decode(self, z):
        layers = self.decoder
        h = up(F.elu(layers[0](z)).view(-1, 4, 3, 3), (6, 6))
        h = torch.sigmoid(layers[3](F.leaky_relu(layers[2](h))))
        return layers[4](h).flatten(1)


def terms(model, x, eps):
    """Returns reconstruction [B] and KL [B] of each image, in nats."""
    mean, log_var = model.encode(x)
    z = mean + eps * torch.exp(log_var / 2)
    reconstruction = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="none").sum(1)
    kl = 0.5 * (mean * mean + log_var.exp() - log_var - 1).sum(1)
    return reconstruction, kl


def data(kind):
    """Returns noisy copies of four patterns, with many pixels exactly 0 or 1, [T, B, C*H*W], and the noise [T, B, D]."""
    patterns = torch.rand(4, kind.pixels)
    which = torch.randint(4, (STEPS, kind.batch))
    x = (patterns[which] + 0.3 * torch.randn(STEPS, kind.batch, kind.pixels)).clamp(0, 1)
    return x, torch.randn(STEPS, kind.batch, kind.latent)


def train(kind, init, x, eps, optimiser, max_norm=None, dtype=torch.float32):
    """Trains for ten steps from init. Returns reconstruction, KL and gradients of step 0, the losses [T] and the weights."""
    model = kind().to(dtype)
    model.load_state_dict(init)
    update = optimiser(model.parameters())
    losses, first = [], {}
    for t in range(STEPS):
        reconstruction, kl = terms(model, x[t].to(dtype), eps[t].to(dtype))
        loss = (reconstruction.sum() + kl.sum()) / kind.batch  # beta = 1
        update.zero_grad()
        loss.backward()
        losses.append(loss.detach())
        if t == 0:
            first = {"reconstruction": reconstruction.detach(), "kl": kl.detach()}
            first |= {f"grad.{name}": p.grad.clone() for name, p in model.named_parameters()}
        if max_norm is not None:
            norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            assert norm > 1.5 * max_norm, f"step {t}: nothing to clip, the norm is {norm}"
        update.step()
    final = {name: p.detach().clone() for name, p in model.named_parameters()}
    return first, torch.stack(losses), final


def gap(a, b):
    """Returns the largest difference between two sets of weights."""
    return max((a[name].double() - b[name].double()).abs().max().item() for name in a)


def digits(losses):
    """Formats numbers exactly: nine significant digits identify a float32, seventeen a float64."""
    return [f"{v:.{9 if losses.dtype == torch.float32 else 17}g}" for v in losses.tolist()]


def save(case, tensors, about):
    path = HERE / f"{case}.safetensors"
    about = {"case": case, "torch": torch.__version__.split("+")[0]} | about
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, {"json": json.dumps(about)})
    print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes")


def adam(parameters, **more):
    return torch.optim.Adam(parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, **more)


def model_case(case, kind, seed):
    torch.manual_seed(seed)
    init = kind().state_dict()
    x, eps = data(kind)
    first, losses, final = train(kind, init, x, eps, adam)
    _, exact_losses, exact = train(kind, init, x, eps, adam, dtype=torch.float64)
    assert all(v.abs().max() > 1e-3 for v in first.values()), "a parameter without a gradient"
    print(f"{case}: float32 and float64 differ by {(losses - exact_losses).abs().max():.1e} in loss, {gap(final, exact):.1e} in weight")
    tensors = {"x": x, "eps": eps, "losses": losses} | first
    tensors |= {f"init.{name}": v for name, v in init.items()}
    tensors |= {f"final.{name}": v for name, v in final.items()}
    save(case, tensors, {"losses": digits(losses), "losses_float64": digits(exact_losses)})
    return init, x, eps, final


# name: (optimizer, largest gradient norm or None)
OPTIMISERS = {
    "adamw": (lambda p: torch.optim.AdamW(p, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01), None),
    "rmsprop": (lambda p: torch.optim.RMSprop(p, lr=1e-3, alpha=0.99, eps=1e-8), None),
    "rmsprop_centred": (lambda p: torch.optim.RMSprop(p, lr=1e-3, alpha=0.99, eps=1e-8, centered=True), None),
    "sgd": (lambda p: torch.optim.SGD(p, lr=1e-3), None),
    "sgd_momentum": (lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9), None),
    "sgd_nesterov": (lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, nesterov=True), None),
    "adam_clipped": (adam, 1.0),
    "adam_l2": (lambda p: adam(p, weight_decay=0.1), None),
}


def optimisers_case(init, x, eps, plain_adam):
    """Runs the mlp case with other optimizers. All must end at different weights, or the test could not distinguish them."""
    kept = "decoder.0.weight"
    tensors, about, ends = {}, {"losses": {}, "losses_float64": {}}, {"adam": {kept: plain_adam[kept]}}
    for name, (optimiser, max_norm) in OPTIMISERS.items():
        _, losses, final = train(Mlp, init, x, eps, optimiser, max_norm)
        _, exact_losses, exact = train(Mlp, init, x, eps, optimiser, max_norm, torch.float64)
        end, exact = {kept: final[kept]}, {kept: exact[kept]}
        noise, nearest = gap(end, exact), min((gap(end, other), key) for key, other in ends.items())
        assert nearest[0] > 10 * noise, f"{name} cannot be told from {nearest[1]}"
        print(f"{name}: float32 and float64 differ by {(losses - exact_losses).abs().max():.1e} in loss, {noise:.1e} in weight; "
              f"nearest is {nearest[1]}, {nearest[0]:.1e} away")
        ends[name] = end
        tensors |= {f"losses.{name}": losses, f"final.{name}.{kept}": final[kept]}
        about["losses"][name], about["losses_float64"][name] = digits(losses), digits(exact_losses)
    save("optimisers", tensors, about)


def grid(*axes):
    """Returns every combination of the values, flattened: one float32 [N] per axis."""
    return [v.flatten().contiguous() for v in torch.meshgrid(*[torch.tensor(a) for a in axes], indexing="ij")]


def densities_case():
    """Writes densities element by element: float32 inputs [N], widened to float64 first, and float64 outputs [N]."""
    wide = lambda *values: [v.double() for v in values]
    tensors = {}

    # KL(N(mean, exp(log_var)) || N(0, 1)) of one latent
    mean, log_var = grid([-5.0, -1.0, -0.1, 0.0, 0.3, 2.0, 10.0], [-20.0, -10.0, -3.0, -0.5, 0.0, 0.01, 1.0, 4.0, 10.0])
    m, v = wide(mean, log_var)
    kl = kl_divergence(Normal(m, (v / 2).exp()), Normal(torch.zeros_like(m), torch.ones_like(m)))
    torch.testing.assert_close(kl, 0.5 * (m * m + torch.expm1(v) - v), rtol=1e-12, atol=1e-12)
    tensors |= {"kl.mean": mean, "kl.log_var": log_var, "kl.value": kl}

    # log N(x; mean, exp(log_var)), with its constants
    x, mean, log_var = grid([-3.0, -0.5, 0.0, 1.0, 4.0], [-2.0, 0.0, 0.7], [-6.0, -1.0, 0.0, 2.0, 6.0])
    y, m, v = wide(x, mean, log_var)
    log_prob = Normal(m, (v / 2).exp()).log_prob(y)
    by_hand = -0.5 * (torch.log(torch.tensor(2 * torch.pi, dtype=torch.float64)) + v + (y - m) ** 2 * (-v).exp())
    torch.testing.assert_close(log_prob, by_hand, rtol=1e-12, atol=1e-12)
    tensors |= {"normal.x": x, "normal.mean": mean, "normal.log_var": log_var, "normal.value": log_prob}

    # x log p + (1 - x) log(1 - p) with p = sigmoid(logits)
    logits, x = grid([-100.0, -50.0, -20.0, -5.0, -1.0, -0.1, 0.0, 0.1, 1.0, 5.0, 20.0, 50.0, 100.0], [0.0, 0.3, 1.0])
    l, y = wide(logits, x)
    log_prob = Bernoulli(logits=l, validate_args=False).log_prob(y)  # validate_args=False because the default refuses x = 0.3
    torch.testing.assert_close(log_prob, y * l - torch.logaddexp(l, torch.zeros_like(l)), rtol=1e-12, atol=1e-12)
    tensors |= {"bernoulli.logits": logits, "bernoulli.x": x, "bernoulli.value": log_prob}

    assert all(v.isfinite().all() for v in tensors.values())
    save("densities", tensors, {})


if __name__ == "__main__":
    init, x, eps, final = model_case("mlp", Mlp, seed=6)
    optimisers_case(init, x, eps, final)
    model_case("conv", Conv, seed=30)
    model_case("resnet", Resnet, seed=1)
    model_case("layers", Layers, seed=1)
    densities_case()
