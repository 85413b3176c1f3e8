// Texts that are hard to read: whose contrast with what is behind them is less than 4.5 (large: 3).
() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

  function rgba(colour) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  }

  function over([r, g, b, a], below) {
    return [r, g, b].map((part, at) => part * a + below[at] * (1 - a));
  }

  function behind(node) {
    const colours = [];
    for (let at = node; at; at = at.parentElement) colours.push(rgba(getComputedStyle(at).backgroundColor));
    return colours.reduceRight((below, colour) => over(colour, below), [255, 255, 255]);
  }

  function luminance(colour) {
    const [r, g, b] = colour.map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  function contrast(node) {
    const back = behind(node);
    const front = over(rgba(getComputedStyle(node).color), back);
    const [dark, light] = [luminance(front), luminance(back)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  }

  function wanted(node) {
    const { fontSize, fontWeight } = getComputedStyle(node);
    const size = parseFloat(fontSize);
    return size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700) ? 3 : 4.5;
  }

  const texts = [...document.body.querySelectorAll("*")].filter((node) => {
    const own = [...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
    return own && node.checkVisibility() && !node.closest(":disabled, [aria-disabled=true], .unseen, .skip");
  });
  return texts
    .filter((node) => contrast(node) < wanted(node))
    .map((node) => `${node.tagName} ${node.className} “${node.textContent.slice(0, 40)}” ${contrast(node).toFixed(2)}`);
}
