"""A headless Chromium and a tab in it, driven through the DevTools protocol over a pair of pipes, with Python alone."""

import base64
import json
import os
import shutil
import subprocess
import time

PROGRAMS = ["chromium", "chromium-browser", "google-chrome"]


def installed():
    """Returns the path of Chromium, installed by apt-get if need be and if that can be done, or None."""
    find = lambda: next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not find() and shutil.which("apt-get"):
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        for command in [["update"], ["install", "-y", "--no-install-recommends", "chromium"]]:
            subprocess.run([*root, "apt-get", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return find()


class Browser:
    """A headless Chromium and a tab in it. Keys and clicks are real input events."""

    def __init__(self, program, folder, downloads):
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
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Network", "Log", "DOM", "Accessibility"]:
            self.call(f"{domain}.enable")
        self.look_as()

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

    def press(self, key, times=1):
        codes = {"ArrowRight": 39, "ArrowUp": 38, "ArrowDown": 40, "End": 35, "Tab": 9, "Enter": 13}
        text = {"text": "\r"} if key == "Enter" else {}
        for _ in range(times):
            for kind in ["keyDown", "keyUp"]:
                self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key], **text)

    def focus(self, selector):
        self.value(f"document.querySelector({json.dumps(selector)}).focus()")

    def drag(self, selector, *places):
        """Presses the mouse at the first place and releases it at the last. Places are shares of an element's box."""
        box = self.value(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{ block: 'nearest', behavior: 'instant' }});
            const {{ left, top, width, height }} = element.getBoundingClientRect();
            return [left, top, width, height];
        }})()""")
        points = [{"x": box[0] + x * box[2], "y": box[1] + y * box[3]} for x, y in places]
        mouse = lambda kind, point, **more: self.call("Input.dispatchMouseEvent", type=kind, button="left", **point, **more)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", **points[0])
        mouse("mousePressed", points[0], buttons=1, clickCount=1)
        for point in points[1:]:
            mouse("mouseMoved", point, buttons=1)
        mouse("mouseReleased", points[-1], clickCount=1)

    def click(self, selector):
        self.drag(selector, (0.5, 0.5))

    def choose_file(self, selector, path):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

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

    def resize(self, width, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")

    def look_as(self, dark=False, media=""):
        """Shows the page to somebody who prefers this, on a screen or on paper. Nothing scrolls smoothly."""
        features = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def screenshot(self, path, width, **preferences):
        self.look_as(**preferences)
        self.value("scrollTo(0, 0)")
        self.resize(width)
        overflow = self.value("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overflow > 0:
            raise SystemExit(f"{path.name}: the page is {overflow} pixels wider than a window of {width}")
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        self.process.terminate()
        self.process.wait()
