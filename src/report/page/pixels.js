// Images as values and as pixels: `page` has the model's shape, and how an image of one's own is fitted into it.
'use strict';

const Pixels = page => {
  const [channels, height, width] = page.image;
  const pixels = height * width;

  // Draws values in [0, 1], channel after channel.
  function draw(canvas, values) {
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext('2d');
    const image = context.createImageData(width, height);
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let colour = 0; colour < 3; colour++) {
        image.data[4 * pixel + colour] = Math.round(255 * values[(channels === 3 ? colour * pixels : 0) + pixel]);
      }
      image.data[4 * pixel + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }

  // Returns the values of the pixels of a canvas as the model reads them.
  function valuesOf(context) {
    const { data } = context.getImageData(0, 0, width, height);
    const values = new Float32Array(channels * pixels);
    for (let pixel = 0; pixel < pixels; pixel++) {
      const [red, green, blue] = data.subarray(4 * pixel, 4 * pixel + 3).map(level => page.fit.invert ? 255 - level : level);
      if (channels === 3) {
        values[pixel] = red / 255;
        values[pixels + pixel] = green / 255;
        values[2 * pixels + pixel] = blue / 255;
      } else {
        // ITU-R 601 luma in fixed point, as the program has it.
        values[pixel] = ((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16) / 255;
      }
    }
    return page.binary ? values.map(value => value >= 0.5 ? 1 : 0) : values;
  }

  // Returns the values of the pixels of a canvas, channel after channel.
  function plain(context) {
    const { data } = context.getImageData(0, 0, width, height);
    const values = new Float32Array(channels * pixels);
    for (let i = 0; i < values.length; i++) values[i] = data[4 * (i % pixels) + Math.floor(i / pixels)] / 255;
    return values;
  }

  // Draws an image file into the model's shape, as src/data/image_file/fit.rs does.
  async function fitted(file) {
    const image = await createImageBitmap(file, { colorSpaceConversion: 'none' });
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.fillStyle = page.fit.background === 'white' ? '#fff' : '#000';
    context.fillRect(0, 0, width, height);
    context.imageSmoothingQuality = 'high';
    const across = width / image.width, down = height / image.height;
    if (page.fit.mode === 'stretch') {
      context.drawImage(image, 0, 0, width, height);
    } else {
      const scale = page.fit.mode === 'crop' ? Math.max(across, down) : Math.min(across, down);
      let [w, h] = [image.width * scale, image.height * scale];
      if (page.fit.mode === 'pad') [w, h] = [Math.max(1, Math.round(w)), Math.max(1, Math.round(h))];
      const place = (whole, part) => page.fit.mode === 'pad' ? Math.floor((whole - part) / 2) : (whole - part) / 2;
      context.drawImage(image, place(width, w), place(height, h), w, h);
    }
    return { context, isExact: image.width === width && image.height === height };
  }

  return { draw, valuesOf, plain, fitted };
};
