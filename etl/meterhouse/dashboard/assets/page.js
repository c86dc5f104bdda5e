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

  // The picture of the page stands in front of the app until the first charts are drawn.
  const cover = document.getElementById("first-paint");
  function drawn() {
    const pictures = [...document.querySelectorAll("#react-entry-point section:nth-of-type(2) .picture:not([hidden])")];
    return document.querySelector(".failure") || (document.querySelector("#react-entry-point .panel") && pictures.every((one) => one.querySelector(".main-svg")));
  }
  function uncover() {
    if (!cover.isConnected) return;
    performance.mark("meterhouse-drawn");
    cover.remove();
    watch.disconnect();
  }
  const watch = new MutationObserver(() => { if (drawn()) requestAnimationFrame(uncover); });
  if (cover) {
    watch.observe(document.body, { childList: true, subtree: true });
    setTimeout(uncover, 15000);
  }

  document.addEventListener("toggle", (event) => {
    if (event.target.matches("details[data-src]") && event.target.open) fill(event.target);
  }, true);
  // An open table follows the filters, and a load that came in between.
  new MutationObserver((changes) => {
    for (const { target } of changes) if (target.matches("details[data-src][open]")) fill(target);
  }).observe(document.documentElement, { subtree: true, attributes: true, attributeFilter: ["data-src"] });
})();
