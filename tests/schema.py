"""Checks the JSON schema of configs against the program: `python3 tests/schema.py VAE`. Needs Python 3.11 and the package jsonschema.

Every preset is valid, as it is written and with every default; and of many wrong configs the schema refuses the same ones as the
program does, as far as the mistake is an unknown key, a missing one or a value of the wrong type.
"""

import json
import pathlib
import subprocess
import sys
import tomllib

try:
    from jsonschema import Draft7Validator
except ImportError:
    print("skipped: there is no Python package jsonschema here")
    sys.exit(0)

VAE = pathlib.Path(sys.argv[1]).resolve()
ROOT = pathlib.Path(__file__).resolve().parent.parent

# What is added to, or set in, the preset `smoke`, and whether that is a valid config.
START = '[data.digits]\n[model.mlp]\n'
CASES = {
    "nothing more": (START, True),
    "no model": ("[data.digits]\n", False),
    "an unknown table": (START + "[trian]\nepochs = 3\n", False),
    "an unknown key": (START + "[train]\nepoch = 3\n", False),
    "an unknown key of a kind": ("[data.digits]\n[model.mlp]\nlatents = 3\n", False),
    "an unknown kind": ("[data.digits]\n[model.mpl]\n", False),
    "two kinds": ("[data.digits]\n[data.mnist]\n[model.mlp]\n", False),
    "text for a number": (START + '[train]\nepochs = "3"\n', False),
    "a fraction for a count": (START + "[train]\nepochs = 3.5\n", False),
    "a negative count": (START + "[train]\nepochs = -3\n", False),
    "a whole number for a number": (START + "[train]\nlearning_rate = 1\n", True),
    "a number for a list": ("[data.digits]\n[model.mlp]\nhidden = 400\n", False),
    "a word for a switch": (START + '[train]\ncheckpointing = "yes"\n', False),
    "an unknown word": ('[data.mnist]\npixels = "gray"\n[model.mlp]\n', False),
    "a known word": ('[data.mnist]\npixels = "static"\n[model.mlp]\n', True),
    "a fixed sigma": (START + "[likelihood.gaussian]\nsigma = 0.1\n", True),
    "a learned sigma": (START + '[likelihood.gaussian]\nsigma = "learned"\n', True),
    "an unknown sigma": (START + '[likelihood.gaussian]\nsigma = "guessed"\n', False),
    "a learned scale": (START + '[likelihood.laplace]\nscale = "learned"\n', True),
    "a layer": ("[data.digits]\n[model.conv]\nencoder = [{ conv = 8, padding = 1 }]\ndecoder = [{ dense = 784, shape = [1, 28, 28] }]\n", True),
    "a layer of no kind": ("[data.digits]\n[model.conv]\nencoder = [{ kernel = 3 }]\n", False),
    "a layer with an unknown key": ("[data.digits]\n[model.conv]\nencoder = [{ conv = 8, strides = 2 }]\n", False),
    "a layer with an unknown padding": ('[data.digits]\n[model.conv]\nencoder = [{ conv = 8, padding = "full" }]\n', False),
    "a side": ("[data.noise]\nsize = 32\n[model.mlp]\n", True),
    "two sides": ("[data.noise]\nsize = [32, 16]\n[model.mlp]\n", True),
    "three sides": ("[data.noise]\nsize = [32, 16, 3]\n[model.mlp]\n", False),
    "a condition": (START + '[condition]\ndecoder = "concat"\n', True),
    "a figure": (START + '[[figures]]\nkind = "manifold"\nn = 20\n', True),
    "a figure of no kind": (START + "[[figures]]\nn = 20\n", False),
    "an unknown figure": (START + '[[figures]]\nkind = "manyfold"\n', False),
    "augmentation": (START + "[augment]\nflip = true\nshift = 2\n", True),
    "a prior": (START + "[prior.vamp]\n", True),
    "a schedule of no kind": (START + "[schedule]\nfloor = 0.1\n", False),
}


def printed(*words, config=None):
    """Returns the exit code and the output of the program."""
    done = subprocess.run([VAE, *words], input=config, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def fail(what):
    print(f"FAILED: {what}")
    sys.exit(1)


schema = json.loads(printed("config", "--schema")[1])
Draft7Validator.check_schema(schema)
validator = Draft7Validator(schema)

presets = sorted((ROOT / "configs").glob("*.toml"))
for preset in presets:
    for text in [preset.read_text(), printed("config", preset.stem)[1]]:
        for error in validator.iter_errors(tomllib.loads(text)):
            fail(f"{preset.stem}: {list(error.path)}: {error.message}")

for name, (text, valid) in CASES.items():
    by_program = printed("config", "-", config=text)[0] == 0
    by_schema = validator.is_valid(tomllib.loads(text))
    if (by_program, by_schema) != (valid, valid):
        fail(f"{name}: valid for the program: {by_program}, for the schema: {by_schema}; expected {valid}")

# Every key has a description.
tables = [schema, *schema["definitions"].values()]
bare = [
    key
    for table in tables
    for key, value in table.get("properties", {}).items()
    if not {"description", "$ref", "allOf", "anyOf"} & value.keys()
]
if bare:
    fail(f"no description: {', '.join(bare)}")
print(f"{len(presets)} presets are valid, and {len(CASES)} configs are judged as by the program")
