// Reads what the page holds in base64, and runs the decoder.
'use strict';

const Engine = (() => {
  function bytes(base64) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const text = atob(base64);
    const all = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) all[i] = text.charCodeAt(i);
    return all;
  }

  // Returns rows of numbers: float32, or 16-bit levels from 0 to 1.
  function rows(base64, count, levels) {
    const read = bytes(base64), view = new DataView(read.buffer, read.byteOffset);
    const step = levels ? 2 : 4, length = read.length / step / count;
    const number = levels ? i => view.getUint16(2 * i, true) / 65535 : i => view.getFloat32(4 * i, true);
    return Array.from({ length: count }, (_, row) => Float32Array.from({ length }, (_, i) => number(row * length + i)));
  }

  const inflated = compressed => new Response(
    new Blob([compressed]).stream().pipeThrough(new DecompressionStream('deflate'))).arrayBuffer();

  // Returns a function that asks the model. It computes in a worker, or on the page where a browser has none for files.
  function start(model, weights) {
    const source = document.getElementById('decoder').textContent;
    let local = null, worker = null, next = 0;
    const waiting = new Map();
    const here = () => local = local || Decoder.model(model, weights);
    function ask(message) {
      if (!worker) {
        const began = performance.now();
        const values = message.kind === 'model' ? here() : here()[message.kind](message.given);
        return Promise.resolve({ values, milliseconds: performance.now() - began });
      }
      return new Promise((done, fail) => {
        waiting.set(++next, { message, done, fail });
        worker.postMessage({ ...message, id: next });
      });
    }
    try {
      worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
      worker.onmessage = ({ data: answer }) => {
        const { done, fail } = waiting.get(answer.id);
        waiting.delete(answer.id);
        if (answer.error) fail(new Error(answer.error)); else done(answer);
      };
      worker.onerror = event => {
        event.preventDefault();
        worker = null;
        for (const { message, done, fail } of waiting.values()) ask(message).then(done, fail);
        waiting.clear();
      };
    } catch {
      worker = null;
    }
    return ask;
  }

  return { bytes, rows, inflated, start };
})();
