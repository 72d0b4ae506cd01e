// The products of convolutions are computed in tiles: some output channels of some pixels. A tile engine has the size of
// its tiles and an array of `length` numbers, in which everything lies that it reads and writes. `tile(w, p, count, to)`
// writes the sums of `count` products, channel after channel of each pixel: from `w` on the numbers of all channels for
// the first product, then for the second, and so on, and from `p` on those of the pixels.
'use strict';

const Tiles = (() => {
  // Sums of 64 bits in a script are exact, and several times as fast as those of 32 bits.
  function inScript(length) {
    const numbers = new Float64Array(length);
    const tile = (w, p, count, to) => {
      let a0 = 0, a1 = 0, b0 = 0, b1 = 0, c0 = 0, c1 = 0, d0 = 0, d1 = 0;
      for (const end = w + 4 * count; w < end; w += 4, p += 2) {
        const left = numbers[p], right = numbers[p + 1];
        const a = numbers[w], b = numbers[w + 1], c = numbers[w + 2], d = numbers[w + 3];
        a0 += a * left;
        a1 += a * right;
        b0 += b * left;
        b1 += b * right;
        c0 += c * left;
        c1 += c * right;
        d0 += d * left;
        d1 += d * right;
      }
      numbers[to] = a0;
      numbers[to + 1] = b0;
      numbers[to + 2] = c0;
      numbers[to + 3] = d0;
      numbers[to + 4] = a1;
      numbers[to + 5] = b1;
      numbers[to + 6] = c1;
      numbers[to + 7] = d1;
    };
    return { channels: 4, pixels: 2, numbers, tile };
  }

  // The same with vectors of four float32, 8 channels of 4 pixels. Returns null where a browser has no such vectors.
  function inWebAssembly(length) {
    if (typeof WebAssembly === 'undefined') return null;
    const pages = Math.ceil(4 * length / 65536);
    const leb = value => value < 128 ? [value] : [value & 127 | 128, ...leb(value >> 7)];
    const sized = bytes => [...leb(bytes.length), ...bytes];
    const section = (id, bytes) => [id, ...sized(bytes)];
    const text = word => sized([...word].map(letter => letter.charCodeAt(0)));
    const [I32, V128] = [0x7f, 0x7b];
    const get = local => [0x20, local];
    const set = local => [0x21, local];
    const moved = (local, by) => [...get(local), 0x41, by, 0x6a, ...set(local)];
    const simd = (operation, ...rest) => [0xfd, ...leb(operation), ...rest];
    const load = (local, offset) => [...get(local), ...simd(0, 2, offset)];
    const splat = (local, offset) => [...get(local), ...simd(9, 2, offset)];
    const [ADD, MULTIPLY, STORE] = [simd(228), simd(230), 11];
    // The parameters w, p, count and to, then eight sums, two vectors of weights, and a pixel.
    const [w, p, count, to, sum, weight, pixel] = [0, 1, 2, 3, 4, 12, 14];
    const tile = [
      0x03, 0x40, // loop
      ...load(w, 0), ...set(weight),
      ...load(w, 16), ...set(weight + 1),
      ...[0, 1, 2, 3].flatMap(lane => [
        ...splat(p, 4 * lane), ...set(pixel),
        ...[0, 1].flatMap(half => [
          ...get(sum + 2 * lane + half), ...get(weight + half), ...get(pixel), ...MULTIPLY, ...ADD,
          ...set(sum + 2 * lane + half),
        ]),
      ]),
      ...moved(w, 32), ...moved(p, 16),
      ...get(count), 0x41, 1, 0x6b, 0x22, count, // count - 1, also kept
      0x0d, 0, // once more unless it is 0
      0x0b,
      ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap(i => [...get(to), ...get(sum + i), ...simd(STORE, 2, 16 * i)]),
      0x0b,
    ];
    const code = Uint8Array.of(
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
      ...section(1, [1, 0x60, 4, I32, I32, I32, I32, 0]),
      ...section(3, [1, 0]),
      ...section(5, [1, 0, ...leb(pages)]),
      ...section(7, [2, ...text('tile'), 0, 0, ...text('memory'), 2, 0]),
      ...section(10, [1, ...sized([1, 11, V128, ...tile])]),
    );
    try {
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
      const numbers = new Float32Array(exports.memory.buffer);
      const call = exports.tile;
      return { channels: 8, pixels: 4, numbers, tile: (w, p, count, to) => call(4 * w, 4 * p, count, 4 * to) };
    } catch {
      return null;
    }
  }

  return { engines: [inWebAssembly, inScript], inScript, inWebAssembly };
})();
