/** Lines of numbers over the last minute, as SVG. */

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;

function s(tag, props) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, value);
  return node;
}

/**
 * A plot that is drawn anew with each sample.
 * @param {string} label - what it shows, for who can't see it
 * @param {number} points - how many samples are shown
 * @param {number} height - in its own units; the page stretches it
 * @param {number} lines - how many lines it has
 */
export function plot(label, points, height, lines = 1) {
  const node = s("svg", {
    viewBox: `0 0 ${WIDTH} ${height}`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": label,
    class: "plot",
  });
  const area = s("polygon", { class: "area" });
  const drawn = Array.from({ length: lines }, (_, index) =>
    s("polyline", { class: `stroke stroke-${index}`, "vector-effect": "non-scaling-stroke" }),
  );
  node.append(area, ...drawn);
  const step = WIDTH / (points - 1);

  /** Draw lines of numbers, the newest at the right; `top` is the least that the height stands for. */
  function draw(series, top) {
    const most = Math.max(top, ...series.flat());
    series.forEach((values, index) => {
      const left = WIDTH - (values.length - 1) * step;
      const places = values.map(
        (value, at) =>
          `${(left + at * step).toFixed(1)},${(height - 1 - (value / most) * (height - 3)).toFixed(1)}`,
      );
      drawn[index].setAttribute("points", places.join(" "));
      if (index === 0)
        area.setAttribute(
          "points",
          values.length
            ? `${left.toFixed(1)},${height} ${places.join(" ")} ${WIDTH},${height}`
            : "",
        );
    });
    return most;
  }
  return { node, draw };
}
