// Draws the equations that pymdownx.arithmatex has marked. Pages may be replaced without being loaded anew.
function drawEquations() {
  for (const place of document.querySelectorAll(".arithmatex:not([data-drawn])")) {
    const text = place.textContent.trim();
    katex.render(text.replace(/^\\[([]|\\[)\]]$/g, ""), place, {
      displayMode: text.startsWith("\\["),
      throwOnError: false,
    });
    place.dataset.drawn = "";
  }
}
if (typeof document$ === "undefined") document.addEventListener("DOMContentLoaded", drawEquations);
else document$.subscribe(drawEquations);
