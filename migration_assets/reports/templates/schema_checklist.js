"use strict";
// Ticks are kept by the step's own name, so that a list that is made again finds those of the last one.
(() => {
  const form = document.getElementById("steps");
  if (!form) return;
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const place = form.dataset.keptAs;
  let store = null;
  try {
    store = window.localStorage;
    store.getItem(place);
  } catch {
    store = null;
    document.getElementById("kept").textContent = "This browser keeps no ticks of a page that is opened from a file: print it.";
  }

  function ticked() {
    try {
      return new Set(JSON.parse((store && store.getItem(place)) || "[]"));
    } catch {
      return new Set();
    }
  }

  function show() {
    for (const box of boxes) box.closest("tr").classList.toggle("done", box.checked);
    document.getElementById("done").textContent = String(boxes.filter((box) => box.checked).length);
  }

  const before = ticked();
  for (const box of boxes) box.checked = before.has(box.name);
  form.addEventListener("change", () => {
    const kept = ticked();
    for (const box of boxes) box.checked ? kept.add(box.name) : kept.delete(box.name);
    if (store) store.setItem(place, JSON.stringify([...kept]));
    show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
})();
