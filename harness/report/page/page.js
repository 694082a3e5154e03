"use strict";
// runs/latest leads to a run one folder further down: opened through it, the page lies one folder nearer to the review.
if (/\/latest\/[^/]*$/.test(location.pathname)) {
  document.querySelectorAll("a[href^='../../']").forEach((link) => {
    if (/^\.\.\/\.\.\/[^/]+$/.test(link.getAttribute("href"))) link.setAttribute("href", link.getAttribute("href").slice(3));
  });
}
// Draws the charts whose data stands in #charts; zooming one zooms all.
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const places = charts.map((chart) => document.getElementById(`chart-${chart.id}`));
  const config = { responsive: true, displayModeBar: false, displaylogo: false, doubleClick: "reset" };
  // On a touch screen a drag must scroll the page, not the chart.
  const dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom";
  let following = false;

  const follow = (from, change) => {
    const range = change["xaxis.range"] || [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    const everything = change["xaxis.autorange"] === true;
    if (following || (!everything && range[0] === undefined)) return;
    following = true;
    const others = places.filter((place, index) => place !== from && !charts[index].own_axis);
    const update = everything ? { "xaxis.range": whole.slice() } : { "xaxis.range": range.slice() };
    Promise.all(others.map((place) => Plotly.relayout(place, update))).finally(() => { following = false; });
  };

  if (!charts.length) return;
  const whole = charts.find((chart) => !chart.own_axis).layout.xaxis.range.slice();
  charts.forEach((chart, index) => {
    Plotly.newPlot(places[index], chart.data, { ...chart.layout, dragmode }, config).then((place) => {
      if (!chart.own_axis) place.on("plotly_relayout", (change) => follow(place, change));
    });
  });

  // Paper has its own width, and no way to resize later.
  addEventListener("beforeprint", () => places.forEach((place) => Plotly.relayout(place, { width: 680 })));
  addEventListener("afterprint", () => places.forEach((place) => Plotly.relayout(place, { width: null, autosize: true })));
})();
