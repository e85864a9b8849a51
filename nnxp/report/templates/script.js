"use strict";
(function () {
  const tip = document.getElementById("tip");
  const nearest = (places, x) =>
    places.reduce((best, place, i) => (Math.abs(place - x) < Math.abs(places[best] - x) ? i : best), 0);

  function prepare(plot) {
    const chart = JSON.parse(plot.dataset.chart);
    const cursor = document.createElement("i");
    cursor.className = "cursor";
    cursor.hidden = true;
    plot.append(cursor);
    let at = chart.left.length - 1;

    function show(i) {
      at = i;
      cursor.hidden = tip.hidden = false;
      cursor.style.left = chart.left[i] + "%";
      tip.replaceChildren();
      const head = document.createElement("b");
      head.textContent = chart.x[i];
      tip.append(head);
      chart.lines.forEach((line, k) => {
        const row = document.createElement("span");
        row.className = "key k" + (k % 6) + (k > 5 ? " second" : "");
        row.textContent = line.name + " " + line.text[i];
        tip.append(row);
      });
      const box = plot.getBoundingClientRect();
      const middle = box.left + (box.width * chart.left[i]) / 100;
      const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
      tip.style.left = Math.max(8, Math.min(middle - tip.offsetWidth / 2, room)) + "px";
      const above = box.top - tip.offsetHeight - 6;
      tip.style.top = (above > 4 ? above : box.bottom + 6) + "px";
    }

    function hide() {
      cursor.hidden = tip.hidden = true;
    }

    function follow(event) {
      const box = plot.getBoundingClientRect();
      show(nearest(chart.left, (100 * (event.clientX - box.left)) / box.width));
    }

    plot.addEventListener("pointermove", follow);
    plot.addEventListener("pointerdown", follow);
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);
    plot.addEventListener("focus", () => plot.matches(":focus-visible") && show(at));
    plot.addEventListener("keydown", (event) => {
      const last = chart.left.length - 1;
      const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
      if (event.key in moves) {
        show(Math.max(0, Math.min(last, moves[event.key])));
        event.preventDefault();
      } else if (event.key === "Escape") {
        hide();
      }
    });
  }

  document.querySelectorAll("[data-chart]").forEach(prepare);
  window.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
})();
