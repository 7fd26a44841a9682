"use strict";
// Long tables: sorted by a click on a column's head, folded by family, filtered by words. Without this they stand whole.
(() => {
  const number = (cell) => {
    const found = cell.textContent.trim().replace("\u2212", "-").match(/^[+-]?[\d,]*\.?\d+/);
    return found ? Number(found[0].replaceAll(",", "")) : -Infinity;
  };

  const button = (cell, pressed) => {
    const made = document.createElement("button");
    made.type = "button";
    made.append(...cell.childNodes);
    cell.append(made);
    made.addEventListener("click", () => pressed(made));
    return made;
  };

  const alive = (table) => {
    const [head, ...rows] = table.rows;
    const group = (row) => row.cells[0].classList.contains("group");
    const families = rows.filter(group);
    const items = rows.filter((row) => !group(row));
    const body = rows[0].parentNode;
    const folded = new Set();
    let words = [];
    let sorted = null;
    const family = new Map();
    let last = null;
    for (const row of rows) {
      if (group(row)) last = row;
      else family.set(row, last);
    }

    const show = () => {
      const filled = new Set();
      for (const row of items) {
        const text = `${row.textContent} ${family.get(row)?.textContent ?? ""}`.toLowerCase();
        const fits = words.every((word) => text.includes(word));
        if (fits) filled.add(family.get(row));
        row.hidden = !fits || (!sorted && words.length === 0 && folded.has(family.get(row)));
      }
      for (const row of families) row.hidden = sorted !== null || !filled.has(row);
      told.textContent = words.length ? `${items.filter((row) => !row.hidden).length} of ${items.length}` : "";
    };

    const order = (column) => {
      const down = sorted?.column === column && sorted.down !== false ? false : true;
      const back = sorted?.column === column && sorted.down === false;
      sorted = back ? null : { column, down };
      const figures = head.cells[column].classList.contains("n");
      const key = (row) => (figures ? number(row.cells[column]) : row.cells[column].textContent);
      const sign = figures === down ? -1 : 1;
      const compare = (a, b) => sign * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
      body.append(...(sorted ? [...items].sort(compare) : rows));
      for (const cell of head.cells) cell.removeAttribute("aria-sort");
      if (sorted) head.cells[column].setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
      show();
    };

    [...head.cells].forEach((cell, column) => cell.textContent.trim() && button(cell, () => order(column)));
    for (const row of families) {
      const fold = button(row.cells[0], (pressed) => {
        if (!folded.delete(row)) folded.add(row);
        pressed.setAttribute("aria-expanded", String(!folded.has(row)));
        show();
      });
      fold.setAttribute("aria-expanded", "true");
    }
    const find = document.createElement("div");
    find.className = "find";
    const label = document.createElement("label");
    const input = document.createElement("input");
    const told = document.createElement("span");
    input.type = "search";
    label.append("Filter ", input);
    told.setAttribute("role", "status");
    find.append(label, told);
    input.addEventListener("input", () => {
      words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      show();
    });
    table.parentNode.before(find);
  };

  document.querySelectorAll("table.sortable").forEach(alive);
})();
