// Computes the networks of a report: the list of elementary operations in src/model/graph/, in the same order, with the
// weights in PyTorch's layouts. It knows nothing of the page, and runs in a worker where the browser allows one. Its
// convolutions multiply with `tiles.js`, which stands before it.
'use strict';

const Decoder = (() => {
  const LEAK = 0.01;
  const EPSILON = 1e-5;
  // The smallest log scale of a discretised logistic distribution.
  const SMALLEST_LOG_SCALE = -7;
  // Pixels whose windows are gathered together, so that they stay in the cache.
  const GATHERED = 64;

  const count = shape => shape.reduce((product, length) => product * length, 1);
  const sigmoid = x => x >= 0 ? 1 / (1 + Math.exp(-x)) : 1 - 1 / (1 + Math.exp(x));
  const softplus = x => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

  // The error function, to 1.5e-7 (Abramowitz, Stegun 1964, 7.1.26).
  function erf(x) {
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return Math.sign(x) * (1 - sum * Math.exp(-x * x));
  }

  const ACTIVATIONS = {
    'none': x => x,
    'relu': x => x > 0 ? x : 0,
    'tanh': Math.tanh,
    'silu': x => x * sigmoid(x),
    'gelu': x => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
    'leaky-relu': x => x >= 0 ? x : LEAK * x,
    'elu': x => x > 0 ? x : Math.expm1(x),
    'softplus': softplus,
    'sigmoid': sigmoid,
  };

  function dense(x, weight, bias) {
    const y = Float32Array.from(bias);
    const width = x.length;
    let row = 0;
    for (; row + 4 <= y.length; row += 4) {
      const at = row * width;
      let a = 0, b = 0, c = 0, d = 0;
      for (let i = 0; i < width; i++) {
        const value = x[i];
        a += value * weight[at + i];
        b += value * weight[at + width + i];
        c += value * weight[at + 2 * width + i];
        d += value * weight[at + 3 * width + i];
      }
      y[row] += a;
      y[row + 1] += b;
      y[row + 2] += c;
      y[row + 3] += d;
    }
    for (; row < y.length; row++) {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += x[i] * weight[row * width + i];
      y[row] += sum;
    }
    return y;
  }

  // A convolution is one phase: every output pixel sees the same places of the kernel.
  function convolutionPhases(weight, [inputs], [outputs, height, width], { kernel, stride, top, left }) {
    const taps = [];
    for (let y = 0; y < kernel; y++) {
      for (let x = 0; x < kernel; x++) taps.push({ place: y * kernel + x, dy: y - top, dx: x - left });
    }
    const area = kernel * kernel;
    const weightAt = (o, i, place) => weight[(o * inputs + i) * area + place];
    return [{ taps, weightAt, first: [0, 0], size: [height, width], step: 1, stride }];
  }

  // A transposed convolution by `stride` s is s * s phases: an output pixel sees the places of the kernel that its
  // position modulo s selects.
  function transposedPhases(weight, [inputs], [outputs, height, width], { kernel, stride, top, left }) {
    const area = kernel * kernel;
    const phases = [];
    for (let y = 0; y < Math.min(stride, height); y++) {
      for (let x = 0; x < Math.min(stride, width); x++) {
        const taps = [];
        for (let ky = (y + top) % stride; ky < kernel; ky += stride) {
          for (let kx = (x + left) % stride; kx < kernel; kx += stride) {
            taps.push({ place: ky * kernel + kx, dy: (y + top - ky) / stride, dx: (x + left - kx) / stride });
          }
        }
        const weightAt = (o, i, place) => weight[(i * outputs + o) * area + place];
        const size = [Math.ceil((height - y) / stride), Math.ceil((width - x) / stride)];
        phases.push({ taps, weightAt, first: [y, x], size, step: stride, stride: 1 });
      }
    }
    return phases;
  }

  // Returns a function that computes one phase with the engine: it gathers the windows of some output pixels, then
  // multiplies them by the weights in tiles. The phase's weights are written from `at` on, and `scratch` is free.
  function convolution(engine, phase, [inputs, high, wide], [outputs, height, width], bias, at, scratch) {
    const { channels, pixels, numbers, tile } = engine;
    const { taps, weightAt, first, size, step, stride } = phase;
    const count = inputs * taps.length;
    const all = size[0] * size[1];
    const area = high * wide;
    const windows = scratch + channels * pixels;
    let next = at;
    for (let group = 0; group < outputs; group += channels) {
      for (const { place } of taps) {
        for (let i = 0; i < inputs; i++) {
          for (let o = group; o < group + channels; o++) numbers[next++] = o < outputs ? weightAt(o, i, place) : 0;
        }
      }
    }
    function gather(x, start, some) {
      for (let pixel = 0; pixel < some; pixel++) {
        const row = Math.floor((start + pixel) / size[1]) * stride;
        const column = ((start + pixel) % size[1]) * stride;
        let to = windows + Math.floor(pixel / pixels) * count * pixels + pixel % pixels;
        for (let t = 0; t < taps.length; t++) {
          const iy = row + taps[t].dy, ix = column + taps[t].dx;
          if (iy >= 0 && iy < high && ix >= 0 && ix < wide) {
            let from = iy * wide + ix;
            for (let i = 0; i < inputs; i++, from += area, to += pixels) numbers[to] = x[from];
          } else {
            for (let i = 0; i < inputs; i++, to += pixels) numbers[to] = 0;
          }
        }
      }
    }
    return (x, y) => {
      for (let start = 0; start < all; start += GATHERED) {
        const some = Math.min(GATHERED, all - start);
        gather(x, start, some);
        for (let o = 0; o < outputs; o += channels) {
          for (let pixel = 0; pixel < some; pixel += pixels) {
            if (count > 0) tile(at + o * count, windows + pixel * count, count, scratch);
            for (let lane = 0; lane < pixels && pixel + lane < some; lane++) {
              const oy = first[0] + Math.floor((start + pixel + lane) / size[1]) * step;
              const ox = first[1] + ((start + pixel + lane) % size[1]) * step;
              for (let channel = 0; channel < channels && o + channel < outputs; channel++) {
                const sum = count > 0 ? numbers[scratch + lane * channels + channel] : 0;
                y[((o + channel) * height + oy) * width + ox] = sum + bias[o + channel];
              }
            }
          }
        }
      }
    };
  }

  function groupNorm(x, shape, groups, weight, bias) {
    const y = new Float32Array(x.length);
    const channels = shape[0];
    const area = x.length / channels;
    const length = x.length / groups;
    for (let group = 0; group < groups; group++) {
      const start = group * length;
      let mean = 0, variance = 0;
      for (let i = start; i < start + length; i++) mean += x[i];
      mean /= length;
      for (let i = start; i < start + length; i++) variance += (x[i] - mean) ** 2;
      const scale = 1 / Math.sqrt(variance / length + EPSILON);
      for (let i = start; i < start + length; i++) {
        const channel = Math.floor(i / area);
        y[i] = (x[i] - mean) * scale * weight[channel] + bias[channel];
      }
    }
    return y;
  }

  function upsample(x, [, high, wide], [channels, height, width], factor) {
    const y = new Float32Array(channels * height * width);
    for (let c = 0, to = 0; c < channels; c++) {
      for (let oy = 0; oy < height; oy++) {
        const row = (c * high + Math.floor(oy / factor)) * wide;
        for (let ox = 0; ox < width; ox++) y[to++] = x[row + Math.floor(ox / factor)];
      }
    }
    return y;
  }

  function averagePool(x, [, high, wide], [channels, height, width], factor) {
    const y = new Float32Array(channels * height * width);
    for (let c = 0, to = 0; c < channels; c++) {
      for (let oy = 0; oy < height; oy++) {
        for (let ox = 0; ox < width; ox++) {
          const bottom = Math.min((oy + 1) * factor, high), right = Math.min((ox + 1) * factor, wide);
          let sum = 0, seen = 0;
          for (let iy = oy * factor; iy < bottom; iy++) {
            for (let ix = ox * factor; ix < right; ix++, seen++) sum += x[(c * high + iy) * wide + ix];
          }
          y[to++] = sum / seen;
        }
      }
    }
    return y;
  }

  // The mean of a continuous Bernoulli distribution (Loaiza-Ganem, Cunningham 2019), without terms that cancel near 0.
  function continuousBernoulliMean(logit) {
    const d = Math.abs(logit), square = d * d;
    const slope = d < 1
      ? d * (1 / 12 + square * (-1 / 720 + square * (1 / 30240 - square / 1209600))) - 0.5
      : 1 / Math.expm1(d) - 1 / d;
    return logit > 0 ? slope + 1 : -slope;
  }

  // The mean of a mixture of logistic distributions, clamped to the range of the bytes.
  function logisticMixtureMean(x, components) {
    const values = x.length / (components > 1 ? 3 * components : 2);
    const y = new Float32Array(values);
    const logScale = raw => SMALLEST_LOG_SCALE + softplus(raw - SMALLEST_LOG_SCALE);
    for (let v = 0; v < values; v++) {
      const part = (kind, m) => x[(kind * components + m) * values + v];
      let most = -Infinity, sum = 0, total = 0;
      for (let m = 0; components > 1 && m < components; m++) most = Math.max(most, part(2, m));
      for (let m = 0; m < components; m++) {
        const narrowness = Math.exp(-logScale(part(1, m)));
        const half = Math.max(narrowness, 0.005);
        const middle = part(0, m) * narrowness;
        const side = -Math.abs(middle);
        const low = (softplus(side + half) - softplus(side - half)) / (2 * half);
        const share = components > 1 ? Math.exp(part(2, m) - most) : 1;
        sum += share * (middle > 0 ? 1 - low : low);
        total += share;
      }
      y[v] = Math.min(Math.max(sum / total, 0), 1);
    }
    return y;
  }

  // Returns the phases of every convolution, by its node. They share one engine.
  function prepared(nodes, weights, engines) {
    const all = nodes.filter(node => node.operation === 'convolution' || node.operation === 'transposed').map(node => {
      const make = node.operation === 'transposed' ? transposedPhases : convolutionPhases;
      const input = nodes[node.inputs[0]].shape;
      return { node, input, phases: make(weights[`${node.layer}.weight`], input, node.shape, node) };
    });
    // Room for tiles of up to 8 channels and 4 pixels.
    let longest = 0, length = 0;
    for (const { node, input, phases } of all) {
      for (const { taps } of phases) {
        longest = Math.max(longest, taps.length * input[0] * (GATHERED + 4));
        length += taps.length * input[0] * (node.shape[0] + 8);
      }
    }
    const scratch = length;
    length += longest + 32;
    let engine = null;
    for (const make of engines) engine = engine || make(length);
    let at = 0;
    return new Map(all.map(({ node, input, phases }) => [node, phases.map(phase => {
      const bias = weights[`${node.layer}.bias`];
      const computed = convolution(engine, phase, input, node.shape, bias, at, scratch);
      at += phase.taps.length * input[0] * Math.ceil(node.shape[0] / engine.channels) * engine.channels;
      return computed;
    })]));
  }

  // Returns a function from given values by name to the graph's output. `weights` has a Float32Array for each name.
  function network(graph, weights, engines = Tiles.engines) {
    const { nodes, output } = graph;
    const shapes = nodes.map(node => node.shape);
    const convolutions = prepared(nodes, weights, engines);
    // Everything that does not depend on the given values is prepared once.
    const steps = nodes.map((node, id) => {
      const [from, other] = node.inputs;
      const input = shapes[from];
      const weight = weights[`${node.layer}.weight`], bias = weights[`${node.layer}.bias`];
      switch (node.operation) {
        case 'input':
          return (values, given) => given[node.name];
        case 'dense':
          return values => dense(values[from], weight, bias);
        case 'convolution':
        case 'transposed':
          return values => {
            const y = new Float32Array(count(node.shape));
            for (const phase of convolutions.get(node)) phase(values[from], y);
            return y;
          };
        case 'group-norm':
          return values => groupNorm(values[from], input, node.groups, weight, bias);
        case 'activation': {
          const activation = ACTIVATIONS[node.activation];
          return values => values[from].map(activation);
        }
        case 'upsample':
          return values => upsample(values[from], input, node.shape, node.factor);
        case 'average-pool':
          return values => averagePool(values[from], input, node.shape, node.factor);
        case 'add':
          return values => values[from].map((value, i) => value + values[other][i]);
        case 'concat':
          return values => {
            const y = new Float32Array(count(node.shape));
            y.set(values[from]);
            y.set(values[other], values[from].length);
            return y;
          };
        case 'reshape':
          return values => values[from];
        case 'continuous-bernoulli-mean':
          return values => values[from].map(continuousBernoulliMean);
        case 'logistic-mixture-mean':
          return values => logisticMixtureMean(values[from], node.components);
        default:
          throw new Error(`node ${id}: there is no operation ${node.operation}`);
      }
    });
    return given => {
      const values = [];
      for (const step of steps) values.push(step(values, given));
      return values[output];
    };
  }

  function halfToFloat(bits) {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }

  // Reads weights: the first byte of every number, then the second of every number, and so on, which compresses better.
  function readWeights(bytes, precision, tensors) {
    const width = precision === 'float16' ? 2 : 4;
    const total = bytes.length / width;
    const joined = new Uint8Array(bytes.length);
    for (let plane = 0; plane < width; plane++) {
      for (let i = 0; i < total; i++) joined[i * width + plane] = bytes[plane * total + i];
    }
    // Byte by byte, so that the page reads the same on a processor of any byte order.
    const view = new DataView(joined.buffer);
    const all = new Float32Array(total);
    for (let i = 0; i < total; i++) {
      all[i] = width === 2 ? halfToFloat(view.getUint16(2 * i, true)) : view.getFloat32(4 * i, true);
    }
    const weights = {};
    let start = 0;
    for (const { name, length } of tensors) {
      weights[name] = all.subarray(start, start + length);
      start += length;
    }
    return weights;
  }

  // Returns the functions `decode` and `encode` (null without an encoder) of a model as the page holds it.
  function model({ decoder, encoder, precision, tensors }, bytes) {
    const weights = readWeights(bytes, precision, tensors);
    return { decode: network(decoder, weights), encode: encoder ? network(encoder, weights) : null };
  }

  return { model, network, readWeights };
})();

// In a worker: the first message has the model, each later one the values of a question.
if (typeof WorkerGlobalScope !== 'undefined' && self instanceof WorkerGlobalScope) {
  let model = null;
  self.onmessage = ({ data }) => {
    try {
      if (data.kind === 'model') {
        model = Decoder.model(data.model, data.bytes);
        self.postMessage({ id: data.id });
        return;
      }
      const began = performance.now();
      const values = model[data.kind](data.given);
      self.postMessage({ id: data.id, values, milliseconds: performance.now() - began });
    } catch (error) {
      self.postMessage({ id: data.id, error: String(error) });
    }
  };
}
if (typeof module !== 'undefined') module.exports = Decoder;
