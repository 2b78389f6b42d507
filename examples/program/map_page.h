#pragma once

namespace program {

// What `semblance map` writes, with the data in place of @DATA@. Loads nothing from elsewhere.
inline constexpr const char* kMapPage = R"page(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Semblance map</title>
<style>
  html, body { margin: 0; height: 100%; font: 14px/1.4 system-ui, sans-serif; color: #222; }
  body { display: flex; }
  #plane { flex: 1; min-width: 0; position: relative; }
  canvas { position: absolute; inset: 0; width: 100%; height: 100%; cursor: grab; }
  #side { width: 19rem; overflow: auto; padding: 1rem; border-left: 1px solid #ddd; box-sizing: border-box; }
  #side h1 { font-size: 1.1rem; margin: 0 0 .3rem; }
  #side p { color: #666; margin: .2rem 0 .8rem; }
  #side div { padding: .25rem .2rem; cursor: pointer; border-radius: 4px; }
  #side div:hover, #side div.chosen { background: #eef3f8; }
  #side b { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin-right: .5em; }
  #tip { position: absolute; max-width: 26rem; padding: .35rem .6rem; background: #fff; border: 1px solid #999;
         border-radius: 5px; box-shadow: 0 2px 6px #0003; pointer-events: none; display: none; }
</style>
<div id="plane"><canvas></canvas><div id="tip"></div></div>
<div id="side"><h1></h1><p>Point at a dot to read it; drag to move, turn the wheel to zoom. The plane is that of the
two directions in which the vectors differ most (PCA): near dots are alike in these, not in all.</p></div>
<script>
const data = @DATA@;
const plane = document.getElementById("plane"), canvas = plane.querySelector("canvas");
const tip = document.getElementById("tip"), side = document.getElementById("side");
const n = data.text.length;
const colour = c => c ? `hsl(${(c - 1) * 137.508 % 360} 65% ${c % 2 ? 45 : 58}%)` : "#b5b5b5";
const spread = values => {
  let low = Infinity, high = -Infinity;
  for (const v of values) { low = Math.min(low, v); high = Math.max(high, v); }
  return n ? [low, high] : [0, 0];
};
const [xLow, xHigh] = spread(data.x), [yLow, yHigh] = spread(data.y);
let zoom = 1, moved = [0, 0], chosen = 0, near = -1;

function place(i) {
  const w = plane.clientWidth, h = plane.clientHeight;
  const unit = .9 * Math.min(w / (xHigh - xLow || 1), h / (yHigh - yLow || 1)) * zoom;
  return [w / 2 + moved[0] + (data.x[i] - (xLow + xHigh) / 2) * unit,
          h / 2 + moved[1] - (data.y[i] - (yLow + yHigh) / 2) * unit];
}

function draw() {
  const scale = window.devicePixelRatio || 1, context = canvas.getContext("2d");
  canvas.width = plane.clientWidth * scale;
  canvas.height = plane.clientHeight * scale;
  context.scale(scale, scale);
  const radius = n > 5000 ? 2.5 : n > 500 ? 4 : 6;
  for (const wanted of [false, true]) {  // clusters over the rest
    for (let i = 0; i < n; ++i) {
      if ((data.cluster[i] !== 0) !== wanted) continue;
      const [x, y] = place(i);
      context.globalAlpha = chosen && data.cluster[i] !== chosen ? .12 : .85;
      context.fillStyle = colour(data.cluster[i]);
      context.beginPath();
      context.arc(x, y, i === near ? radius * 1.7 : radius, 0, 7);
      context.fill();
    }
  }
}

plane.onpointermove = event => {
  const box = plane.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  if (event.buttons) {
    moved = [moved[0] + event.movementX, moved[1] + event.movementY];
    return draw();
  }
  let best = 144, found = -1;
  for (let i = 0; i < n; ++i) {
    const [px, py] = place(i), distance = (px - x) ** 2 + (py - y) ** 2;
    if (distance < best) { best = distance; found = i; }
  }
  tip.style.display = found < 0 ? "none" : "block";
  if (found >= 0) {
    tip.textContent = `${found + 1}: ${data.text[found]}`;
    tip.style.left = Math.min(x + 14, plane.clientWidth - tip.offsetWidth - 4) + "px";
    tip.style.top = Math.min(y + 14, plane.clientHeight - tip.offsetHeight - 4) + "px";
  }
  if (found !== near) { near = found; draw(); }
};
plane.onwheel = event => {
  event.preventDefault();
  const box = plane.getBoundingClientRect(), factor = Math.exp(-event.deltaY / 500);
  const from = [event.clientX - box.left - plane.clientWidth / 2, event.clientY - box.top - plane.clientHeight / 2];
  moved = moved.map((m, i) => from[i] + (m - from[i]) * factor);
  zoom *= factor;
  draw();
};
side.querySelector("h1").textContent = `${n} texts, ${data.centres.length} clusters`;
data.centres.forEach((row, c) => {
  const line = side.appendChild(document.createElement("div"));
  line.appendChild(document.createElement("b")).style.background = colour(c + 1);
  line.append(`${data.cluster.filter(x => x === c + 1).length} like: ${data.text[row]}`);
  line.onclick = () => {
    chosen = chosen === c + 1 ? 0 : c + 1;
    for (const other of side.querySelectorAll("div")) other.className = other === line && chosen ? "chosen" : "";
    draw();
  };
});
window.onresize = draw;
draw();
</script>
</html>
)page";

}  // namespace program
