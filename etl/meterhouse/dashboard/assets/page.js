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
      for (const button of document.querySelectorAll(".presets button")) button.setAttribute("aria-pressed", String(button.id === shown.preset));
      window.meterhouseSpans = shown.spans;
      window.meterhouseDrawAgain?.(shown);
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
      meterhouseTables.dress(details, slot);
    } catch (error) {
      slot.textContent = "The table could not be read. Close it and open it again.";
      delete slot.dataset.of;
    } finally {
      slot.removeAttribute("aria-busy");
    }
  }

  // A click on a part of a chart, on the name of a row, or on what is chosen: sees only that, or everything again.
  function choose(text) {
    const at = text.indexOf(":");
    const [name, value] = [text.slice(0, at), text.slice(at + 1)];
    if (!name) return;
    if (name === "days") {
      const [first, last] = value.split("/");
      window.dash_clientside.set_props("days", { start_date: first, end_date: last ?? first });
      return;
    }
    const chosen = new URLSearchParams(location.search).getAll(name);
    const rest = chosen.filter((one) => one !== value);
    window.dash_clientside.set_props(name, { value: rest.length < chosen.length ? rest : [value] });
  }

  document.addEventListener("click", (event) => {
    const picked = event.target.closest("#trail [data-pick]") ?? event.target.closest(".pick")?.closest("[data-pick]");
    if (picked) choose(picked.dataset.pick);
  });

  // The server has said which days a button means.
  document.addEventListener("click", (event) => {
    const [first, last] = window.meterhouseSpans?.[event.target.closest(".presets button")?.id] ?? [];
    if (first) window.dash_clientside.set_props("days", { start_date: first, end_date: last });
  });

  // Plotly has its own events, and a chart that is drawn anew has lost its listeners.
  const onPoint = ({ points }) => { const text = [points[0]?.customdata].flat()[0]; if (text) choose(text); };
  document.addEventListener("pointerdown", (event) => {
    const plot = event.target.closest?.(".js-plotly-plot");
    if (!plot?.on) return;
    plot.removeListener("plotly_click", onPoint);
    plot.on("plotly_click", onPoint);
  }, true);

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
        // What was saved is filled in as a whole.
        if (picture && picture.id !== "savings-picture" && !isDrawn(picture)) picture.append(...panel.querySelectorAll(".drawn"));
      });
      cover.remove();
    }
    performance.mark("meterhouse-usable");
    isStarted = true;
    drawAll(pictures(), isDrawn);
  }

  const idle = () => new Promise((go) => (window.requestIdleCallback ? requestIdleCallback(go, { timeout: 1000 }) : setTimeout(go, 100)));

  function until(told, node) {
    return new Promise((go) => {
      const watch = new MutationObserver(() => { if (told()) { watch.disconnect(); go(); } });
      watch.observe(node, { childList: true, subtree: true });
      if (told()) { watch.disconnect(); go(); }
    });
  }

  // One at a time, so that a click never waits for more than one chart; those in sight first.
  let turn = 0;
  async function drawAll(ids, isDone) {
    const own = ++turn;
    const middle = window.innerHeight / 2;
    const far = (id) => Math.abs((document.getElementById(id)?.getBoundingClientRect().top ?? 0) - middle);
    for (const id of ids.map((one) => [far(one), one]).sort(([one], [other]) => one - other).map(([, one]) => one)) {
      if (own !== turn) return;
      // Asked for anew: what stood here before may be gone.
      const picture = () => document.getElementById(id);
      if (picture().hidden || isDone(picture())) { picture().removeAttribute("aria-busy"); continue; }
      window.dash_clientside.set_props("soon-" + id.replace(/-picture$/, ""), { data: Date.now() });
      // A chart whose answer got lost keeps its picture, and the others are drawn.
      await Promise.race([until(() => isDone(picture()), document.getElementById("figures")), new Promise((go) => setTimeout(go, 10000))]);
      if (!isDone(picture())) continue;
      picture().removeAttribute("aria-busy");
      for (const drawn of picture().querySelectorAll(".drawn")) drawn.remove();
      await idle();
    }
    if (own === turn && !performance.getEntriesByName("meterhouse-drawn").length) performance.mark("meterhouse-drawn");
  }

  const pictures = () => [...document.querySelectorAll("#figures .picture")].map(({ id }) => id).filter((id) => id !== "savings-picture");

  // After a choice: figures, words and tables are there at once, and each picture is drawn again as soon as nothing else waits.
  let isStarted = false;
  window.meterhouseDrawAgain = ({ query, only }) => {
    if (!isStarted) return;
    const ids = only ? [only + "-picture"] : pictures();
    const isDone = (picture) => isDrawn(picture) && (picture.hidden || picture.querySelector("[data-of]")?.dataset.of === query);
    // The others are of the same figures, whatever their address says.
    for (const id of ids) if (!isDone(document.getElementById(id))) document.getElementById(id).setAttribute("aria-busy", "true");
    requestAnimationFrame(() => setTimeout(() => drawAll(ids, isDone)));
  };

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
