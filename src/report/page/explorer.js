// The explorer: everything on the page that a person can move. `engine.js` computes, `pixels.js` draws and reads images, and
// `pad.js` is the pad over two latents; they stand before this.
'use strict';

(() => {
  const data = document.getElementById('explorer-data');
  if (data) start(JSON.parse(data.textContent));

  function start(page) {
    const at = id => document.getElementById(id);
    const [, height, width] = page.image;
    const { draw, valuesOf, plain, fitted } = Pixels(page);
    const shownFirst = 12;
    const inStrip = 16;
    // Browsers round times to 0.1 ms or more.
    const duration = time => time < 0.1 ? 'under 0.1' : time < 10 ? time.toFixed(1) : Math.round(time);
    const reader = number => number.toFixed(2).replace('-', '\u2212');

    // ---- data ----

    const test = page.test && {
      ...page.test,
      latents: Engine.rows(page.test.latents, page.test.count),
    };
    const drawn = page.drawn ? Engine.rows(page.drawn, Engine.bytes(page.drawn).length / 4 / page.latent) : null;

    // ---- the model ----

    let ask = null;

    const oneHot = label => Float32Array.from({ length: page.classes.length }, (_, i) => i === label ? 1 : 0);
    const decode = (z, label) => ask({ kind: 'decode', given: { z, label: oneHot(label) } });
    const encode = (image, label) => ask({ kind: 'encode', given: { image, label: oneHot(label) } });

    // ---- test images ----

    let sprite = null;

    // Returns a canvas with test image `index`.
    function testCanvas(index) {
      const canvas = document.createElement('canvas');
      canvas.width = width;
      canvas.height = height;
      const [w, h] = test.cell, left = index % test.columns * w, top = Math.floor(index / test.columns) * h;
      const context = canvas.getContext('2d', { willReadFrequently: true });
      context.drawImage(sprite, left, top, w, h, 0, 0, width, height);
      return canvas;
    }

    // ---- the state, and what shows it ----

    const state = { z: new Float32Array(page.latent), origin: new Float32Array(page.latent), label: 0, decoded: null, isBusy: false };
    let isStale = false;

    // Decodes the current latent. While one is decoded, only the newest of the next ones is kept.
    async function update() {
      if (state.isBusy) {
        isStale = true;
        return;
      }
      state.isBusy = true;
      try {
        do {
          isStale = false;
          const { values, milliseconds } = await decode(state.z.slice(), state.label);
          state.decoded = values;
          draw(at('decoded'), values);
          at('decoded-about').textContent = `Decoded in ${duration(milliseconds)} ms`;
        } while (isStale);
      } catch (error) {
        say(`The image cannot be decoded: ${error.message}`);
      }
      state.isBusy = false;
    }

    function say(problem) {
      at('problem').textContent = problem;
      at('problem').hidden = false;
    }

    const sliders = [];
    const pad = Pad(page, test, state, () => show());

    function show() {
      for (const { latent, input, output } of sliders) {
        input.value = state.z[latent];
        output.textContent = reader(state.z[latent]);
        input.setAttribute('aria-valuetext', reader(state.z[latent]));
      }
      pad.draw();
      return update();
    }

    // Moves to a latent to start from, with the image that it belongs to.
    function moveTo(z, { canvas = null, about = '', label = null } = {}) {
      state.z = Float32Array.from(z);
      state.origin = Float32Array.from(z);
      if (label !== null && page.conditional) {
        state.label = label;
        at('class').value = label;
      }
      at('original-view').hidden = !canvas;
      if (canvas) {
        const original = at('original');
        original.width = width;
        original.height = height;
        original.getContext('2d').drawImage(canvas, 0, 0);
        at('original-about').textContent = about;
      }
      for (const button of at('strip').children) button.setAttribute('aria-pressed', 'false');
      at('blend').value = 0;
      return show();
    }

    // ---- sliders ----

    function addSliders() {
      const place = at('sliders');
      page.axes.forEach(({ index, carried, range: [low, high], marks }, rank) => {
        const row = document.createElement('div');
        row.className = 'slider';
        row.hidden = rank >= shownFirst;
        const label = document.createElement('label');
        label.textContent = `z${index}`;
        label.htmlFor = `z${index}`;
        const track = document.createElement('div');
        track.className = 'track';
        if (marks) {
          const shade = document.createElement('i');
          // A thumb is 16 pixels wide, and its middle does not reach the ends of the track.
          const place = value => `calc(8px + (100% - 16px) * ${(value - low) / (high - low)})`;
          shade.style.left = place(marks[0]);
          shade.style.width = `calc((100% - 16px) * ${(marks[1] - marks[0]) / (high - low)})`;
          track.append(shade);
        }
        const input = document.createElement('input');
        Object.assign(input, { type: 'range', id: `z${index}`, min: low, max: high, step: 0.05, value: 0 });
        track.append(input);
        const output = document.createElement('output');
        output.htmlFor = input.id;
        output.setAttribute('aria-live', 'off');
        const size = document.createElement('span');
        size.className = 'carried';
        size.textContent = carried === null ? '' : `${page.carried} ${carried.toFixed(2)}`;
        row.append(label, track, output, size);
        place.append(row);
        sliders.push({ latent: index, input, output, row });
        input.addEventListener('input', () => {
          state.z[index] = Number(input.value);
          show();
        });
        input.addEventListener('dblclick', () => {
          state.z[index] = state.origin[index];
          show();
        });
      });
      const hidden = page.axes.length - shownFirst;
      if (hidden > 0) {
        at('more').hidden = false;
        at('more').textContent = `Show ${hidden} more`;
        at('more').addEventListener('click', () => {
          sliders.forEach(({ row }) => row.hidden = false);
          sliders[shownFirst].input.focus();
          at('more').hidden = true;
        });
      }
    }

    // ---- what a person can start from ----

    function random() {
      if (drawn) return moveTo(drawn[Math.floor(Math.random() * drawn.length)]);
      const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
      return moveTo(Float32Array.from({ length: page.latent }, normal));
    }

    const nameOf = label => page.classes[label] ?? '';

    function aboutTest(index) {
      const name = test.labels ? nameOf(test.labels[index]) : '';
      return name ? `Test image, ${name}` : 'Test image';
    }

    function startFromTest(index, button) {
      const label = test.labels ? test.labels[index] : null;
      moveTo(test.latents[index], { canvas: testCanvas(index), about: aboutTest(index), label });
      if (button) button.setAttribute('aria-pressed', 'true');
    }

    let firstInStrip = 0;

    function fillStrip() {
      const buttons = [];
      const end = Math.min(firstInStrip + inStrip, test.count);
      for (let index = firstInStrip; index < end; index++) {
        const button = document.createElement('button');
        button.type = 'button';
        button.setAttribute('aria-label', `${aboutTest(index)}, number ${index + 1}`);
        button.setAttribute('aria-pressed', 'false');
        button.append(testCanvas(index));
        button.addEventListener('click', () => startFromTest(index, button));
        buttons.push(button);
      }
      at('strip').replaceChildren(...buttons);
      at('strip-about').textContent = `${firstInStrip + 1} to ${end} of ${test.count}`;
      at('earlier').disabled = firstInStrip === 0;
      at('later').disabled = end === test.count;
    }

    function addStrip() {
      at('test-images').hidden = false;
      fillStrip();
      at('earlier').addEventListener('click', () => {
        firstInStrip = Math.max(0, firstInStrip - inStrip);
        fillStrip();
      });
      at('later').addEventListener('click', () => {
        firstInStrip += inStrip;
        fillStrip();
      });
    }

    const ends = { a: null, b: null };

    function addBlend() {
      const take = name => {
        ends[name] = { z: state.z.slice() };
        if (state.decoded) draw(at(`end-${name}`), state.decoded);
        at('blend').disabled = !(ends.a && ends.b);
        if (!at('blend').disabled) at('blend').value = name === 'a' ? 0 : 1;
      };
      for (const name of ['a', 'b']) {
        const end = at(`end-${name}`);
        end.width = width;
        end.height = height;
        at(`take-${name}`).addEventListener('click', () => take(name));
        const index = name === 'a' ? 0 : 1;
        if (test && index < test.count) {
          ends[name] = { z: test.latents[index] };
          end.getContext('2d').drawImage(testCanvas(index), 0, 0);
        }
      }
      at('blend').disabled = !(ends.a && ends.b);
      at('blend').addEventListener('input', () => {
        const share = Number(at('blend').value);
        const { a, b } = ends;
        state.z = a.z.map((value, i) => value + share * (b.z[i] - value));
        show();
      });
    }

    async function startFromFile(file) {
      at('problem').hidden = true;
      let read = null;
      try {
        read = await fitted(file);
      } catch {
        say(`${file.name}: this browser cannot read it as an image. PNG, JPEG and WebP are read by all.`);
        return null;
      }
      const values = valuesOf(read.context);
      let z;
      try {
        z = (await encode(values, state.label)).values;
      } catch (error) {
        say(`${file.name}: ${error.message}`);
        return null;
      }
      const canvas = document.createElement('canvas');
      draw(canvas, values);
      await moveTo(z, { canvas, about: read.isExact ? 'Your image' : 'Your image, scaled by the browser' });
      return z;
    }

    function addOwnImage() {
      at('own-image').hidden = false;
      const read = files => {
        if (files.length) startFromFile(files[0]);
      };
      at('file').addEventListener('change', () => read(at('file').files));
      document.addEventListener('dragover', event => {
        event.preventDefault();
        at('drop').classList.add('over');
      });
      for (const name of ['dragleave', 'drop']) document.addEventListener(name, () => at('drop').classList.remove('over'));
      document.addEventListener('drop', event => {
        event.preventDefault();
        read(event.dataTransfer.files);
      });
    }

    function addClass() {
      if (!page.conditional) return;
      at('class-choice').hidden = false;
      page.classes.forEach((name, label) => at('class').add(new Option(name, label)));
      at('class').addEventListener('change', () => {
        state.label = Number(at('class').value);
        update();
      });
    }

    // ---- saving ----

    function save(name, blob) {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }

    // Returns the current latent as a table that `vae decode` reads.
    function latentTable() {
      const quoted = text => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
      const names = Array.from(state.z, (_, i) => `z${i}`);
      const values = Array.from(state.z, String);
      if (page.conditional) {
        names.unshift('label');
        values.unshift(quoted(nameOf(state.label)));
      }
      return `${names.join(',')}\n${values.join(',')}\n`;
    }

    function addButtons() {
      at('random').hidden = page.random === 'none';
      at('random').addEventListener('click', random);
      at('zero').addEventListener('click', () => moveTo(new Float32Array(page.latent)));
      at('back').addEventListener('click', () => {
        state.z = state.origin.slice();
        show();
      });
      at('save-image').addEventListener('click', () => at('decoded').toBlob(blob => save(`${page.name}.png`, blob)));
      at('save-latent').addEventListener('click', () => save(`${page.name}-latent.csv`, new Blob([latentTable()], { type: 'text/csv' })));
    }

    // ---- the test that the page makes of itself, for `#selftest` ----

    async function selfTest() {
      const { count, latents, classes, images, tolerance } = page.selfTest;
      const [z, expected] = [Engine.rows(latents, count), Engine.rows(images, count, true)];
      const furthest = (found, wanted) => found.reduce((most, value, i) => {
        const difference = Math.abs(value - wanted[i]);
        // NaN is further than anything.
        return difference <= most ? most : difference;
      }, 0);
      let passed = 0, largest = 0, encoded = 0, ofLatents = 0;
      for (let i = 0; i < count; i++) {
        const difference = furthest((await decode(z[i], classes[i])).values, expected[i]);
        passed += difference <= tolerance ? 1 : 0;
        largest = Math.max(largest, difference);
        if (test && page.model.encoder) {
          const image = plain(testCanvas(i).getContext('2d'));
          const apart = furthest((await encode(image, classes[i])).values, z[i]);
          encoded += apart <= (page.model.precision === 'float16' ? 0.05 : 1e-4) ? 1 : 0;
          ofLatents = Math.max(ofLatents, apart);
        }
      }
      let words = `selftest: ${passed} of ${count} decoded, largest difference ${largest.toExponential(1)}`;
      if (test && page.model.encoder) words += `; ${encoded} of ${count} encoded, largest difference ${ofLatents.toExponential(1)}`;
      document.title = words;
      at('self-test').textContent = words;
      at('self-test').hidden = false;
    }

    async function begin() {
      if (typeof DecompressionStream === 'undefined') {
        say('This browser is too old for the explorer: it needs DecompressionStream, which browsers have since 2023.');
        return;
      }
      try {
        const weights = new Uint8Array(await Engine.inflated(Engine.bytes(at('weights').textContent)));
        ask = Engine.start(page.model, weights);
        await ask({ kind: 'model', model: page.model, bytes: weights });
      } catch (error) {
        say(`The model in this page cannot be read: ${error.message}`);
        return;
      }
      if (test) {
        sprite = new Image();
        sprite.src = test.sprite;
        await sprite.decode();
      }
      at('explorer').hidden = false;
      addSliders();
      pad.add();
      addClass();
      addButtons();
      addBlend();
      if (test) addStrip();
      if (page.model.encoder) addOwnImage();
      if (test) startFromTest(0, at('strip').firstChild); else await random();
      // For tests of this page.
      window.explorer = { state, startFromFile, selfTest };
      if (location.hash === '#selftest') await selfTest();
    }

    begin();
  }
})();
