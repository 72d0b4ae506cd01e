// The pad over two latents: a scatter of the test images' latents, and the current latent, which a pointer or the arrow keys
// move. `state.z` is the current latent; `moved` is called after a move.
'use strict';

const Pad = (page, test, state, moved) => {
  const at = id => document.getElementById(id);
  // Okabe and Ito (2008) and Tol (2021), as in the program's own scatter plots, and the same ones lighter for a dark page.
  const light = ['#0077bb', '#ccbb44', '#882255', '#56b4e9', '#1d1f21', '#ee3377', '#332288', '#cc79a7', '#997700', '#117733'];
  const dark = ['#3399dd', '#ddcc55', '#bb5588', '#88ccee', '#ffffff', '#ff6699', '#8877dd', '#e0a0c4', '#bb9922', '#44aa66'];
  const isDark = matchMedia('(prefers-color-scheme: dark)');
  const pad = at('pad');
  const axisOf = latent => page.axes.find(axis => axis.index === latent);
  const colourOf = label => (isDark.matches ? dark : light)[label % light.length];
  const chosen = () => [Number(at('across').value), Number(at('up').value)];

  function draw() {
    const side = pad.clientWidth;
    if (!side) return;
    const scale = window.devicePixelRatio || 1;
    if (pad.width !== Math.round(side * scale)) pad.width = pad.height = Math.round(side * scale);
    const context = pad.getContext('2d');
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, side, side);
    const [across, up] = chosen();
    const [horizontal, vertical] = [axisOf(across), axisOf(up)];
    const x = value => (value - horizontal.range[0]) / (horizontal.range[1] - horizontal.range[0]) * side;
    const y = value => side - (value - vertical.range[0]) / (vertical.range[1] - vertical.range[0]) * side;
    const style = getComputedStyle(pad);
    context.strokeStyle = style.getPropertyValue('--grid');
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x(0), 0);
    context.lineTo(x(0), side);
    context.moveTo(0, y(0));
    context.lineTo(side, y(0));
    context.stroke();
    if (horizontal.marks && vertical.marks) {
      context.strokeStyle = style.getPropertyValue('--line');
      const [left, right] = horizontal.marks.map(x), [bottom, top] = vertical.marks.map(y);
      context.beginPath();
      context.ellipse((left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2, 0, 0, 2 * Math.PI);
      context.stroke();
    }
    if (test) {
      context.globalAlpha = 0.75;
      test.latents.forEach((z, i) => {
        context.fillStyle = colourOf(test.labels ? test.labels[i] : 0);
        context.beginPath();
        context.arc(x(z[across]), y(z[up]), 2.5, 0, 2 * Math.PI);
        context.fill();
      });
      context.globalAlpha = 1;
    }
    context.fillStyle = style.getPropertyValue('--faint');
    context.font = '12px system-ui, sans-serif';
    context.fillText(`z${across} \u2192`, side - 44, side - 8);
    context.fillText(`z${up} \u2191`, 8, 18);
    context.strokeStyle = style.getPropertyValue('--paper');
    context.lineWidth = 5;
    for (let pass = 0; pass < 2; pass++) {
      context.beginPath();
      context.arc(x(state.z[across]), y(state.z[up]), 7, 0, 2 * Math.PI);
      context.stroke();
      context.strokeStyle = style.color;
      context.lineWidth = 2.5;
    }
  }

  function add() {
    for (const [id, first] of [['across', 0], ['up', 1]]) {
      for (const { index } of page.axes) at(id).add(new Option(`z${index}`, index));
      at(id).value = page.axes[Math.min(first, page.axes.length - 1)].index;
      at(id).addEventListener('change', draw);
    }
    const move = event => {
      const box = pad.getBoundingClientRect();
      const share = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
      chosen().forEach((latent, i) => {
        const [low, high] = axisOf(latent).range;
        state.z[latent] = Math.min(Math.max(low + share[i] * (high - low), low), high);
      });
      moved();
    };
    pad.addEventListener('pointerdown', event => {
      pad.setPointerCapture(event.pointerId);
      move(event);
    });
    pad.addEventListener('pointermove', event => {
      if (pad.hasPointerCapture(event.pointerId)) move(event);
    });
    pad.addEventListener('keydown', event => {
      const steps = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      chosen().forEach((latent, i) => {
        const [low, high] = axisOf(latent).range;
        state.z[latent] = Math.min(Math.max(state.z[latent] + 0.1 * step[i], low), high);
      });
      moved();
    });
    new ResizeObserver(draw).observe(pad);
    isDark.addEventListener('change', () => {
      draw();
      drawLegend();
    });
    drawLegend();
  }

  // Names the colours of the classes, unless there are too many to tell them apart.
  function drawLegend() {
    const present = test && test.labels ? [...new Set(test.labels)].sort((a, b) => a - b) : [];
    if (present.length > 30) return;
    at('legend').replaceChildren();
    for (const label of present) {
      const item = document.createElement('li');
      const dot = document.createElement('i');
      dot.style.background = colourOf(label);
      item.append(dot, page.classes[label] ?? String(label));
      at('legend').append(item);
    }
  }

  return { add, draw };
};
