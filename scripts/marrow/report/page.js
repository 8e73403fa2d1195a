"use strict";

// The page reads and prints without this script. It adds sorting, searching and copying to tables, enlarges pictures,
// and unfolds what is folded before printing.
(() => {
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const textOf = (row, column) => row.cells[column].textContent.trim();

  // What a cell is sorted by: its number where it shows more than that, such as a mean with its spread.
  const keyOf = (row, column) => row.cells[column].dataset.value ?? textOf(row, column);

  // The number that a text begins with, also one with a printed minus.
  const numberOf = (text) => parseFloat(text.replace("\u2212", "-"));

  // Numbers by their value; words, and what begins with the same number, as people sort them.
  const compare = (a, b) => numberOf(a) - numberOf(b) || collator.compare(a, b);

  // Empty cells read "none", in the papers' tables a dash; they go last in either direction.
  const isNone = (row, column) => row.cells[column].querySelector(".none") !== null || textOf(row, column) === "\u2013";

  function sort(head, column, rows, body) {
    const descending = head[column].getAttribute("aria-sort") === "ascending";
    head.forEach((cell) => cell.removeAttribute("aria-sort"));
    head[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
    const sign = descending ? -1 : 1;
    const sorted = [...rows].sort((a, b) => {
      const nones = isNone(a, column) - isNone(b, column);
      return nones || sign * compare(keyOf(a, column), keyOf(b, column));
    });
    body.append(...sorted);
  }

  function sortable(head, rows, body) {
    head.forEach((cell, column) => {
      const button = make("button", { type: "button" }, cell.textContent);
      button.addEventListener("click", () => sort(head, column, rows, body));
      cell.replaceChildren(button);
      // Chromium repeats headings on the next page, but no buttons.
      window.addEventListener("beforeprint", () => cell.replaceChildren(button.textContent));
      window.addEventListener("afterprint", () => cell.replaceChildren(button));
    });
  }

  function choice(name, values) {
    const select = make("select", {}, make("option", { value: "", textContent: "all" }));
    values.forEach((value) => select.append(make("option", { value, textContent: value })));
    return { select, label: make("label", {}, name, select) };
  }

  // A least and a greatest number; whoever gives one asks for rows in which the number is known.
  function range(name, column, numbers) {
    const [least, most] = [["at least", Math.min(...numbers)], ["at most", Math.max(...numbers)]].map(([word, end]) => {
      const input = make("input", { type: "number", step: "any", placeholder: `${end}` });
      input.setAttribute("aria-label", `${name}, ${word}`);
      return input;
    });
    const box = make("div", { className: "range" }, name, make("div", {}, least, "to", most));
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", name);
    const fits = (row) => {
      const asked = [least, most].some((input) => input.value !== "");
      const number = asked && !isNone(row, column) ? numberOf(keyOf(row, column)) : NaN;
      const within = (least.value === "" || number >= +least.value) && (most.value === "" || number <= +most.value);
      return !asked || within;
    };
    return { box, inputs: [least, most], fits };
  }

  function copyText(text) {
    const area = make("textarea", { value: text, readOnly: true });
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }

  // Tab-separated, as a spreadsheet takes it; only the rows that are shown, in the order shown.
  function asText(head, body) {
    const lines = [head, ...[...body.rows].filter((row) => !row.hidden).map((row) => [...row.cells])];
    return lines.map((cells) => [...cells].map((cell) => cell.textContent.trim()).join("\t")).join("\n");
  }

  function equip(table) {
    const body = table.querySelector("tbody");
    const head = [...table.querySelectorAll("thead th")];
    const rows = [...body.rows];
    const choices = head.flatMap((cell, column) => {
      const values = [...new Set(rows.map((row) => textOf(row, column)))].sort(collator.compare);
      const useful = "choice" in cell.dataset && values.length > 1;
      return useful ? [{ column, ...choice(cell.textContent.trim(), values) }] : [];
    });
    const ranges = head.flatMap((cell, column) => {
      if (!("range" in cell.dataset)) return [];
      const numbers = rows.filter((row) => !isNone(row, column)).map((row) => numberOf(keyOf(row, column)));
      return new Set(numbers).size > 1 ? [range(cell.textContent.trim(), column, numbers)] : [];
    });
    const names = table.querySelector("caption").textContent;
    sortable(head, rows, body);

    const search = make("input", { type: "search" });
    const shown = make("output");
    const copy = make("button", { type: "button", className: "plain", textContent: "Copy table" });
    copy.setAttribute("aria-label", `Copy table: ${names}`);

    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const chosen = choices.every(({ column, select }) => !select.value || textOf(row, column) === select.value);
        const within = ranges.every(({ fits }) => fits(row));
        row.hidden = !(chosen && within && words.every((word) => text.includes(word)));
      }
      shown.value = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
    };
    search.addEventListener("input", filter);
    choices.forEach(({ select }) => select.addEventListener("change", filter));
    ranges.forEach(({ inputs }) => inputs.forEach((input) => input.addEventListener("input", filter)));
    copy.addEventListener("click", () => {
      shown.value = copyText(asText(head, body)) ? "copied, tab-separated" : "this browser does not allow copying";
      copy.focus();
    });

    const tools = make("div", { className: "tools" });
    if (rows.length > 5) {
      tools.append(make("label", {}, "search", search), ...choices.map(({ label }) => label), ...ranges.map(({ box }) => box));
    }
    tools.append(copy, shown);
    table.prepend(tools);
  }

  function enlarging() {
    const close = make("button", { type: "button", className: "plain close", textContent: "Close" });
    const picture = make("img");
    const dialog = make("dialog", {}, close, picture);
    dialog.setAttribute("aria-label", "Sheet, enlarged");
    document.body.append(dialog);
    close.addEventListener("click", () => dialog.close());
    picture.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => picture.removeAttribute("src"));
    for (const sheet of document.querySelectorAll(".sheet:has(.enlarge)")) {
      const small = sheet.querySelector("img");
      const open = () => {
        picture.alt = small.alt;
        picture.src = small.src;
        dialog.showModal();
      };
      const button = sheet.querySelector(".enlarge");
      button.hidden = false;
      button.addEventListener("click", open);
      small.addEventListener("click", open);
    }
  }

  function unfoldToPrint() {
    let folded = [];
    window.addEventListener("beforeprint", () => {
      folded = [...document.querySelectorAll("details:not([open])")];
      folded.forEach((fold) => { fold.open = true; });
    });
    window.addEventListener("afterprint", () => folded.forEach((fold) => { fold.open = false; }));
  }

  document.querySelectorAll(".table[data-tools]").forEach(equip);
  enlarging();
  unfoldToPrint();
})();
