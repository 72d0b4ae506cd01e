#!/usr/bin/env python3
"""Opens the pages of `vae report` in Chromium: python3 tests/page.py VAE [FOLDER]

Trains five small models on generated data for an epoch, writes the page of each, and looks at it through the DevTools
protocol: the page's own test decodes its latents as the program does, arrow keys on a slider change the image, an image
of one's own is encoded as `vae embed` does it, the console stays empty, and no request leaves the page. FOLDER keeps the
pages and a screenshot of each width. Needs Chromium, which is installed by apt-get if it can be, and Python alone.
"""

import base64
import csv
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

BROWSERS = ["chromium", "chromium-browser", "google-chrome"]
WIDTHS = [390, 800, 1400]


def models(folder):
    conv = """
        encoder = [{ conv = 8, stride = 2, activation = "leaky-relu" }, { norm = 2, activation = "silu" }, { pool = 2 }, { dense = 16 }]
        decoder = [
            { dense = 784, shape = [16, 7, 7], activation = "elu" },
            { transposed = 8, kernel = 4, stride = 2, padding = 1, activation = "gelu" },
            { upsample = 2 },
            { conv = 1, kernel = 3, activation = "none" },
        ]
    """
    configs = {
        "mlp": "[data.digits]\ntrain = 4000\ntest = 500\n[model.mlp]\nlatent = 8\nhidden = [400]\n",
        "conv": f"[data.digits]\ntrain = 4000\ntest = 500\n[model.conv]\nlatent = 4\n{conv}\n[likelihood.continuous-bernoulli]\n",
        "residual": "[data.digits]\ntrain = 4000\ntest = 500\n[model.resnet]\nlatent = 6\nchannels = [8, 16]\n[likelihood.discretised-logistic]\ncomponents = 2\n",
        "conditional": "[data.digits]\ntrain = 4000\ntest = 500\n[model.mlp]\nlatent = 5\nhidden = [64]\n[condition]\nencoder = true\n",
        "colour": "[data.images]\nsize = [24, 24]\nchannels = 3\nfit = \"pad\"\n[model.resnet]\nlatent = 5\nchannels = [8, 16]\n[likelihood.gaussian]\n",
    }
    for name, text in configs.items():
        (folder / f"{name}.toml").write_text(text + "[train]\nepochs = 1\nbatch = 100\n")
    return configs


def png(path, width, height, pixel):
    """Writes a PNG whose pixels are bytes of `pixel(x, y)`: 1 for grey, 3 for colour."""
    rows = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(width)) for y in range(height))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    colour = 0 if len(pixel(0, 0)) == 1 else 2
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def colour_images(folder):
    """Writes images of two classes. A careless page would run the name of the first."""
    for kind, name in enumerate(["plain", "<img src=x onerror=alert(1)> & 'x'"]):
        (folder / name).mkdir(parents=True)
        for i in range(150):
            shade = lambda x, y: ((9 * i + 5 * x) % 256, (7 * y + 90 * kind) % 256, (3 * x * y + 2 * i) % 256)
            png(folder / name / f"{i}.png", 24, 24, shade)


class Browser:
    """A headless Chromium and a tab in it, over a pair of pipes."""

    def __init__(self, program, folder):
        to_browser, self.write = os.pipe()
        self.read, from_browser = os.pipe()

        def pipes():
            # The protocol's pipes are the descriptors 3 and 4.
            parts = [os.dup(to_browser), os.dup(from_browser)]
            os.dup2(parts[0], 3)
            os.dup2(parts[1], 4)

        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--hide-scrollbars",
                 "--force-color-profile=srgb", "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"]
        self.process = subprocess.Popen([program, *flags], preexec_fn=pipes, close_fds=False, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer, self.next, self.events, self.session = b"", 0, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Network", "Log", "DOM"]:
            self.call(f"{domain}.enable")

    def message(self):
        while b"\0" not in self.buffer:
            part = os.read(self.read, 1 << 20)
            if not part:
                raise SystemExit("the browser ended")
            self.buffer += part
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **parameters):
        self.next += 1
        request = {"id": self.next, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.write, json.dumps(request).encode() + b"\0")
        while True:
            found = self.message()
            if found.get("id") == self.next:
                if "error" in found:
                    raise SystemExit(f"{method}: {found['error']}")
                return found["result"]
            self.events.append(found)

    def value(self, expression):
        """Returns the value of a JavaScript expression, after its promise if it is one."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise SystemExit(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def wait(self, expression, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.value(expression):
                return
            time.sleep(0.05)
        raise SystemExit(f"waited {seconds} s for: {expression}; title: {self.value('document.title')}; "
                         f"problem: {self.value('document.getElementById(`problem`)?.textContent')}; {self.complaints()}")

    def open(self, address):
        self.events.clear()
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=address)

    def press(self, key):
        codes = {"ArrowRight": 39, "ArrowUp": 38, "Tab": 9}
        for kind in ["keyDown", "keyUp"]:
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key])

    def complaints(self):
        """Returns what was written to the console, and the requests that were not for the page or its own data."""
        found = []
        for event in self.events:
            method, parameters = event.get("method"), event.get("params", {})
            if method in ["Runtime.consoleAPICalled", "Runtime.exceptionThrown"]:
                found.append(json.dumps(parameters)[:400])
            elif method == "Log.entryAdded":
                found.append(parameters["entry"]["text"])
            elif method == "Network.requestWillBeSent":
                address = parameters["request"]["url"]
                if not address.startswith(("data:", "blob:", "about:")) and not address.startswith("file:///"):
                    found.append(f"a request to {address}")
                if address.startswith("file:///") and parameters.get("type") != "Document":
                    found.append(f"a request for {address}")
        return found

    def screenshot(self, path, width, dark=False):
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        time.sleep(0.3)
        overflow = self.value("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overflow > 0:
            raise SystemExit(f"{path.name}: the page is {overflow} pixels wider than a window of {width}")
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        self.process.terminate()
        self.process.wait()


def expect(condition, what):
    if not condition:
        raise SystemExit(f"FAILED: {what}")


SHOWN = "document.getElementById('explorer') && !document.getElementById('explorer').hidden && explorer.state.decoded"
IMAGE = "document.getElementById('decoded').toDataURL()"


def look(browser, page, name, vae, run, folder):
    browser.open(f"{page.as_uri()}#selftest")
    browser.wait("document.title.startsWith('selftest')")
    title = browser.value("document.title")
    print(f"{name}: {title}")
    counts = [tuple(map(int, pair)) for pair in re.findall(r"(\d+) of (\d+)", title)]
    expect(len(counts) == 2 and all(found == (16, 16) for found in counts), title)

    began = time.monotonic()
    browser.open(page.as_uri())
    browser.wait(SHOWN)
    shown = time.monotonic() - began
    before = browser.value(IMAGE)
    browser.value("document.querySelector('#sliders input').focus()")
    for _ in range(12):
        browser.press("ArrowRight")
    browser.wait(f"{IMAGE} !== {json.dumps(before)}", 5)
    before = browser.value(IMAGE)
    browser.value("document.getElementById('pad').focus()")
    for _ in range(6):
        browser.press("ArrowUp")
    browser.wait(f"{IMAGE} !== {json.dumps(before)}", 5)

    # An image of the model's size is encoded as the program does it.
    width, height, colours = (24, 24, 3) if name == "colour" else (28, 28, 1)
    own = folder / "own" / name
    image = own / "0" / "image.png"
    (own / "1").mkdir(parents=True)
    image.parent.mkdir()
    png(own / "1" / "other.png", width, height, lambda x, y: [x] * colours)
    png(image, width, height, lambda x, y: [(11 * x + 3 * y * (c + 1)) % 256 if 5 < x < 20 else 0 for c in range(colours)])
    out = folder / "embedded" / name
    subprocess.run([vae, "-q", "embed", run, own, "--out", out], check=True, stdout=subprocess.DEVNULL)
    with open(out / "latents.csv", newline="") as table:
        row = next(row for row in csv.DictReader(table) if row["path"].endswith("image.png"))
    expected = [float(row[f"z{i}"]) for i in range(sum(key.startswith("z") for key in row))]
    if name == "conditional":
        browser.value("(() => { const c = document.getElementById('class'); c.value = 0; c.dispatchEvent(new Event('change')); })()")
    node = browser.call("DOM.getDocument")["root"]["nodeId"]
    file = browser.call("DOM.querySelector", nodeId=node, selector="#file")["nodeId"]
    browser.call("DOM.setFileInputFiles", nodeId=file, files=[str(image)])
    browser.wait("document.getElementById('original-about').textContent === 'Your image'", 10)
    found = browser.value("Array.from(explorer.state.z)")
    apart = max(abs(a - b) for a, b in zip(found, expected))
    expect(len(found) == len(expected) and apart < 1e-4, f"{name}: an own image is encoded {apart} away from `vae embed`")
    milliseconds = browser.value("document.getElementById('decoded-about').textContent")
    print(f"{name}: {page.stat().st_size / 1e6:.2f} MB, first image after {shown:.2f} s, {milliseconds}, own image within {apart:.1e}")
    complaints = browser.complaints()
    expect(not complaints, f"{name}: {complaints}")
    for width in WIDTHS:
        browser.screenshot(folder / f"{name}-{width}.png", width)
    browser.screenshot(folder / f"{name}-dark.png", 1400, dark=True)
    expect(not browser.complaints(), f"{name}: {browser.complaints()}")


def main():
    vae = Path(sys.argv[1]).resolve()
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not program and shutil.which("apt-get"):
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        for command in [["update"], ["install", "-y", "--no-install-recommends", "chromium"]]:
            subprocess.run([*root, "apt-get", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not program:
        print("skipped: there is no Chromium here, and apt-get cannot install it")
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else Path(scratch)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        colour_images(folder / "images")
        browser = Browser(program, Path(scratch) / "profile")
        try:
            for name in models(folder):
                data = ["--data", folder / "images"] if name == "colour" else []
                train = [vae, "-q", "train", "--config", folder / f"{name}.toml", "--out", folder / "runs", "--name", name, *data]
                run = subprocess.run(train, check=True, capture_output=True, text=True).stdout.strip()
                written = subprocess.run([vae, "report", run], check=True, capture_output=True, text=True)
                look(browser, Path(written.stdout.strip()).resolve(), name, vae, run, folder)
        finally:
            browser.close()


if __name__ == "__main__":
    main()
