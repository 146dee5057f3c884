"use strict";
// One WebSocket: words come as text, moments as bytes. A moment that is on the screen is answered with its number,
// which lets the next one come; so a page that is slow, or hidden, gets fewer, and never old ones.

const $ = (id) => document.getElementById(id);
const STATES = { waiting: "Waiting for frames", running: "Running", paused: "Paused", ended: "Ended", failed: "Failed", stopped: "Stopped", lost: "Not connected" };
const STILL = 3000;            // milliseconds without a frame that are worth a word
const TRIES = [1000, 2000, 4000, 8000];
const FULL = 4008;

let socket = null, hello = null, status = null, shown = null, drawing = false, waiting = null;
let arrived = 0, view = "output", wipe = 0.5, tries = 0, over = false;

// --- talking ---------------------------------------------------------------------------------------------------

function say(words) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(words));
}

function connect() {
  socket = new WebSocket(`ws://${location.host}/watch`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { tries = 0; look(); };
  socket.onmessage = (event) => typeof event.data === "string" ? hear(JSON.parse(event.data)) : take(event.data);
  socket.onclose = (event) => closed(event);
}

function closed(event) {
  setState("lost");
  still();
  if (event.code === FULL) return give_up(`As many pages look as may: ${event.reason}.`);
  if (event.code === 1012 || event.code === 1001) {
    over = true;
    return give_up("seqimg live was stopped.\nStart it again, and open the address that it prints.");
  }
  if (tries < TRIES.length) {
    banner("The connection to seqimg live is lost; trying again …", {});
    setTimeout(connect, TRIES[tries++]);
  } else {
    give_up("seqimg live does not answer.\nIf it was started again, open the address that it has printed.");
  }
}

function give_up(text) { banner(text, { reconnect: !over }); }

function hear(words) {
  if (words.kind === "hello") greet(words);
  else if (words.kind === "status") report(words);
  else if (words.kind === "note") note(words.text, words.bad);
}

function look() {
  const parts = { input: ["input"], output: ["output"], split: ["input", "output"], difference: ["difference"] }[view].slice();
  if (status && status.compare) parts.push("bare");
  say({ look: parts, quality: $("quality").value });
}

// --- what does not change --------------------------------------------------------------------------------------

function greet(words) {
  hello = words;
  banner("", {});
  $("task").textContent = words.task;
  document.title = `${words.task} · seqimg live`;
  $("source").textContent = words.name;
  $("place").textContent = `Source: ${words.source}`;
  $("device").textContent = words.device;
  $("kernel").textContent = words.kernel || "";
  $("model").textContent = `Model: ${words.model}`;
  $("seconds").textContent = words.seconds;
  $("save").hidden = !words.seconds;
  $("camera-card").hidden = !words.browser;
  $("forget").closest("label").hidden = !words.forgets;
  $("controls").replaceChildren(...words.controls.map(control));
}

function control(about) {
  const words = about.name.replaceAll("_", " "), id = `c-${about.name}`;
  const set = (value) => say({ set: { [about.name]: value } });
  if (about.kind === "switch") {
    const input = make("input", { type: "checkbox", id, checked: about.value });
    input.onchange = () => set(input.checked);
    input.adopt = (value) => { input.checked = value; };
    return make("label", { className: "switch" }, input, make("span", {}, make("b", { textContent: words }), make("small", { textContent: about.about })));
  }
  if (about.kind === "choice") {
    const select = make("select", { id }, ...about.choices.map((choice) => make("option", { value: choice, textContent: choice, selected: choice === about.value })));
    select.onchange = () => set(select.value);
    select.adopt = (value) => { if (document.activeElement !== select) select.value = value; };
    return make("label", { className: "choice" }, make("b", { textContent: words }), select, make("small", { textContent: about.about }));
  }
  return slider(about, words, id, set);
}

function slider(about, words, id, set) {
  // A range over several powers of ten is even in its powers.
  const log = about.low > 0 && about.high / about.low > 200;
  const to = (value) => Math.round(1000 * (log ? Math.log(value / about.low) / Math.log(about.high / about.low) : (value - about.low) / (about.high - about.low)));
  const from = (place) => {
    const value = log ? about.low * (about.high / about.low) ** (place / 1000) : about.low + (about.high - about.low) * place / 1000;
    return about.whole ? Math.round(value) : Number(value.toPrecision(3));
  };
  const range = make("input", { type: "range", min: 0, max: 1000, value: to(about.value), id: `${id}-range` });
  range.setAttribute("aria-label", words);
  const number = make("input", { type: "number", id, min: about.low, max: about.high, step: about.whole ? 1 : "any", value: about.value });
  if (about.whole && !log) range.step = Math.max(1, Math.round(1000 / (about.high - about.low)));
  let timer = 0, touched = 0;
  const later = () => {
    touched = Date.now();
    clearTimeout(timer);
    timer = setTimeout(() => set(Number(number.value)), 120);
  };
  range.oninput = () => { number.value = from(Number(range.value)); range.setAttribute("aria-valuetext", number.value); later(); };
  number.onchange = () => { range.value = to(Number(number.value)); later(); };
  number.adopt = (value) => {
    if (document.activeElement === number || Date.now() - touched < 1500) return;
    number.value = value;
    range.value = to(value);
  };
  const head = make("span", { className: "head" }, make("b", { textContent: words }), number);
  const label = make("div", { className: "slider" }, head, range, make("small", { textContent: about.about }));
  number.setAttribute("aria-label", words);
  return label;
}

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

// --- how things stand ------------------------------------------------------------------------------------------

function report(words) {
  const before = status;
  status = words;
  setState(words.state);
  const round = (seconds) => seconds == null ? "–" : (seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0);
  put("f-latency", words.latency == null ? "–" : words.latency.toFixed(0));
  put("f-out", words.fps_out.toFixed(1));
  put("f-in", words.fps_in.toFixed(1));
  put("f-dropped", words.dropped.toLocaleString());
  put("f-frames", (words.frames + words.dropped).toLocaleString());
  put("f-age", words.age.toLocaleString());
  put("f-reset", words.last_reset || "none");
  put("f-p50", round(words.p50));
  put("f-p95", words.p95 == null ? "–" : `${round(words.p95)} ms`);
  put("f-memory", words.resident ? Math.round(words.resident / 2 ** 20).toLocaleString() : "–");
  put("viewers", words.viewers === 1 ? "1 page looks" : `${words.viewers} pages look`);
  put("command", words.command);
  put("pause", words.state === "paused" ? "Go on" : "Pause");
  $("pause").disabled = !["running", "paused", "waiting"].includes(words.state);
  $("compare").checked = words.compare;
  $("forget").checked = words.forget;
  for (const [name, value] of Object.entries(words.options)) $(`c-${name}`)?.adopt?.(value);
  if (words.state === "failed") banner(words.error.filter(Boolean).join("\n"), { again: true });
  else if (words.state === "ended") banner("The source has come to its end.", { again: true, mild: true });
  else banner("", {});
  $("bare-screen").hidden = !words.compare;
  if (!before || before.compare !== words.compare) { look(); arrange(); }
  minute(words);
}

function put(id, text) {
  const element = $(id).firstElementChild?.tagName === "SPAN" ? $(id).firstElementChild : $(id);
  if (element.textContent !== text) element.textContent = text;
}

function setState(state) {
  if ($("state").dataset.state === state) return;
  $("state").dataset.state = state;
  $("state").lastElementChild.textContent = STATES[state] || state;
  for (const id of ["reset", "save", "pause"]) $(id).disabled = state === "lost";
}

function banner(text, { again = false, reconnect = false, mild = false }) {
  $("banner").hidden = !text;
  $("banner").classList.toggle("mild", mild);
  if ($("banner-text").textContent !== text) $("banner-text").textContent = text;
  $("again").hidden = !again;
  $("reconnect").hidden = !reconnect;
}

let noteTimer = 0;
function note(text, bad = false) {
  $("note").textContent = text;
  $("note").classList.toggle("bad", Boolean(bad));
  clearTimeout(noteTimer);
  noteTimer = setTimeout(() => { $("note").textContent = ""; }, 12000);
}

// --- pictures --------------------------------------------------------------------------------------------------

async function take(buffer) {
  const length = new DataView(buffer).getUint32(0);
  const about = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let at = 4 + length;
  const made = about.parts.map((part) => {
    const blob = new Blob([new Uint8Array(buffer, at, part.bytes)], { type: "image/jpeg" });
    at += part.bytes;
    return createImageBitmap(blob).then((picture) => [part.part, { picture, full: part.full }]);
  });
  about.pictures = Object.fromEntries(await Promise.all(made));
  if (waiting) release(waiting);
  waiting = about;
  if (!drawing) { drawing = true; requestAnimationFrame(draw); }
}

function release(moment) { for (const { picture } of Object.values(moment.pictures)) picture.close(); }

function draw() {
  drawing = false;
  if (!waiting) return;
  if (shown) release(shown);
  [shown, waiting] = [waiting, null];
  arrived = performance.now();
  paint();
  put("line", shown.line || (shown.answered ? "" : "waiting for the first answer"));
  put("bare-line", shown.bare_line || "");
  $("moment").textContent = `frame ${shown.frame} · ${clock(shown.time)}`;
  table(shown.rows);
  say({ drawn: shown.number });
  still();
}

const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")}`;

function paint() {
  const { input, output, difference, bare } = shown.pictures;
  // Where there is no difference to show, the answer is; before the first answer, what came.
  const main = { input, output, difference: difference || output, split: output }[view] || input;
  const missing = shown.answered ? "" : "input: no answer yet";
  let left = { input: "input", output: missing || "output", difference: missing || (difference ? "difference" : "output: of another size than the input"), split: missing }[view];
  const same = view === "split" && input && output && input.picture.width === output.picture.width && input.picture.height === output.picture.height;
  const canvas = $("picture"), pen = canvas.getContext("2d");
  if (view === "split" && input && output && !same) beside(canvas, pen, input, output);
  else if (main) {
    size(canvas, main, main.picture.width, main.picture.height);
    pen.drawImage(main.picture, 0, 0);
    if (same) divide(canvas, pen, input.picture);
  }
  $("wipe").hidden = !same;
  canvas.parentElement.classList.toggle("draggable", Boolean(same));
  $("scale").hidden = !(view === "difference" && difference);
  if (view === "split" && input && output) left = same ? "input | output" : "input, output";
  $("tag-left").textContent = status?.compare && left === "output" ? "with memory" : left;
  if (bare && status?.compare) {
    size($("bare"), bare, bare.picture.width, bare.picture.height);
    $("bare").getContext("2d").drawImage(bare.picture, 0, 0);
  }
}

function size(canvas, part, width, height) {
  if (canvas.width === width && canvas.height === height) return;
  canvas.width = width;
  canvas.height = height;
  canvas.classList.toggle("pixels", part.full <= 200);
  arrange();
}

function arrange() {
  // Wide pictures go below each other, others beside each other.
  const two = Boolean(status?.compare);
  $("screens").classList.toggle("two", two);
  $("screens").classList.toggle("flat", two && $("picture").width / $("picture").height > 2);
}

function divide(canvas, pen, input) {
  const x = Math.round(wipe * canvas.width), thick = Math.max(1, canvas.width / 400);
  pen.drawImage(input, 0, 0, x, canvas.height, 0, 0, x, canvas.height);
  pen.fillStyle = "rgb(255 255 255 / 90%)";
  pen.fillRect(x - thick / 2, 0, thick, canvas.height);
}

function beside(canvas, pen, input, output) {
  const a = input.picture, b = output.picture, gap = 6;
  const row = a.width * b.height / a.height + b.width < 3 * b.height;
  if (row) {
    const wide = Math.round(a.width * b.height / a.height);
    size(canvas, output, wide + gap + b.width, b.height);
    pen.drawImage(a, 0, 0, wide, b.height);
    pen.drawImage(b, wide + gap, 0);
  } else {
    const scale = Math.min(1, b.width / a.width), wide = Math.round(a.width * scale), high = Math.round(a.height * scale);
    size(canvas, output, b.width, high + gap + b.height);
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(a, (b.width - wide) / 2, 0, wide, high);
    pen.drawImage(b, 0, high + gap);
  }
}

function still() {
  // The last picture stays, and says how old it is.
  const silent = performance.now() - arrived, lost = $("state").dataset.state === "lost";
  const state = status?.state;
  const old = arrived > 0 && (lost || (silent > STILL && (state === "running" || state === "waiting")));
  $("picture").parentElement.classList.toggle("old", old);
  $("bare").parentElement.classList.toggle("old", old);
  $("stale").hidden = !old;
  if (old) put("stale", lost ? "Not connected" : `No frame for ${Math.floor(silent / 1000)} s`);
}

function table(rows) {
  $("rows-card").hidden = !rows.length;
  if (!rows.length || document.hidden) return;
  const names = [...new Set(rows.flatMap(Object.keys))];
  const number = (value) => typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col", textContent: name.replaceAll("_", " ") })));
  $("rows").tHead.replaceChildren(head);
  $("rows").tBodies[0].replaceChildren(...rows.map((row) => make("tr", {}, ...names.map((name) => make("td", { textContent: row[name] == null ? "–" : String(number(row[name])) })))));
}

// --- the last minute -------------------------------------------------------------------------------------------

function minute(words) {
  const canvas = $("minute"), scale = window.devicePixelRatio || 1, wide = canvas.clientWidth, high = 120;
  if (!wide) return;
  if (canvas.width !== Math.round(wide * scale)) { canvas.width = Math.round(wide * scale); canvas.height = high * scale; }
  const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, wide, high);
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const left = 34, right = wide - 4, top = 16, bottom = high - 18, span = 60;
  const x = (ago) => right - (right - left) * Math.min(ago, span) / span;
  const most = nice(Math.max(4, ...words.bars.map((bar) => Math.max(bar[1], bar[2]) * 2)));
  pen.strokeStyle = colour("line");
  pen.fillStyle = colour("muted");
  pen.lineWidth = 1;
  for (const share of [0, 0.5, 1]) {
    const y = Math.round(bottom - (bottom - top) * share) + 0.5;
    line(pen, left, y, right, y);
    pen.textAlign = "right";
    pen.fillText(most * share, left - 6, y + 4);
  }
  for (const ago of wide < 450 ? [60, 30, 0] : [60, 45, 30, 15, 0]) {
    pen.textAlign = ago === 0 ? "right" : ago === 60 ? "left" : "center";
    pen.fillText(ago ? `${ago} s ago` : "now", x(ago), high - 3);
  }
  const bar = Math.max(1.5, (right - left) / span * 0.5 - 1), tall = (count) => (bottom - top) * Math.min(1, count * 2 / most);
  for (const [ago, came, answered] of words.bars) {
    const end = x(Math.max(0, ago - 0.5)), done = tall(answered), lost = tall(Math.max(came, answered)) - done;
    pen.fillStyle = colour("accent");
    pen.fillRect(end - bar, bottom - done, bar, done);
    if (lost > 0) {
      pen.strokeStyle = colour("drop");
      pen.strokeRect(end - bar + 0.5, bottom - done - lost + 0.5, Math.max(0.5, bar - 1), Math.max(0.5, lost - 1));
    }
  }
  const oldest = Math.max(1, ...words.bars.map((each) => each[4]));
  pen.strokeStyle = colour("age");
  pen.lineWidth = 2;
  pen.beginPath();
  words.bars.forEach(([ago, , , , age], place) => pen[place ? "lineTo" : "moveTo"](x(Math.max(0, ago - 0.5)), bottom - (bottom - top) * age / oldest));
  pen.stroke();
  for (const [ago, kind] of words.happenings) mark(pen, kind, x(ago), top, bottom, colour);
  const named = words.happenings.filter(([, kind]) => kind !== "cut").slice(-1)[0];
  const cuts = words.happenings.filter(([, kind]) => kind === "cut").length;
  const said = [named && `${Math.round(named[0])} s ago: ${named[2]}`, cuts && `${cuts} cut${cuts > 1 ? "s" : ""} in the last minute`].filter(Boolean);
  put("happened", said.join(" · "));
  canvas.setAttribute("aria-label", `Over the last minute: ${words.fps_out} frames a second answered now, ${words.dropped} dropped in all. ${said.join(". ")}`);
}

function mark(pen, kind, x, top, bottom, colour) {
  pen.lineWidth = 1.5;
  if (kind === "cut") {
    pen.strokeStyle = colour("text");
    pen.setLineDash([4, 3]);
    line(pen, x, top, x, bottom);
    pen.setLineDash([]);
  } else if (kind === "reset") {
    pen.strokeStyle = pen.fillStyle = colour("bad");
    line(pen, x, top - 4, x, bottom);
    pen.beginPath();
    pen.arc(x, top - 7, 4, 0, 7);
    pen.fill();
  } else {
    pen.fillStyle = colour("muted");
    pen.fillRect(x - 1, bottom + 1, 2, 5);
  }
}

function line(pen, x, y, u, v) { pen.beginPath(); pen.moveTo(x, y); pen.lineTo(u, v); pen.stroke(); }

const nice = (value) => [4, 6, 10, 12, 20, 30, 40, 60, 80, 100, 120, 200, 400, 600, 1000].find((round) => round >= value) || value;

// --- what people do --------------------------------------------------------------------------------------------

function choose(name) {
  view = name;
  document.querySelector(`#views [value=${name}]`).checked = true;
  look();
}

function move(share) {
  wipe = Math.min(1, Math.max(0, share));
  $("wipe").value = Math.round(wipe * 1000);
  if (shown) paint();
}

const pause = () => say({ do: status?.state === "paused" ? "go" : "pause" });
const compare = (on) => say({ compare: on });

$("views").addEventListener("change", (event) => choose(event.target.value));
$("pause").onclick = pause;
$("reset").onclick = () => { say({ do: "reset" }); note("The state is reset with the next frame"); };
$("save").onclick = () => { say({ do: "save" }); note("Writing the video …"); };
$("again").onclick = () => say({ do: "again" });
$("reconnect").onclick = () => { tries = 0; banner("", {}); connect(); };
$("compare").onchange = (event) => compare(event.target.checked);
$("forget").onchange = (event) => say({ forget: event.target.checked });
$("quality").onchange = look;
$("wipe").oninput = (event) => move(event.target.value / 1000);
$("copy").onclick = async () => {
  const code = $("command");
  try {
    await navigator.clipboard.writeText(code.textContent);
    note("Copied");
  } catch {
    getSelection().selectAllChildren(code);
    note("Selected: copy it with Ctrl-C");
  }
};

function drag(event) {
  if (!$("picture").parentElement.classList.contains("draggable") || !(event.buttons & 1)) return;
  const canvas = $("picture"), box = canvas.getBoundingClientRect(), ratio = canvas.width / canvas.height;
  const wide = Math.min(box.width, box.height * ratio);
  move((event.clientX - box.left - (box.width - wide) / 2) / wide);
}
$("picture").addEventListener("pointerdown", (event) => { event.target.setPointerCapture(event.pointerId); drag(event); });
$("picture").addEventListener("pointermove", drag);

const KEYS = {
  " ": pause, r: () => $("reset").click(), s: () => $("snapshot").click(), v: () => $("save").click(),
  m: () => compare(!status?.compare),
  1: () => choose("input"), 2: () => choose("output"), 3: () => choose("split"), 4: () => choose("difference"),
  ArrowLeft: () => view === "split" && move(wipe - 0.05), ArrowRight: () => view === "split" && move(wipe + 0.05),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, button, a, summary")) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act) { event.preventDefault(); act(); }
});

setInterval(still, 250);
setInterval(() => { if (shown?.line) put("spoken", shown.line); }, 8000);
addEventListener("resize", () => status && minute(status));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => status && minute(status));

// --- this device's camera ---------------------------------------------------------------------------------------

$("share").onclick = async () => {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: false });
    send(stream);
  } catch (error) {
    note(navigator.mediaDevices ? `The camera cannot be used: ${error.message}` : "Browsers share cameras only with pages at localhost or over https", true);
  }
};

async function send(stream) {
  const video = $("preview"), canvas = document.createElement("canvas");
  video.srcObject = stream;
  video.hidden = false;
  await video.play();
  const up = new WebSocket(`ws://${location.host}/camera`);
  const stop = (text) => {
    stream.getTracks().forEach((track) => track.stop());
    up.onclose = null;
    up.close();
    video.hidden = true;
    $("share").textContent = "Share this camera";
    $("share").onclick = begin;
    if (text) note(text, true);
  };
  const next = () => {
    const scale = Math.min(1, 640 / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => { if (blob && up.readyState === WebSocket.OPEN) up.send(blob); }, "image/jpeg", 0.85);
  };
  up.onopen = next;
  up.onmessage = () => video.requestVideoFrameCallback ? video.requestVideoFrameCallback(next) : setTimeout(next, 33);
  up.onclose = (event) => stop(event.reason || "The camera is not shared any more");
  const begin = $("share").onclick;
  $("share").textContent = "Stop sharing";
  $("share").onclick = () => stop("");
}

connect();
