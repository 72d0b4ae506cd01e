#!/usr/bin/env python3
"""Opens the pages of `vae report` in Chromium: python3 tests/page.py VAE [FOLDER]

Trains small models on generated data for an epoch, writes the page of each, and uses it as a person does, by keys and
clicks: everything that can be moved changes the image, what is saved is what is shown and what `vae decode` makes of it,
an image of one's own is encoded as `vae embed` does it, Tab reaches every control, and every control has a name. The page's
own test decodes its latents as the program does. The console stays empty, and no request leaves the page. FOLDER is deleted
and made anew. It keeps the pages, and for each of them screenshots at three widths, in dark colours and as printed. Needs Chromium, which is installed by apt-get if
it can be, and Python alone.
"""

import base64
import csv
import json
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

from chromium import Browser, installed

WIDTHS = [390, 800, 1400]

# A desktop, and a phone held upright and sideways.
WINDOWS = [(1400, 900), (390, 650), (660, 330)]

# A careless page would run the names of these classes, or end a script at them.
CLASSES = ["</script>", "<!-- {{data}}", "a, \"b\" & 'c'"]
FOLDERS = ["plain", "<img src=x onerror=alert(1)> & 'x'"]

DIGITS = "[data.digits]\ntrain = 4000\ntest = 500\n"
CONFIGS = {
    "mlp": DIGITS + "[model.mlp]\nlatent = 8\nhidden = [400]\n",
    "conv": DIGITS + """
        [model.conv]
        latent = 4
        encoder = [{ conv = 8, stride = 2, activation = "leaky-relu" }, { norm = 2, activation = "silu" }, { pool = 2 }, { dense = 16 }]
        decoder = [
            { dense = 784, shape = [16, 7, 7], activation = "elu" },
            { transposed = 8, kernel = 4, stride = 2, padding = 1, activation = "gelu" },
            { upsample = 2 },
            { conv = 1, kernel = 3, activation = "none" },
        ]
        [likelihood.continuous-bernoulli]
    """,
    "residual": DIGITS + """
        [model.resnet]
        latent = 6
        channels = [8, 16]
        [prior.vamp]
        pseudo_inputs = 10
        [likelihood.discretised-logistic]
        components = 2
    """,
    "conditional": "[data.images]\nsize = [28, 28]\nchannels = 1\n[model.mlp]\nlatent = 5\nhidden = [64]\n[condition]\nencoder = true\n",
    "colour": '[data.images]\nsize = [24, 24]\nchannels = 3\nfit = "pad"\n[model.resnet]\nlatent = 5\nchannels = [8, 16]\n[likelihood.gaussian]\n',
    # The network of the preset emoji-64.
    "large": """
        [data.images]
        size = [64, 64]
        channels = 3
        test = 0.3
        [model.resnet]
        latent = 32
        stem = 4
        channels = [48, 96]
        blocks = 1
        [likelihood.discretised-logistic]
    """,
    "anomalies": "[data.images]\nsize = [32, 32]\nchannels = 1\ncalibration = 0.2\n[model.mlp]\nlatent = 4\nhidden = [64]\n[likelihood.gaussian]\n",
}


def png(path, width, height, pixel):
    """Writes a PNG whose pixels are bytes of `pixel(x, y)`: 1 for grey, 3 for colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(width)) for y in range(height))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    colour = 0 if len(pixel(0, 0)) == 1 else 2
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def write_images(folder):
    """Writes the images that some models are trained on, each below the name of its model."""
    colours = lambda i, kind: lambda x, y: ((9 * i + 5 * x) % 256, (7 * y + 90 * kind) % 256, (3 * x * y + 2 * i) % 256)
    for kind, name in enumerate(FOLDERS):
        for i in range(150):
            png(folder / "colour" / name / f"{i}.png", 24, 24, colours(i, kind))
    for i in range(120):
        png(folder / "large" / f"{i}.png", 64, 64, colours(i, i % 2))
    # A folder's name has no slash, so these classes come from a table.
    with open(folder / "labels.csv", "w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(["file", "label"])
        for i in range(150):
            bar = lambda x, y: [255 if abs([x, y, x - y][i % 3] + i % 3 * 3 - i // 6) < 3 else i % 60]
            png(folder / "conditional" / f"{i}.png", 28, 28, bar)
            rows.writerow([f"{i}.png", CLASSES[i % 3]])
    (folder / "labels.csv").rename(folder / "conditional" / "labels.csv")
    stripes = lambda i, x, y: 120 + (x * 8 + i * 5) % 64 - y + i % 9
    for i in range(200):
        png(folder / "anomalies" / "train" / "good" / f"{i}.png", 32, 32, lambda x, y: [stripes(i, x, y)])
    for i in range(200, 230):
        png(folder / "anomalies" / "test" / "good" / f"{i}.png", 32, 32, lambda x, y: [stripes(i, x, y)])
        is_crack = lambda x, y: abs(x - y + i % 9) < 2 and 8 < x < 24
        png(folder / "anomalies" / "test" / "crack" / f"{i}.png", 32, 32, lambda x, y: [250 if is_crack(x, y) else stripes(i, x, y)])
        png(folder / "anomalies" / "ground_truth" / "crack" / f"{i}_mask.png", 32, 32, lambda x, y: [255 * is_crack(x, y)])


def expect(condition, what):
    if not condition:
        raise SystemExit(f"FAILED: {what}")


SHOWN = "window.explorer?.state?.decoded && !explorer.state.isBusy"
IMAGE = "document.getElementById('decoded').toDataURL()"
LATENT = "Array.from(explorer.state.z)"
DATA = "JSON.parse(document.getElementById('explorer-data').textContent)"


class Visit:
    """A page in the browser, and the run that it is about."""

    def __init__(self, browser, page, name, vae, run, folder):
        self.browser, self.page, self.name, self.vae, self.run, self.folder = browser, page, name, vae, run, folder

    def expect(self, condition, what):
        expect(condition, f"{self.name}: {what}")

    def changes(self, what, act):
        """Does something that must change the decoded image."""
        before = self.browser.value(IMAGE)
        act()
        end = time.monotonic() + 5
        while self.browser.value(IMAGE) == before:
            self.expect(time.monotonic() < end, f"{what} does not change the image")
        self.browser.wait("!explorer.state.isBusy")

    def own_test(self):
        """Looks at the page's own test, and returns the largest difference of a pixel."""
        self.browser.open(f"{self.page.as_uri()}#selftest")
        self.browser.wait("document.title.startsWith('selftest')")
        title = self.browser.value("document.title")
        print(f"{self.name}: {title}")
        counts = [tuple(map(int, pair)) for pair in re.findall(r"(\d+) of (\d+)", title)]
        self.expect(len(counts) == 2 and all(found == (16, 16) for found in counts), title)
        return float(re.search(r"decoded, largest difference ([^;]+)", title).group(1))

    def open(self):
        """Opens the page, and returns the seconds to the first image."""
        began = time.monotonic()
        self.browser.open(self.page.as_uri())
        self.browser.wait(SHOWN)
        return time.monotonic() - began

    def sliders(self):
        """Moves the first latent by keys, and returns the median of the milliseconds that an image takes."""
        self.browser.focus("#sliders input")
        milliseconds = []
        for _ in range(12):
            self.changes("a slider", lambda: self.browser.press("ArrowRight"))
            milliseconds.append(float(re.search(r"[\d.]+", self.browser.value("document.getElementById('decoded-about').textContent"))[0]))
        self.changes("Reset", lambda: self.browser.click("#back"))
        return statistics.median(milliseconds)

    def pad(self):
        axes = self.browser.value(f"{DATA}.axes")[:2]
        at = lambda x, y: [axes[0]["range"][0] * (1 - x) + axes[0]["range"][1] * x, axes[1]["range"][0] * y + axes[1]["range"][1] * (1 - y)]
        for window in reversed(WINDOWS):
            self.browser.resize(*window)
            for places in [[(0.2, 0.1)], [(0.2, 0.3), (0.5, 0.5), (0.7, 0.9)]]:
                self.changes(f"the pad in a window of {window}", lambda: self.browser.drag("#pad", *places))
                found = [self.browser.value(LATENT)[axis["index"]] for axis in axes]
                wanted = at(*places[-1])
                self.expect(max(abs(a - b) for a, b in zip(found, wanted)) < 0.05, f"the pad moves to {found}, not to {wanted}")
        self.browser.focus("#pad")
        self.changes("an arrow key on the pad", lambda: self.browser.press("ArrowUp", 6))

    def starts(self):
        """Starts from a test image, from 0 and at random, and blends two images."""
        image = lambda: self.browser.value(LATENT)
        self.changes("Set all to 0", lambda: self.browser.click("#zero"))
        self.expect(not any(image()), "Set all to 0 leaves a latent")
        self.changes("a test image", lambda: self.browser.click("#strip button:nth-child(3)"))
        a = image()
        self.browser.click("#take-a")
        for _ in range(2):
            self.changes("Random", lambda: self.browser.click("#random"))
        b = image()
        self.browser.click("#take-b")
        # The slider stands at B now.
        self.browser.focus("#blend")
        self.changes("the blend", lambda: self.browser.drag("#blend", (0.99, 0.5), (0.5, 0.5)))
        share = float(self.browser.value("document.getElementById('blend').value"))
        apart = max(abs(x + share * (y - x) - z) for x, y, z in zip(a, b, image()))
        self.expect(0.4 < share < 0.6 and apart < 1e-5, f"the blend at {share} is {apart} off the line")
        self.changes("End on the blend", lambda: self.browser.press("End"))
        self.expect(image() == b, "the blend does not end at B")

    def classes(self):
        names = self.browser.value("[...document.getElementById('class').options].map(option => option.text)")
        self.expect(sorted(names) == sorted(CLASSES), f"the classes are {names}")
        self.browser.focus("#class")
        for _ in CLASSES[1:]:
            label = self.browser.value("document.getElementById('class').value")
            key = "ArrowUp" if label == "2" else "ArrowDown"
            self.changes("the class", lambda: self.browser.press(key))

    def own_image(self, colours, height, width):
        """Encodes an image of the model's size, and returns how far that is from what `vae embed` does."""
        own = self.folder / "own" / self.name
        png(own / "1" / "other.png", width, height, lambda x, y: [x] * colours)
        pixel = lambda x, y: [(11 * x + 3 * y * (c + 1)) % 256 if 5 < x < 20 else 0 for c in range(colours)]
        png(own / "0" / "image.png", width, height, pixel)
        data = own
        if self.name == "conditional":
            (own / "labels.csv").write_text('file,label\n0/image.png,</script>\n1/other.png,"a, ""b"" & \'c\'"\n')
            label = self.browser.value(f"{DATA}.classes.indexOf('</script>')")
            self.browser.value(f"(() => {{ const c = document.getElementById('class'); c.value = {label}; c.dispatchEvent(new Event('change')); }})()")
        out = self.folder / "embedded" / self.name
        subprocess.run([self.vae, "-q", "embed", self.run, data, "--out", out], check=True, stdout=subprocess.DEVNULL)
        with open(out / "latents.csv", newline="") as table:
            row = next(row for row in csv.DictReader(table) if row["path"].endswith("image.png"))
        expected = [float(row[key]) for key in row if re.fullmatch(r"z\d+", key)]
        self.browser.choose_file("#file", own / "0" / "image.png")
        self.browser.wait("document.getElementById('original-about').textContent === 'Your image'", 10)
        found = self.browser.value(LATENT)
        apart = max(abs(a - b) for a, b in zip(found, expected))
        self.expect(len(found) == len(expected), f"{len(found)} latents, not {len(expected)}")
        return apart

    def saved(self):
        """Saves the image and its latent, and returns by how many levels `vae decode` of the latent differs."""
        shown = self.browser.value("pixelsOf(document.getElementById('decoded'))")
        files = {}
        for button, ending in [("#save-image", ".png"), ("#save-latent", "-latent.csv")]:
            file = self.folder / "downloads" / f"{self.browser.value(f'{DATA}.name')}{ending}"
            file.unlink(missing_ok=True)
            self.browser.click(button)
            end = time.monotonic() + 10
            while not file.exists():
                self.expect(time.monotonic() < end, f"{button} saves no {file.name}")
                time.sleep(0.02)
            files[button] = file
        image = "data:image/png;base64," + base64.b64encode(files["#save-image"].read_bytes()).decode()
        self.expect(self.browser.value(f"pixelsOfFile('{image}')") == shown, "the saved image is not the one that is shown")
        with open(files["#save-latent"], newline="") as table:
            row = next(csv.DictReader(table))
        if self.name == "conditional":
            label = self.browser.value("document.getElementById('class').selectedOptions[0].text")
            self.expect(row.pop("label") == label, "the saved latent has another class")
        self.expect([float(value) for value in row.values()] == self.browser.value(LATENT), "the saved latent is not the one that is shown")
        out = self.folder / f"{self.name}.npy"
        subprocess.run([self.vae, "-q", "decode", self.run, files["#save-latent"], "--out", out], check=True, stdout=subprocess.DEVNULL)
        values = out.read_bytes()
        values = values[10 + struct.unpack("<H", values[8:10])[0]:]
        colours = 3 * len(values) // len(shown)
        self.expect(colours in [1, 3], f"{len(values)} bytes for {len(shown)} pixels of 3 colours")
        return max(abs(level - values[i * colours // 3]) for i, level in enumerate(shown))

    def keyboard(self):
        """Goes through the page by Tab: it reaches every control, and one sees where it is."""
        for window in WINDOWS:
            self.browser.resize(*window)
            self.browser.value("scrollTo(0, 0), document.activeElement.blur()")
            wanted = set(self.browser.value("findControls()"))
            reached, hidden = set(), set()
            for _ in range(2 * len(wanted) + 20):
                self.browser.press("Tab")
                found = self.browser.value("lookAtFocus()")
                if found["control"] in reached:
                    break
                reached.add(found["control"])
                if not found["seen"]:
                    hidden.add(found["control"])
            self.expect(not wanted - reached, f"Tab does not reach {wanted - reached}")
            self.expect(not hidden, f"in a window of {window}, one does not see that {hidden} have the focus")

    def figures(self):
        """Every sheet can be read, and the sections are those that the run has something for."""
        broken = self.browser.value("[...document.images].filter(image => !image.naturalWidth).length")
        self.expect(broken == 0, f"{broken} figures cannot be read")
        self.expect(self.browser.value("document.querySelectorAll('#training svg').length") >= 3, "there are no curves")
        if self.name != "residual":
            latents = self.browser.value("document.getElementById('latents').innerText")
            self.expect("Verdict: " in latents and self.browser.value("document.querySelector('#latents svg') !== null"), "there are no verdict and bars")
        sheets = self.browser.value("[...document.querySelectorAll('section')].map(section => section.querySelectorAll('.sheet').length)")
        self.expect(sum(sheets) == (5 if self.name == "anomalies" else 2), f"the sections have {sheets} sheets")

    def more(self):
        """Shows the latents beyond the first ones, and checks that the first of those has the focus then."""
        count = self.browser.value(f"{DATA}.axes.length")
        shown = lambda: self.browser.value("[...document.querySelectorAll('#sliders input')].filter(input => input.checkVisibility()).length")
        self.expect(shown() == min(count, 12), f"{shown()} of {count} sliders are shown")
        if count > 12:
            self.browser.focus("#more")
            self.browser.press("Enter")
            self.expect(shown() == count, f"{shown()} of {count} sliders are shown")
            self.changes("the first of the other latents", lambda: self.browser.press("ArrowRight"))

    def names(self):
        """Every control and every image has a name that is read aloud."""
        roles = ["button", "link", "slider", "combobox", "application", "DisclosureTriangle", "image", "img", "textbox", "listbox", "checkbox"]
        nodes = self.browser.call("Accessibility.getFullAXTree")["nodes"]
        nodes = [(node["role"]["value"], node.get("name", {}).get("value", "").strip()) for node in nodes if not node["ignored"]]
        self.expect(sum(role == "slider" for role, _ in nodes) > 2, "there are no sliders")
        nameless = [role for role, name in nodes if role in roles and not name]
        self.expect(not nameless, f"{nameless} have no name")

    def screenshots(self):
        for width in WIDTHS:
            self.browser.screenshot(self.folder / f"{self.name}-{width}.png", width)
        self.browser.screenshot(self.folder / f"{self.name}-dark.png", WIDTHS[-1], dark=True)
        self.browser.screenshot(self.folder / f"{self.name}-print.png", 700, media="print")
        self.browser.look_as()

    def all(self):
        self.own_test()
        first = self.open()
        self.browser.value(HELPERS)
        milliseconds = self.sliders()
        self.pad()
        self.starts()
        if self.name == "conditional":
            self.classes()
        levels = self.saved()
        apart = self.own_image(*self.browser.value(f"{DATA}.image"))
        print(f"{self.name}: {self.page.stat().st_size / 1e6:.2f} MB, first image after {first:.2f} s, {milliseconds:.1f} ms an image; "
              f"own image within {apart:.1e}, a saved latent within {levels} levels")
        self.expect(apart < 1e-4, "an own image is not encoded as `vae embed` does it")
        self.expect(levels <= 1, "a saved latent is not decoded as it was shown")
        self.figures()
        self.more()
        self.names()
        self.keyboard()
        self.screenshots()
        self.expect(not self.browser.complaints(), self.browser.complaints())


HELPERS = """
function pixelsOf(canvas) {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return Array.from(data).filter((_, i) => i % 4 < 3);
}
async function pixelsOfFile(address) {
    const image = new Image(), canvas = document.createElement('canvas');
    image.src = address;
    await image.decode();
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext('2d').drawImage(image, 0, 0);
    return pixelsOf(canvas);
}
function findControls() {
    window.controls = [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex]')];
    return controls.flatMap(control => control.disabled || !control.checkVisibility() ? [] : [nameOf(control)]);
}
const nameOf = element => `${element.localName}#${element.id} ${element.getAttribute('aria-label') || element.textContent.slice(0, 20)}`;
function lookAtFocus() {
    const element = document.activeElement, style = getComputedStyle(element);
    const { left, top, width, height } = element.getBoundingClientRect();
    const there = document.elementFromPoint(left + width / 2, top + height / 2);
    const isThere = element.contains(there) || there && there.contains(element);
    const isMarked = element.matches(':focus-visible') && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    return { control: nameOf(element), seen: element === document.body || isThere && isMarked };
}
"""

# All test images of the page as it decodes them.
DECODED = f"""(async () => {{
    const page = {DATA};
    const bytes = await Engine.inflated(Engine.bytes(document.getElementById('weights').textContent));
    const {{ decode }} = Decoder.model(page.model, new Uint8Array(bytes));
    return Engine.rows(page.test.latents, page.test.count).map(z => Array.from(decode({{ z, label: [] }})));
}})()"""


def check_float16(visit):
    """The page in float16 is as far from that in float32 as it says."""
    visit.open()
    whole = visit.browser.value(DECODED)
    path = visit.folder / f"{visit.name}-f16.html"
    subprocess.run([visit.vae, "-q", "report", visit.run, "--f16", "--out", path], check=True, stdout=subprocess.DEVNULL)
    half = Visit(visit.browser, path, f"{visit.name}-f16", visit.vae, visit.run, visit.folder)
    tested = half.own_test()
    first = half.open()
    halved = half.browser.value(DECODED)
    apart = [max(abs(a - b) for a, b in zip(*pair)) for pair in zip(whole, halved)]
    notes = half.browser.value("document.querySelector('.notes').textContent")
    count, said = re.search(r"decoded (\d+) latents .* differed by more than ([\d.]+)", notes).groups()
    print(f"{half.name}: {path.stat().st_size / 1e6:.2f} MB, first image after {first:.2f} s; a pixel differs by up to {max(apart):.5f}, and the page says {said}")
    half.expect(tested <= 1 / 255, f"the own test found {tested}")
    half.expect(int(count) == len(apart), f"{count} latents, not {len(apart)}")
    half.expect(abs(max(apart) - float(said)) < 2e-5, f"a pixel differs by {max(apart)}, not by {said}")
    half.expect(abs(max(apart[:16]) - tested) < 2e-5 + 0.05 * tested, f"the own test found {tested}, not {max(apart[:16])}")
    half.expect(not half.browser.complaints(), half.browser.complaints())


def check_without_data(visit):
    """Without the data of the training, the page starts at random."""
    path = visit.folder / f"{visit.name}-without-data.html"
    shutil.rmtree(visit.folder / "images" / visit.name)
    subprocess.run([visit.vae, "-q", "report", visit.run, "--out", path], check=True, stdout=subprocess.DEVNULL)
    alone = Visit(visit.browser, path, path.stem, visit.vae, visit.run, visit.folder)
    alone.open()
    alone.changes("Random", lambda: alone.browser.click("#random"))
    alone.expect(not alone.browser.value("document.getElementById('test-images').checkVisibility()"), "there are test images")
    alone.names()
    alone.expect(not alone.browser.complaints(), alone.browser.complaints())


def main():
    vae = Path(sys.argv[1]).resolve()
    program = installed()
    if not program:
        print("skipped: there is no Chromium here, and apt-get cannot install it")
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else Path(scratch)
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "downloads").mkdir(parents=True)
        write_images(folder / "images")
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        browser = Browser(program, Path(scratch) / "profile", folder / "downloads")
        try:
            for name, config in CONFIGS.items():
                config_file = folder / f"{name}.toml"
                config_file.write_text(config + "[train]\nepochs = 1\nbatch = 100\n")
                images = folder / "images" / name
                data = ["--data", images] if images.exists() else []
                train = [vae, "-q", "train", "--config", config_file, "--out", folder / "runs", "--name", name, *data]
                run = subprocess.run(train, check=True, capture_output=True, text=True).stdout.strip()
                if name == "anomalies":
                    subprocess.run([vae, "-q", "anomalies", run], check=True, stdout=subprocess.DEVNULL)
                written = subprocess.run([vae, "report", run], check=True, capture_output=True, text=True)
                visit = Visit(browser, Path(written.stdout.strip()).resolve(), name, vae, run, folder)
                visit.all()
                if name in ["mlp", "large"]:
                    check_float16(visit)
                if name == "colour":
                    check_without_data(visit)
        finally:
            browser.close()


if __name__ == "__main__":
    main()
