"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const theme = () => ({
  paper_bgcolor: "rgba(0,0,0,0)",
  plot_bgcolor: "rgba(0,0,0,0)",
  "font.color": style("--text"),
  "xaxis.gridcolor": style("--line"),
  "yaxis.gridcolor": style("--line"),
  "xaxis.zerolinecolor": style("--line"),
  "yaxis.zerolinecolor": style("--line"),
});
const plots = [...document.querySelectorAll(".plot")];
const options = {responsive: true, displaylogo: false, displayModeBar: false};
// A legend of many lines takes its height below the plot, not from it.
const lines = plot => Math.max(0, figures[plot.dataset.figure].data.filter(t => t.showlegend).length - 4);
Promise.all(plots.map(async plot => {
  const figure = figures[plot.dataset.figure];
  if (lines(plot)) plot.style.height = `${24 + 1.3 * lines(plot)}rem`;
  await Plotly.newPlot(plot, figure.data, figure.layout, options);
  await Plotly.relayout(plot, theme());
})).then(() => { document.documentElement.dataset.drawn = plots.length; });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  plots.forEach(plot => Plotly.relayout(plot, theme())));
// On paper: two plots beside each other, in the colors of a light page.
const paper = {width: 336, height: 330, "legend.y": -0.4, "font.color": "#000000", "xaxis.gridcolor": "#cccccc", "yaxis.gridcolor": "#cccccc"};
addEventListener("beforeprint", () => plots.forEach(plot =>
  Plotly.relayout(plot, {...paper, height: paper.height + 40 * lines(plot)})));
addEventListener("afterprint", () => plots.forEach(plot =>
  Plotly.relayout(plot, {...theme(), width: null, height: null, "legend.y": -0.25, autosize: true})));
// Served by `report --watch`: load it again, and stay as it is when nobody serves it any more.
const every = Number(document.documentElement.dataset.refresh);
if (every) setInterval(() =>
  fetch(location.href, {method: "HEAD"}).then(() => location.reload(), () => {}), 1000 * every);
