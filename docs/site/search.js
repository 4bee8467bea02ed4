// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Search in the pages' texts, in the browser: every word has to be in the page; pages with the words
// in their titles come first, then those that have them oftener. Enter opens the first.
"use strict";

const field = document.getElementById("search");
const list = document.getElementById("found");
const contents = document.getElementById("contents");
const up = document.body.dataset.up;
const lower = pages.map((page) => (
  { page, title: page.title.toLowerCase(), text: page.text.toLowerCase() }));

const occurrences = (text, word) => text.split(word).length - 1;

function score({ title, text }, words) {
  let sum = 0;
  for (const word of words) {
    const count = occurrences(text, word) + 20 * occurrences(title, word);
    if (count === 0) return 0;
    sum += Math.log(1 + count);
  }
  return sum;
}

function snippet({ page, text }, word) {
  const at = Math.max(0, text.indexOf(word));
  const piece = page.text.slice(Math.max(0, at - 50), at + 90);
  const element = document.createElement("small");
  const start = piece.toLowerCase().indexOf(word);
  if (start < 0) return Object.assign(element, { textContent: piece });
  const mark = document.createElement("mark");
  mark.textContent = piece.slice(start, start + word.length);
  element.append("…" + piece.slice(0, start), mark, piece.slice(start + word.length) + "…");
  return element;
}

// Where there is little room, the contents are folded away.
const menu = document.getElementById("menu");
menu.addEventListener("click", () => {
  const isOpen = menu.parentElement.classList.toggle("open");
  menu.setAttribute("aria-expanded", String(isOpen));
});

field.addEventListener("keydown", (event) => {
  const first = list.querySelector("a");
  if (event.key === "Enter" && first) location.href = first.href;
});

field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  list.hidden = words.length === 0;
  contents.hidden = words.length !== 0;
  list.replaceChildren();
  if (words.length === 0) return;
  const found = lower.map((entry) => ({ entry, points: score(entry, words) }))
    .filter(({ points }) => points > 0).sort((a, b) => b.points - a.points).slice(0, 12);
  for (const { entry } of found) {
    const link = document.createElement("a");
    link.href = up + entry.page.place;
    link.textContent = entry.page.title;
    const item = document.createElement("li");
    item.append(link, snippet(entry, words[0]));
    list.append(item);
  }
  if (found.length === 0) {
    list.append(Object.assign(document.createElement("li"), { textContent: "nothing found" }));
  }
});
