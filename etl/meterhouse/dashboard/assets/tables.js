// Tables in the browser: each column sorts, a search leaves rows out, and a tall table can be shown whole.
const meterhouseTables = (function () {
  const LONG = 12;

  const valueOf = (cell) => cell.dataset.value ?? cell.textContent;

  // Numbers by value, days by time, anything else as people sort names; what is not known comes last either way.
  function comparer(cells, isNumber) {
    const texts = cells.map(valueOf);
    const keys = isNumber ? texts.map((text) => (text === "" ? null : Number(text))) : texts;
    const isTime = !isNumber && texts.every((text) => /\b\d{4}\b/.test(text) && !Number.isNaN(Date.parse(text)));
    const times = isTime ? texts.map((text) => Date.parse(text)) : keys;
    return (one, other, sign) => {
      const [a, b] = [times[one], times[other]];
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }));
    };
  }

  // A table of many columns comes in several beside each other, and their rows keep together.
  function sort(blocks, rows, heading, header) {
    const place = [...header.children].indexOf(heading);
    const block = blocks.findIndex((table) => table.contains(heading));
    const isNumber = heading.classList.contains("number");
    const sign = heading.getAttribute("aria-sort") === (isNumber ? "descending" : "ascending") ? (isNumber ? 1 : -1) : (isNumber ? -1 : 1);
    const compare = comparer(rows[block].map((row) => row.cells[place]), isNumber);
    const order = rows[block].map((_, index) => index).sort((one, other) => compare(one, other, sign));
    for (const table of blocks) for (const one of table.querySelectorAll("thead th")) one.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    blocks.forEach((table, index) => table.tBodies[0].append(...order.map((one) => rows[index][one])));
  }

  function search(blocks, rows, text, told) {
    const wanted = text.trim().toLocaleLowerCase();
    let left = 0;
    rows[0].forEach((_, index) => {
      const isShown = !wanted || rows.some((block) => block[index].textContent.toLocaleLowerCase().includes(wanted));
      left += isShown;
      for (const block of rows) block[index].hidden = !isShown;
    });
    // The total is that of all rows.
    for (const table of blocks) if (table.tFoot) table.tFoot.hidden = Boolean(wanted);
    told.textContent = wanted ? `${left.toLocaleString("en")} of ${rows[0].length.toLocaleString("en")} rows` : "";
  }

  function button(text, className) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.className = className;
    return made;
  }

  function tools(details, slot, blocks, rows) {
    details.querySelector(".tools")?.remove();
    if (rows[0].length <= LONG) return;
    const bar = document.createElement("div");
    bar.className = "tools";
    const field = document.createElement("input");
    field.type = "search";
    field.placeholder = "Search";
    field.setAttribute("aria-label", "Search in the table of " + details.dataset.label);
    const told = document.createElement("span");
    told.setAttribute("role", "status");
    field.addEventListener("input", () => search(blocks, rows, field.value, told));
    const whole = button("All rows", "");
    whole.setAttribute("aria-pressed", String(slot.classList.contains("whole")));
    whole.addEventListener("click", () => whole.setAttribute("aria-pressed", String(slot.classList.toggle("whole"))));
    bar.append(field, whole, told);
    slot.before(bar);
  }

  return {
    dress(details, slot) {
      const blocks = [...slot.querySelectorAll("table")];
      const rows = blocks.map((table) => [...table.tBodies[0].rows]);
      for (const table of blocks) {
        const header = table.tHead.rows[0];
        for (const heading of header.cells) {
          const made = button(heading.textContent, "sort");
          made.addEventListener("click", () => sort(blocks, rows, heading, header));
          heading.replaceChildren(made);
        }
      }
      for (const row of slot.querySelectorAll("tr[data-pick]")) {
        const name = row.cells[0];
        name.replaceChildren(button(name.textContent, "pick"));
      }
      tools(details, slot, blocks, rows);
    },
  };
})();
window.meterhouseTables = meterhouseTables;
