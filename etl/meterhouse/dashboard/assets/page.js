// What needs no server: the colours, the address that keeps the filters, and tables that are fetched when they are opened.
window.dash_clientside = Object.assign({}, window.dash_clientside, {
  meterhouse: {
    theme(value) {
      const root = document.documentElement;
      if (value === "auto") delete root.dataset.theme;
      else root.dataset.theme = value;
      try { localStorage.setItem("meterhouse-theme", value); } catch (error) { /* private windows keep nothing */ }
      return "segments";
    },
    address(shown) {
      history.replaceState(null, "", "?" + shown.query);
      document.title = shown.title;
      return shown.query;
    },
  },
});

(function () {
  async function fill(details) {
    const source = details.dataset.src;
    let slot = details.querySelector(".slot");
    if (!slot) {
      slot = document.createElement("div");
      slot.className = "slot";
      slot.tabIndex = 0;
      slot.setAttribute("role", "region");
      details.append(slot);
    }
    slot.setAttribute("aria-label", "Table of " + details.dataset.label);
    if (slot.dataset.of === source) return;
    slot.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(source);
      if (!answer.ok) throw new Error();
      const table = await answer.text();
      if (details.dataset.src !== source) return;
      slot.innerHTML = table;
      slot.dataset.of = source;
    } catch (error) {
      slot.textContent = "The table could not be read. Close it and open it again.";
      delete slot.dataset.of;
    } finally {
      slot.removeAttribute("aria-busy");
    }
  }

  // On a phone the filters fold away, so that the figures come first.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("#more");
    if (!button) return;
    const open = document.getElementById("filters").classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? "Fewer filters" : "More filters";
  });

  // The picture of the page stands in front of the app until the filters work. Then its charts move into the app, where each stays until
  // plotly has drawn its own: that library is large, and nobody should wait for it to choose a project.
  const cover = document.getElementById("first-paint");
  const isDrawn = (picture) => picture.hidden || picture.querySelector(".main-svg") !== null;
  const isUsable = () => document.querySelector(".failure") || ["first-day", "users"].every((id) => document.getElementById(id));

  // There may be no cover: the warehouse did not answer when the page was made, or the app took too long.
  function start() {
    if (cover?.isConnected) {
      const panels = document.querySelectorAll("#react-entry-point .panel");
      cover.querySelectorAll(".panel").forEach((panel, number) => {
        const picture = panels[number]?.querySelector(".picture");
        if (picture && !isDrawn(picture)) picture.append(...panel.querySelectorAll(".drawn"));
      });
      cover.remove();
    }
    performance.mark("meterhouse-usable");
    drawAll();
  }

  const idle = () => new Promise((go) => (window.requestIdleCallback ? requestIdleCallback(go, { timeout: 1000 }) : setTimeout(go, 100)));

  function until(told, node) {
    return new Promise((go) => {
      const watch = new MutationObserver(() => { if (told()) { watch.disconnect(); go(); } });
      watch.observe(node, { childList: true, subtree: true });
      if (told()) { watch.disconnect(); go(); }
    });
  }

  async function drawAll() {
    for (const { id } of document.querySelectorAll("#figures .picture")) {
      // One at a time, so that a click never waits for more than one chart.
      await idle();
      // Asked for anew: a filter may have been used meanwhile, and its answer brings new panels with the charts in them.
      const picture = () => document.getElementById(id);
      if (!picture().hidden && !picture().querySelector(".dash-graph")) {
        window.dash_clientside.set_props("soon-" + id.replace(/-picture$/, ""), { data: Date.now() });
      }
      // A chart whose answer got lost keeps its picture, and the others are drawn.
      await Promise.race([until(() => isDrawn(picture()), document.getElementById("figures")), new Promise((go) => setTimeout(go, 10000))]);
      if (!isDrawn(picture())) continue;
      for (const drawn of picture().querySelectorAll(".drawn")) drawn.remove();
    }
    performance.mark("meterhouse-drawn");
  }

  until(isUsable, document.body).then(() => requestAnimationFrame(start));
  if (cover) setTimeout(() => cover.remove(), 15000);

  // Plotly draws for a width in pixels, and paper has another one than the screen: for the time of printing each chart is drawn again, as
  // wide as its place is there.
  const plots = () => document.querySelectorAll("#figures .js-plotly-plot");
  window.addEventListener("beforeprint", () => {
    document.documentElement.classList.add("on-paper");
    for (const plot of plots()) Plotly.relayout(plot, { width: plot.closest(".picture").clientWidth });
  });
  window.addEventListener("afterprint", () => {
    document.documentElement.classList.remove("on-paper");
    for (const plot of plots()) Plotly.relayout(plot, { width: null, autosize: true });
  });

  document.addEventListener("toggle", (event) => {
    if (event.target.matches("details[data-src]") && event.target.open) fill(event.target);
  }, true);
  // An open table follows the filters, and a load that came in between.
  new MutationObserver((changes) => {
    for (const { target } of changes) if (target.matches("details[data-src][open]")) fill(target);
  }).observe(document.documentElement, { subtree: true, attributes: true, attributeFilter: ["data-src"] });
})();
