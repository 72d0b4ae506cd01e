"""Encodes, reconstructs and scores an image with the files beside this one: python3 use.py IMAGE [CLASS]

Needs onnxruntime, numpy and Pillow. Writes reconstruction.png into the current folder. A small p-value says that the
image is unlike the normal ones.
"""
import json, pathlib, sys
import numpy as np, onnxruntime
from PIL import Image, ImageOps

# A file that cannot be read or written is said in one line.
sys.excepthook = lambda kind, error, trace: print(f"error: {error}", file=sys.stderr) if issubclass(kind, OSError) else sys.__excepthook__(kind, error, trace)
folder = pathlib.Path(__file__).resolve().parent
encoder, decoder, scorer = (onnxruntime.InferenceSession(str(folder / f"{name}.onnx")) for name in ("encoder", "decoder", "score"))
about = encoder.get_modelmeta().custom_metadata_map
settings, classes = json.loads(about["image"]), json.loads(about["classes"])
channels, height, width = settings["shape"]


def read(path):
    """Returns an image file as the model reads it: [1, C, H, W] in [0, 1]. `vae` scales in another way, so levels differ a little."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, np.float64)
        if image.mode == "F" or values.min() < 0 or values.max() > 65535:
            sys.exit(f"{path}: its values are not integers from 0 to 65535, which this program cannot read")
        # The levels of 16 bits that the data spread, as `vae` rounds them.
        low, high = settings["levels_of_16_bits"]
        span = max(high - low, 1)
        spread = (values.astype(np.int64) - low).clip(0, span) * 65535 // span
        image = Image.fromarray(((spread + 128) // 257).astype(np.uint8))
    image = image.convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, settings["background"]), image).convert("RGB")
    if image.size != (width, height):
        fit = {"crop": ImageOps.fit, "pad": ImageOps.pad, "stretch": Image.Image.resize}[settings["fit"]]
        behind = {"color": settings["background"]} if settings["fit"] == "pad" else {}
        image = fit(image, (width, height), Image.Resampling.BILINEAR, **behind)
    if settings["invert"]:
        image = ImageOps.invert(image)
    image = image.convert("L" if channels == 1 else "RGB")
    x = np.asarray(image, np.float32).reshape(height, width, channels).transpose(2, 0, 1)[None] / 255
    return x if settings["pixels"] == "grey" else (x > 0.5).astype(np.float32)


def run(model, **given):
    return model.run(None, {wanted.name: given[wanted.name] for wanted in model.get_inputs()})


conditional = any(wanted.name == "label" for wanted in scorer.get_inputs())
if len(sys.argv) != (3 if conditional else 2) or (conditional and sys.argv[2] not in classes):
    sys.exit("usage: python3 use.py IMAGE" + (" CLASS, with a class of: " + ", ".join(classes) if conditional else ""))
x = read(sys.argv[1])
label = np.eye(len(classes), dtype=np.float32)[[classes.index(sys.argv[2])]] if conditional else None
mean = run(encoder, image=x, label=label)[0]
reconstruction = run(decoder, z=mean, label=label)[0]
score = float(run(scorer, image=x, label=label)[0][0])
print("latent", *mean[0])
print("score", score)
if "calibration" in about:
    scores = np.array(json.loads(about["calibration"])["scores"])
    # A tie counts against the image, also where the last digits differ.
    print("p-value", (1 + (scores >= score * (1 - 1e-6)).sum()) / (1 + len(scores)))
levels = (reconstruction[0].clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
Image.fromarray(levels[..., 0] if channels == 1 else levels).save("reconstruction.png")
print("the image as the model sees it: reconstruction.png", file=sys.stderr)
