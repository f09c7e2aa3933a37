"use strict";
(() => {
  const key = (cell) => cell.dataset.k ?? cell.textContent;
  const number = (text) => ({ inf: Infinity, "-inf": -Infinity })[text] ?? (text === "" ? NaN : Number(text));
  const words = new Intl.Collator("en", { numeric: true });

  // Numbers as numbers, what is missing last whichever way the column is sorted; equal rows keep their order.
  function sort(table, column, ascending) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, key: key(row.cells[column]) }));
    const numeric = rows.every(({ key }) => key === "" || !Number.isNaN(number(key)));
    const way = ascending ? 1 : -1;
    rows.sort((a, b) => {
      if (a.key === "" || b.key === "") return (a.key === "") - (b.key === "");
      if (!numeric) return way * words.compare(a.key, b.key);
      const [x, y] = [number(a.key), number(b.key)];
      return x === y ? 0 : way * (x < y ? -1 : 1);
    });
    body.append(...rows.map(({ row }) => row));
  }

  function onHeading(button) {
    const heading = button.closest("th");
    const ascending = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of heading.parentNode.cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    sort(button.closest("table"), heading.cellIndex, ascending);
  }

  // A spreadsheet would run a text that begins like a formula.
  function quoted(text) {
    const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }

  // An interval makes three columns. Rows that a filter hides are left out.
  function csv(table) {
    const headings = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    const rows = [...table.tBodies[0].rows].filter((row) => !row.classList.contains("out"));
    const wide = headings.map((_, column) => rows.some((row) => row.cells[column].dataset.l !== undefined));
    const line = (texts) => texts.flat().map(quoted).join(",");
    const ends = ({ dataset }) => [dataset.l ?? "", dataset.h ?? ""];
    const first = headings.map((text, n) => (wide[n] ? [text, `${text} low`, `${text} high`] : [text]));
    const rest = rows.map((row) => [...row.cells].map((cell, n) => (wide[n] ? [key(cell), ...ends(cell)] : [key(cell)])));
    return [first, ...rest].map(line).join("\r\n") + "\r\n";
  }

  // Alone, a figure has no page to take its colours and its font from.
  function svg(figure) {
    const drawn = figure.querySelector("svg").cloneNode(true);
    const style = getComputedStyle(document.documentElement);
    for (const element of [drawn, ...drawn.querySelectorAll("[style]")]) {
      const own = element.getAttribute("style");
      if (own) element.setAttribute("style", own.replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name).trim()));
    }
    const [, , width, height] = drawn.getAttribute("viewBox").split(/\s+/).map(Number);
    const ground = document.createElementNS(drawn.namespaceURI, "rect");
    for (const [name, value] of Object.entries({ width, height, fill: style.getPropertyValue("--card").trim() })) {
      ground.setAttribute(name, value);
    }
    drawn.setAttribute("width", `${width}pt`);
    drawn.setAttribute("height", `${height}pt`);
    drawn.querySelector("desc").after(ground);
    return new XMLSerializer().serializeToString(drawn);
  }

  function save(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function filter(field) {
    const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of document.getElementById(field.getAttribute("aria-controls")).tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.classList.toggle("out", !wanted.every((word) => text.includes(word)));
    }
  }

  async function copy() {
    const command = document.getElementById("command");
    const said = document.getElementById("copied");
    try {
      await navigator.clipboard.writeText(command.textContent);
      said.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(command); // no clipboard in a file: it is marked, to be copied by hand
      said.textContent = "marked: press Ctrl+C";
    }
  }

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const mode = document.getElementById("mode");
  const isDark = () => (document.documentElement.dataset.mode ?? (dark.matches ? "dark" : "light")) === "dark";
  const show = () => mode.setAttribute("aria-pressed", String(isDark()));
  mode.addEventListener("click", () => {
    document.documentElement.dataset.mode = isDark() ? "light" : "dark";
    show();
  });
  dark.addEventListener("change", show);
  show();

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    if (button.closest("th")) onHeading(button);
    else if (button.id === "copy") copy();
    else if (button.classList.contains("csv")) {
      const table = document.getElementById(button.dataset.table);
      save(`${table.dataset.name}.csv`, "text/csv;charset=utf-8", csv(table));
    } else if (button.classList.contains("svg")) {
      save(`${button.dataset.figure}.svg`, "image/svg+xml", svg(document.getElementById(button.dataset.figure)));
    }
  });
  document.addEventListener("input", ({ target }) => target.classList.contains("filter") && filter(target));
})();
