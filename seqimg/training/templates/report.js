"use strict";
// The player: one slider moves all four pictures. A case's frames stand as tiles in a picture of the page:
// a row each of input, truth, answer and difference.
(() => {
  // What is folded away on the screen stands on paper.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach(item => { item.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach(item => { item.open = false; }));

  const player = document.getElementById("player");
  if (!player) return;
  const reels = JSON.parse(document.getElementById("reels").textContent);
  const screens = [...player.querySelectorAll("canvas")];
  const slider = player.querySelector("input");
  const moment = player.querySelector("output");
  const play = player.querySelector("[data-do=play]");
  const choices = [...player.querySelectorAll("[data-reel]")];
  const RATE = 6;  // frames a second
  let reel, sheet, timer = 0;

  const count = () => reel.context.length + reel.future.length;

  function tile(canvas, row, column) {
    canvas.width = reel.width;
    canvas.height = reel.height;
    if (column === null) return;
    const across = reel.width + reel.gap, down = reel.height + reel.gap;
    canvas.getContext("2d").drawImage(
      sheet, column * across, row * down, reel.width, reel.height, 0, 0, reel.width, reel.height);
  }

  function show(time) {
    time = Math.min(Math.max(time, 0), count() - 1);
    const past = reel.context.length, ahead = time - past;
    slider.value = time;
    screens.forEach((canvas, row) => {
      if (row === 0) tile(canvas, 0, Math.min(time, past - 1));
      else tile(canvas, row, ahead < 0 ? null : ahead);
    });
    screens[0].parentElement.classList.toggle("past", ahead >= 0);
    const label = ahead < 0 ? reel.context[time] : reel.future[ahead];
    moment.textContent = `frame ${label}`;
    slider.setAttribute("aria-valuetext", moment.textContent);
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "▶";
    play.setAttribute("aria-label", "Play");
  }

  function toggle() {
    if (timer) return pause();
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "Pause");
    timer = setInterval(() => show((Number(slider.value) + 1) % count()), 1000 / RATE);
  }

  function move(steps) {
    pause();
    show(Number(slider.value) + steps);
  }

  function choose(number) {
    pause();
    reel = reels[number];
    sheet = document.getElementById(`sheet-${number}`);
    choices.forEach(button => button.setAttribute("aria-pressed", String(Number(button.dataset.reel) === number)));
    player.querySelector("[data-is=name]").textContent = reel.name;
    player.querySelector("[data-is=note]").textContent = reel.note;
    player.querySelector("[data-is=scale]").textContent = reel.scale;
    screens.forEach(canvas => canvas.classList.toggle("pixels", Math.max(reel.width, reel.height) < 100));
    slider.max = count() - 1;
    const begin = () => show(Math.min(reel.context.length, count() - 1));
    sheet.decode().then(begin, begin);
  }

  slider.addEventListener("input", () => { pause(); show(Number(slider.value)); });
  player.querySelector("[data-do=back]").addEventListener("click", () => move(-1));
  player.querySelector("[data-do=on]").addEventListener("click", () => move(1));
  play.addEventListener("click", toggle);
  choices.forEach(button => button.addEventListener("click", () => choose(Number(button.dataset.reel))));
  document.querySelectorAll("[data-open]").forEach(button => {
    button.hidden = false;
    button.addEventListener("click", () => {
      choose(Number(button.dataset.open));
      player.scrollIntoView();
      slider.focus({preventScroll: true});
    });
  });
  addEventListener("keydown", event => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const home = event.target === document.body || event.target === slider;
    if (event.key === "ArrowLeft" && (home || player.contains(event.target))) move(-1);
    else if (event.key === "ArrowRight" && (home || player.contains(event.target))) move(1);
    else if (event.key === " " && home) toggle();
    else return;
    event.preventDefault();
  });
  player.hidden = false;
  choose(Number(player.dataset.first));
})();
